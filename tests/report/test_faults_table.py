"""Write the table of a self-test with the fault that proved each criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.observation import Observation
from sqlite_consolidate.report.statements.faults_table import faults_table, proven
from tests.support.reports.scripted_run import Script, ended, record_of_run

if TYPE_CHECKING:
    from pathlib import Path


def test_unproven_criterion_is_listed_once_with_its_reason(tmp_path: Path) -> None:
    """It did not refuse its fault, or no fault was planted."""
    survived = Observation("a row is deleted", "exit 1", "exit 0", holds=False)
    run = ended(tmp_path, Mode.SELFTEST, Script({"can-fail:rows-exact": [survived]}))
    run.log.unanswerable["can-fail:space"] = "not planted: the disk is real"
    del run.log.results["can-fail:space"]
    record = record_of_run(run)

    rows = [line.split(maxsplit=1) for line in faults_table(record).splitlines()[3:]]

    by_criterion = dict(rows)
    assert len(by_criterion) == len(rows) == len(record.criteria) - 1  # all but that of the runs without a fault
    assert by_criterion["rows-exact"].endswith("NO: exit 0")
    assert by_criterion["space"].endswith("not planted: the disk is real")
    assert by_criterion["smoke:WMS"].endswith("yes")
    assert proven(record) == (len(rows) - 2, len(rows))

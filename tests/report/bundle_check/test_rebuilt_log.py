"""Rebuild the log of a run from its record, and decide the same verdict by it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.verdict import headline, verdict
from sqlite_consolidate.report.bundle_check.rebuilt_log import rebuild_log
from sqlite_consolidate.report.evidence_json import record_from_json, to_json
from tests.support.reports.records import not_examined
from tests.support.reports.scripted_run import APPLICATION, Script, ended, record_of_run, scripts
from tests.support.thorough import sampled

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record

_WAYS = tuple(scripts(Mode.MIGRATE))
_EXPECTED = {"accepted": "accepted", "not required": "accepted", "already": "accepted", "broken": "refused"}


def read_again(record: Record) -> Record:
    """Return the record as its evidence has it."""
    return record_from_json(json.loads(to_json(record)))


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("mode", sampled(Mode, 0, 1, 3))
def test_rebuilt_log_gives_the_verdict_of_the_run(tmp_path: Path, mode: Mode, way: str) -> None:
    """This holds for every end of a run. An accepted run has the same headline as well."""
    run = ended(tmp_path, mode, scripts(mode)[way])
    record = record_of_run(run)

    log = rebuild_log(read_again(record), [APPLICATION])

    assert verdict(log) == record.verdict == verdict(run.log)
    assert record.verdict == _EXPECTED.get(way, record.verdict)
    assert (record.verdict == "accepted") == (_EXPECTED.get(way) == "accepted")
    assert headline(log, record.exit_code) == record.headline


@pytest.mark.parametrize("mode", Mode)
def test_log_names_the_same_demanded_criteria(tmp_path: Path, mode: Mode) -> None:
    """Those of the plan's application are among them where the mode runs applications."""
    run = ended(tmp_path, mode)

    log = rebuild_log(read_again(record_of_run(run)), [APPLICATION])

    assert log.criteria == run.log.criteria
    assert log.results == run.log.results


def test_missing_criterion_is_accepted_only_from_another_release(tmp_path: Path) -> None:
    """The criteria of another release are those that it names."""
    record = record_of_run(ended(tmp_path, Mode.MIGRATE))
    fewer = replace(record, criteria=tuple(entry for entry in record.criteria if entry.criterion != "rows-exact"))

    assert verdict(rebuild_log(fewer, [APPLICATION])) == "not shown"
    assert verdict(rebuild_log(fewer, [APPLICATION], of_this_release=False)) == "accepted"
    unlooked = replace(fewer, criteria=(*fewer.criteria, not_examined("rows-exact", "not run")))
    assert verdict(rebuild_log(unlooked, [APPLICATION], of_this_release=False)) == "not shown"


def test_stages_of_another_release_are_those_it_names(tmp_path: Path) -> None:
    """A stage that it did not have is not missed, and a failed one counts."""
    record = record_of_run(ended(tmp_path, Mode.MIGRATE))
    fewer = replace(record, stages=record.stages[1:])
    failing = replace(record, stages=(replace(record.stages[0], id="11-other", outcome="failed"), *record.stages))

    assert verdict(rebuild_log(fewer, [APPLICATION])) == "not shown"
    assert verdict(rebuild_log(fewer, [APPLICATION], of_this_release=False)) == "accepted"
    assert verdict(rebuild_log(failing, [APPLICATION], of_this_release=False)) == "refused"


def test_plan_with_mistakes_asks_for_no_application(tmp_path: Path) -> None:
    """Its run was refused before the plan was loaded, so its record has no digest of the plan."""
    record = record_of_run(ended(tmp_path, Mode.MIGRATE, Script(broken="10-preflight")))
    unread = replace(record, plan={**record.plan, "sha256": ""})

    assert f"smoke:{APPLICATION}" in rebuild_log(record, [APPLICATION]).criteria["80-smoke"]
    assert f"smoke:{APPLICATION}" not in rebuild_log(unread, [APPLICATION]).criteria["80-smoke"]

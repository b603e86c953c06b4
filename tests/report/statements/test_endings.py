"""Name how a run ended by its verdict, mode and exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.report.past_runs import describe_run, parse_manifest
from sqlite_consolidate.report.statements.endings import Ending, ending_of
from tests.support.reports.scripted_run import ended, record_of_run, scripts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in (Mode.SELFTEST, Mode.BUNDLE)])
def test_only_an_acceptance_has_a_good_tone(tmp_path: Path, mode: Mode) -> None:
    """This holds however a run of any mode ends."""
    for name, script in scripts(mode).items():
        record = record_of_run(ended(tmp_path, mode, script))

        assert (ending_of(record).tone == "good") == (record.verdict == "accepted"), name
        assert ending_of(replace(record, finished="")) is Ending.UNFINISHED


@pytest.mark.parametrize(
    ("mode", "exit_code", "ending"),
    [
        (Mode.MIGRATE, ExitCode.REFUSED, Ending.REFUSED),
        (Mode.MIGRATE, ExitCode.FAILED, Ending.FAILED),
        (Mode.MIGRATE, ExitCode.INTERNAL, Ending.STRANDED),
        (Mode.REHEARSAL, ExitCode.REFUSED, Ending.REFUSED),
        (Mode.REHEARSAL, ExitCode.FAILED, Ending.UNREHEARSED),
        (Mode.ROLLBACK, ExitCode.REFUSED, Ending.NOT_ROLLED_BACK),
        (Mode.ROLLBACK, ExitCode.INTERNAL, Ending.STRANDED),
        (Mode.CHECK, ExitCode.FAILED, Ending.NOT_INTACT),
        (Mode.ORIGINALS, ExitCode.FAILED, Ending.NOT_CONFIRMED),
        (Mode.BUNDLE, ExitCode.FAILED, Ending.NOT_CONFIRMED),
    ],
)
def test_refusal_is_named_by_mode_and_exit_code(
    refused: Record, mode: Mode, exit_code: ExitCode, ending: Ending
) -> None:
    """The first word says what became of the workspace."""
    assert ending_of(replace(refused, mode=mode, exit_code=exit_code)) is ending


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in (Mode.SELFTEST, Mode.BUNDLE)])
def test_manifest_tells_the_ending_of_its_report(tmp_path: Path, mode: Mode) -> None:
    """The index of all runs has the word of each report."""
    for name, script in scripts(mode).items():
        record = record_of_run(ended(tmp_path, mode, script))
        attempt = parse_manifest(json.dumps({"about": describe_run(record)}).encode(), "")

        assert attempt is not None
        assert ending_of(attempt) is ending_of(record), name


def test_check_that_was_not_made_is_not_confirmed(refused: Record) -> None:
    """Without a failed criterion, nothing is said against the consolidation."""
    record = replace(refused, mode=Mode.CHECK, criteria=())

    assert ending_of(record) is Ending.NOT_CONFIRMED

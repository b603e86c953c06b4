"""Specify the verdict, the exit code and the headline of a run by its log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import RunLog, UndoResult
from sqlite_consolidate.engine.run.stages import ARCHIVE, FINAL, PREFLIGHT, VERIFY, stages_of
from sqlite_consolidate.engine.run.verdict import exit_code, headline, verdict
from sqlite_consolidate.observation import Observation, not_examined, not_required

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.engine.run.stages import Stage

PASSED = Observation("a.db", "3 rows", "3 rows", holds=True)
FAILED = replace(PASSED, observed="2 rows", holds=False)


def a_log(mode: Mode = Mode.MIGRATE, last: Stage | None = None) -> RunLog:
    """Return the log of a run whose stages have passed, up to and including one."""
    log = RunLog(mode, criteria={stage.id: criteria_in(stage, ["app"]) for stage in stages_of(mode)})
    for stage in stages_of(mode):
        log.begin(stage)
        log.end_performing(stage)
        for criterion in log.demanded(stage):
            log.add(stage, criterion, [PASSED])
        if stage == last:
            break
    return log


def nothing(_log: RunLog) -> None:
    """Leave the log as it is."""


def not_demanded_by_the_plan(log: RunLog) -> None:
    """Let each criterion that can be so be not required."""
    for stage in stages_of(log.mode):
        for criterion in log.demanded(stage):
            log.add(stage, criterion, [not_required("plan", "it demands none")])


def one_failed(log: RunLog) -> None:
    """Let one subject of one criterion fail."""
    log.add(VERIFY, "rows-exact", [PASSED, FAILED])


def one_failed_at_the_end(log: RunLog) -> None:
    """Let a criterion of the last stage fail."""
    log.add(FINAL, "record-written", [FAILED])


def one_not_examined(log: RunLog) -> None:
    """Let a check have looked at nothing."""
    log.add(VERIFY, "rows-exact", [not_examined("a.db", "it is locked")])


def one_unchecked(log: RunLog) -> None:
    """Leave out a check."""
    del log.results["rows-exact"]


def one_unchecked_and_unanswerable(log: RunLog) -> None:
    """Leave out a check that cannot be made here."""
    one_unchecked(log)
    log.unanswerable["rows-exact"] = "the originals are not there"


def one_stage_left_out(log: RunLog) -> None:
    """Leave out a stage, but none of its results."""
    del log.stages[ARCHIVE.id]


def one_stage_broken(log: RunLog) -> None:
    """Let a stage have failed that had passed its criteria."""
    log.fail(ARCHIVE, "It is locked.")


def an_error(log: RunLog) -> None:
    """Let something have gone wrong that is no criterion."""
    log.errors.append("the end of the run could not be noted")


def interrupted(log: RunLog) -> None:
    """Let a signal have ended the run."""
    log.interrupted = ExitCode.INTERRUPTED


def failed_and_interrupted(log: RunLog) -> None:
    """Let a signal have come after a criterion failed."""
    one_failed(log)
    interrupted(log)


def already(log: RunLog) -> None:
    """Let the workspace have been consolidated before."""
    log.stages.clear()
    log.results.clear()
    log.already_consolidated = True


def not_rolled_back(log: RunLog) -> None:
    """Let a criterion have failed, and the rollback as well."""
    one_failed(log)
    log.rolled_back = UndoResult("a.db: other bytes.", complete=False)


def interrupted_and_not_rolled_back(log: RunLog) -> None:
    """Let a signal have ended the run, and the rollback have failed."""
    interrupted(log)
    log.rolled_back = UndoResult("a.db: other bytes.", complete=False)


@pytest.mark.parametrize(
    ("spoil", "decided", "acted", "untouched"),
    [
        (nothing, "accepted", 0, 0),
        (not_demanded_by_the_plan, "accepted", 0, 0),
        (one_unchecked_and_unanswerable, "accepted", 0, 0),
        (already, "accepted", 0, 0),
        (one_failed, "refused", 1, 4),
        (one_failed_at_the_end, "refused", 1, 4),
        (one_not_examined, "refused", 1, 4),
        (one_stage_broken, "refused", 1, 4),
        (an_error, "refused", 1, 4),
        (one_unchecked, "not shown", 1, 4),
        (one_stage_left_out, "not shown", 1, 4),
        (interrupted, "not shown", 2, 2),
        (failed_and_interrupted, "refused", 2, 2),
        (not_rolled_back, "refused", 3, 3),
        (interrupted_and_not_rolled_back, "not shown", 3, 3),
    ],
)
def test_verdict_and_the_exit_code_follow_the_log(
    spoil: Callable[[RunLog], None], decided: str, acted: int, untouched: int
) -> None:
    """Only an accepted run has exit code 0.

    A run that was refused before it changed anything has exit code 4.
    """
    log = a_log()

    spoil(log)

    assert verdict(log) == decided
    assert exit_code(log, has_acted=True) == acted
    assert exit_code(log, has_acted=False) == untouched


@pytest.mark.parametrize("stage", stages_of(Mode.MIGRATE), ids=lambda stage: stage.id)
def test_run_without_its_last_stage_is_not_accepted(stage: Stage) -> None:
    """All of its results hold, but the others are not shown."""
    assert verdict(a_log(last=stage)) == ("accepted" if stage == FINAL else "not shown")


@pytest.mark.parametrize(
    ("stage", "criterion"),
    [(stage, id) for stage in stages_of(Mode.MIGRATE) for id in criteria_in(stage, ["app"])],
    ids=lambda part: part if isinstance(part, str) else part.id,
)
def test_migration_needs_each_of_its_criteria(stage: Stage, criterion: str) -> None:
    """The claim holds for each criterion."""
    unchecked, failed = a_log(), a_log()

    del unchecked.results[criterion]
    failed.add(stage, criterion, [FAILED])

    assert (verdict(unchecked), verdict(failed)) == ("not shown", "refused")


def test_empty_log_is_not_accepted() -> None:
    """The claim holds for each mode, also for one that demands nothing yet."""
    assert {verdict(RunLog(mode)) for mode in Mode} == {"not shown"}


@pytest.mark.parametrize("mode", Mode)
def test_judging_run_fails_with_exit_code_1(mode: Mode) -> None:
    """It works on copies, and a criterion that fails there has exit code 1."""
    log = a_log(mode)
    stage = stages_of(mode)[0]
    log.add(stage, log.demanded(stage)[0], [FAILED])

    assert exit_code(log, has_acted=False) == (ExitCode.FAILED if mode.only_judges else ExitCode.REFUSED)
    assert exit_code(log, has_acted=True) == ExitCode.FAILED


@pytest.mark.parametrize("code", INTERRUPTIONS)
def test_signal_decides_the_exit_code_of_an_interrupted_run(code: ExitCode) -> None:
    """Earlier failures do not change it."""
    log = a_log(last=PREFLIGHT)
    log.interrupted = code

    assert exit_code(log, has_acted=False) == exit_code(log, has_acted=True) == code


@pytest.mark.parametrize(
    ("spoil", "begins"),
    [
        (nothing, Mode.MIGRATE.accepted),
        (already, "Already consolidated"),
        (one_failed, "Failed and rolled back."),
        (one_unchecked, "Not shown."),
        (interrupted, "Interrupted."),
        (not_rolled_back, "NOT ROLLED BACK: a.db"),
    ],
)
def test_headline_begins_with_the_verdict(spoil: Callable[[RunLog], None], begins: str) -> None:
    """A run that has not ended has no verdict."""
    log = a_log()
    spoil(log)
    assert headline(log, ExitCode.FAILED).startswith("Unfinished")

    log.finished = "2025-01-31T12:00:00+00:00"

    assert headline(log, ExitCode.FAILED).startswith(begins)

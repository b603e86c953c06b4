"""Hold the wording of a run's headlines, so that a better sentence costs one line."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import NO_TABLE_MOVED, CheckResult, Evidence, RunLog, UndoResult
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.engine.run.verdict import headline
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, Outcome

ACCEPTED = {
    Mode.MIGRATE: "Accepted: consolidated, every required criterion passed.",
    Mode.REHEARSAL: (
        "Rehearsal passed: every required criterion passed on copies, and the rollback restored them. "
        "The workspace was not touched."
    ),
    Mode.CHECK: "Still intact: every required criterion passed, and the workspace was not written to.",
    Mode.ROLLBACK: "Rolled back: everything is as it was before the migration.",
    Mode.ORIGINALS: (
        "Confirmed by its originals: each criterion that they can answer passed, and the workspace was not written to."
    ),
    Mode.BUNDLE: "The bundle is complete and consistent.",
    Mode.INVENTORY: "Inventory taken: no database was changed.",
    Mode.SELFTEST: "Every fault that was planted into a run on a copy was noticed. The workspace was not touched.",
}
FINISHED = "2025-01-31T12:00:00+00:00"
CHANGED_FILE = Evidence("only-looked", "a.db", "as before", "changed", Outcome.FAILED)


@pytest.mark.parametrize("mode", Mode)
def test_accepted_run_has_the_headline_of_its_mode(mode: Mode) -> None:
    """Each mode states what it has checked and what it has changed."""
    log = RunLog(mode, criteria={stage.id: criteria_in(stage) for stage in stages_of(mode)}, finished=FINISHED)
    for stage in stages_of(mode):
        log.begin(stage)
        log.end_performing(stage)
        for criterion in log.demanded(stage):
            log.add(stage, criterion, [Observation("a.db", "3 rows", "3 rows", holds=True)])

    assert headline(log, ExitCode.ACCEPTED) == ACCEPTED[mode]
    log.headline_suffix = NO_TABLE_MOVED
    assert headline(log, ExitCode.ACCEPTED) == f"{ACCEPTED[mode]} No table is moved."
    log.extra["inventory"] = {"decisions": 2}
    assert (
        headline(log, ExitCode.ACCEPTED) == f"{ACCEPTED[mode]} No table is moved. Its plan leaves 2 decisions to you."
    )


@pytest.mark.parametrize(
    ("mode", "expected", "word"),
    [
        (
            Mode.REHEARSAL,
            (
                "Rehearsal passed: every required criterion passed on copies, and the rollback restored them. "
                "The workspace was changed while the smoke tests ran."
            ),
            "Rehearsal failed",
        ),
        (
            Mode.CHECK,
            "Still intact: every required criterion passed, and the workspace was not written to.",
            "Not confirmed",
        ),
    ],
)
def test_change_of_the_workspace_is_in_the_headline(mode: Mode, expected: str, word: str) -> None:
    """Another process may have made it, so that the run is accepted."""
    log = RunLog(mode, criteria={}, finished=FINISHED)
    log.note(Finding.of(WORKSPACE_CHANGED, "it", "1 file of the workspace itself has changed: a.txt."))
    for stage in stages_of(mode):
        log.begin(stage)
        log.end_performing(stage)

    assert headline(log, ExitCode.ACCEPTED) == expected

    log.errors.append("it is locked")
    refused = f"{word}. The workspace was changed while the smoke tests ran."
    assert headline(log, ExitCode.FAILED) == refused


@pytest.mark.parametrize(
    ("mode", "facts", "expected"),
    [
        (Mode.MIGRATE, {"finished": ""}, "Unfinished: the run had not ended when this was written."),
        (Mode.MIGRATE, {"already_consolidated": True}, "Already consolidated: there was nothing to do."),
        (Mode.MIGRATE, {"errors": ["it is locked"]}, "Refused. Nothing was changed."),
        (Mode.MIGRATE, {"interrupted": ExitCode.INTERRUPTED}, "Interrupted. Nothing was changed."),
        (
            Mode.MIGRATE,
            {"rolled_back": UndoResult("Everything was rolled back.")},
            "Not shown. Everything was rolled back.",
        ),
        (Mode.MIGRATE, {"rolled_back": UndoResult("a.db: locked.", complete=False)}, "NOT ROLLED BACK: a.db: locked."),
        (Mode.CHECK, {"errors": ["it is locked"]}, "Not confirmed. Nothing was changed."),
        (Mode.INVENTORY, {"errors": ["it is locked"]}, "Refused. Nothing was changed."),
        (
            Mode.INVENTORY,
            {"errors": ["it is locked"], "extra": {"inventory": {"written": ["consolidation.toml"]}}},
            "Refused. A plan was written: do not rely on it.",
        ),
        (
            Mode.INVENTORY,
            {"results": {"only-looked": CheckResult("only-looked", (CHANGED_FILE,))}},
            "Refused. A database, or a file beside one, was changed.",
        ),
        (Mode.BUNDLE, {}, "Not shown. The bundle is not as a run leaves it: do not rely on it."),
    ],
)
def test_run_without_acceptance_has_its_headline(mode: Mode, facts: dict[str, object], expected: str) -> None:
    """The headline states the verdict, and what became of the changes."""
    log = RunLog(mode, finished=FINISHED)
    for name, fact in facts.items():
        setattr(log, name, fact)

    assert headline(log, ExitCode.REFUSED) == expected

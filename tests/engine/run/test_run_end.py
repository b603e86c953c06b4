"""Specify what the end of a run keeps or rolls back, and that runs are independent."""

from __future__ import annotations

import errno
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.engine.backup.backup_set import interrupted_sets, last_finished, recover
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.stages import ARCHIVE, BACKUP, COMMIT, FINAL, PREFLIGHT, REFERENCES, SMOKE, stages_of
from sqlite_consolidate.engine.run.verdict import exit_code, verdict
from sqlite_consolidate.engine.verbs.judge import CheckRun
from sqlite_consolidate.engine.verbs.roll_back import RollbackRun
from sqlite_consolidate.observation import Outcome
from tests.support.history_rows import runs_of
from tests.support.observations import OBSERVATIONS
from tests.support.processes import run_in_child
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import (
    STAMP,
    CrashingLedger,
    a_request,
    a_run,
    accept,
    build_two_sources,
    consolidate,
    execute,
    plan_of,
    reach,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.stages import Stage

MIGRATION = stages_of(Mode.MIGRATE)


class FullDisk(Ledger):
    """A ledger that cannot be written when a given event is noted."""

    def __init__(self, folder: Path, event: str) -> None:
        super().__init__(folder)
        self._event = event

    def note(self, event: str, **facts: object) -> None:
        """Note the event, unless it is the given one."""
        if event == self._event:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().note(event, **facts)


@pytest.mark.parametrize("event", [*thorough("committed"), "finished"])
def test_history_row_alone_does_not_prove_acceptance_after_crash(root: Path, event: str) -> None:
    """A run that is killed between COMMIT and the verdict is rolled back by the next run.

    Its history row is in the target, but does not prove acceptance.
    """
    before = state(root)

    def run() -> None:
        mortal = a_run(root)
        mortal.ledger = CrashingLedger(mortal.folder, event)
        consolidate(mortal)

    assert run_in_child(run) == -signal.SIGKILL
    assert runs_of(root / "workspace.db") == [STAMP]
    assert last_finished(root, plan_of(root)) is None
    assert len(interrupted_sets(root, plan_of(root))) == 1

    recover(root, plan_of(root))

    assert state(root) == before
    assert runs_of(root / "workspace.db") == []


@pytest.mark.parametrize(
    ("event", "stage", "set_stays"),
    [
        ("started", BACKUP, False),
        ("archived", ARCHIVE, True),
        *thorough(
            ("rewriting", REFERENCES, True),
            ("sealed", BACKUP, True),
            ("committing", COMMIT, True),
            ("committed", COMMIT, True),
            ("archiving", ARCHIVE, True),
            ("recorded", FINAL, True),
        ),
    ],
)
def test_stage_that_raises_is_rolled_back_by_the_ledger(root: Path, event: str, stage: Stage, set_stays: bool) -> None:
    """If the ledger does not state that the run started, there is nothing to roll back.

    No backup set is left then.
    """
    before = state(root)
    run = a_run(root)
    run.ledger = FullDisk(run.folder, event)
    reach(run, MIGRATION[MIGRATION.index(stage) - 1])

    with pytest.raises(OSError, match="No space left"):
        run.perform(stage)
    run.end()

    assert state(root) == before
    assert run.folder.exists() is set_stays
    assert (run.log.rolled_back is not None) is set_stays
    assert run.log.rolled_back is None or run.log.rolled_back.complete
    assert verdict(run.log) == "refused"
    assert interrupted_sets(root, plan_of(root)) == []


def test_run_is_rolled_back_when_end_is_not_noted(root: Path) -> None:
    """The next run would treat it as cut short.

    It is refused, and the reason is an error of its log.
    """
    before = state(root)
    run = a_run(root)
    run.ledger = FullDisk(run.folder, "finished")
    reach(run, FINAL)
    assert verdict(run.log) == "accepted"

    run.end()

    assert verdict(run.log) == "refused"
    assert len(run.log.errors) == 1
    assert state(root) == before


def test_refusal_by_the_preflight_leaves_no_backup_set(root: Path) -> None:
    """The run made no changes, so nothing is rolled back."""
    (root / "logs/tasks.db").write_bytes(b"no database")
    before = state(root)
    run = a_run(root)

    run_stages(run)
    run.end()

    assert (verdict(run.log), exit_code(run.log, has_acted=run.has_acted)) == ("refused", ExitCode.REFUSED)
    assert run.log.rolled_back is None
    assert state(root) == before
    assert not (root / "backups").exists()


@pytest.mark.parametrize(
    "criterion", ["archived", *thorough("references-updated", "no-side-effects", "record-written")]
)
def test_criterion_that_fails_after_commit_rolls_everything_back(root: Path, criterion: str) -> None:
    """The committed data is removed again."""
    before = state(root)
    run = a_run(root)
    stage = next(stage for stage in MIGRATION if criterion in criteria_in(stage))
    reach(run, MIGRATION[MIGRATION.index(stage) - 1])
    run.perform(stage)
    for id in run.log.demanded(stage):
        run.check(id)
    run.log.add(stage, criterion, [OBSERVATIONS[Outcome.FAILED]])

    run.end()

    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert exit_code(run.log, has_acted=run.has_acted) == ExitCode.FAILED
    assert state(root) == before


def test_end_that_is_called_twice_does_nothing_more(root: Path) -> None:
    """This holds after an accepted run and after a refused one."""
    refused = a_run(root)
    reach(refused, SMOKE)
    refused.end()
    rolled_back, before = refused.log.rolled_back, Ledger(refused.folder).events()
    refused.end()
    assert refused.log.rolled_back is rolled_back
    assert Ledger(refused.folder).events() == before

    accepted = consolidate(a_run(root, "20250131_130000"))
    state_before = state(root)
    accepted.end()

    assert state(root) == state_before
    assert len(accepted.ledger.all("finished")) == 1


def test_runs_follow_each_other_in_one_process(tmp_path: Path) -> None:
    """The runs are a rehearsal, migrations, a rollback, another migration and its check.

    Each releases all of its resources.
    """
    root, other = build_two_sources(tmp_path / "workspace"), build_two_sources(tmp_path / "other")
    before = state(root)
    process = psutil.Process()
    descriptors = process.num_fds()

    run_through(a_run(root, mode=Mode.REHEARSAL))
    assert state(root) == before
    run_through(a_run(root))
    run_through(a_run(other))
    assert execute(other / "workspace.db", "SELECT count(*) FROM notes") == [(5,)]
    run_through(RollbackRun(a_request(root, mode=Mode.ROLLBACK)))
    assert state(root) == before
    run_through(a_run(root, "20250131_130000"))
    run_through(CheckRun(a_request(root, mode=Mode.CHECK)))

    assert execute(root / "workspace.db", "SELECT count(*) FROM tasks") == [(3,)]
    assert process.num_fds() == descriptors


def run_through(run: Pipeline) -> None:
    """Run all stages of an accepted run, and end it."""
    run_stages(run)
    run.end()
    assert verdict(run.log) == "accepted", (run.log.errors, [result.text for result in run.log.results.values()])


def test_concurrent_runs_in_one_process_are_independent(tmp_path: Path) -> None:
    """Two runs perform their stages in turn, in two workspaces.

    One is accepted, and the other fails and is rolled back.
    """
    roots = build_two_sources(tmp_path / "first"), build_two_sources(tmp_path / "second")
    before = state(roots[1])
    first, second = (a_run(root) for root in roots)
    for stage in MIGRATION:
        accept(first, stage)
        if stage != FINAL:
            accept(second, stage)

    second.end()
    first.end()

    assert (verdict(first.log), verdict(second.log)) == ("accepted", "not shown")
    assert state(roots[1]) == before
    assert execute(roots[0] / "workspace.db", "SELECT count(*) FROM tasks") == [(3,)]


def test_backup_set_of_another_run_is_left_alone(root: Path) -> None:
    """A run with the name of a finished one is refused.

    It neither uses nor rolls back by the ledger of the finished run.
    """
    first = consolidate(a_run(root))
    after = state(root)

    second = a_run(root)
    second.perform(PREFLIGHT)
    second.end()

    assert (second.has_acted, second.log.rolled_back) == (False, None)
    assert first.is_sealed
    assert first.ledger.has("finished")
    assert state(root) == after


def test_run_is_rolled_back_when_the_progress_callback_raises(root: Path) -> None:
    """The progress callback belongs to the caller, and may raise at any time."""
    before = state(root)
    run = a_run(root)
    reach(run, REFERENCES)

    def refuse(words: str) -> None:
        raise LookupError(words)

    run.on_progress = refuse
    with pytest.raises(LookupError):
        run.end()

    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert state(root) == before

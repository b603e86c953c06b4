"""Specify the exit code of a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.verdict import exit_code, verdict
from sqlite_consolidate.engine.verbs.roll_back import RollbackRun
from sqlite_consolidate.observation import Outcome
from tests.support.workspaces.two_sources import ARCHIVED, a_request, a_run, build_two_sources, execute, state

if TYPE_CHECKING:
    from pathlib import Path


def consolidated(folder: Path) -> Path:
    """Return a consolidated workspace, which is built if it does not exist."""
    root = folder if folder.exists() else build_two_sources(folder)
    run = a_run(root)
    run_stages(run)
    run.end()
    assert verdict(run.log) == "accepted"
    return root


def rolled_back(root: Path) -> RollbackRun:
    """Return a finished rollback of a workspace."""
    run = RollbackRun(a_request(root, mode=Mode.ROLLBACK))
    run_stages(run)
    run.end()
    return run


def code_of(run: RollbackRun) -> ExitCode:
    """Return the exit code of the run."""
    return exit_code(run.log, has_acted=run.has_acted)


def test_complete_rollback_exits_with_0(tmp_path: Path) -> None:
    """Every byte is as it was before the migration."""
    before = state(build_two_sources(tmp_path / "workspace"))
    root = consolidated(tmp_path / "workspace")

    assert code_of(rolled_back(root)) is ExitCode.ACCEPTED
    assert state(root) == before


def test_rollback_that_cannot_restore_everything_exits_with_3(tmp_path: Path) -> None:
    """The archive of a source has lost its rows."""
    root = consolidated(tmp_path / "workspace")
    execute(root / ARCHIVED, "DELETE FROM tasks")

    run = rolled_back(root)

    assert run.log.outcome("restored-exact") is Outcome.FAILED
    assert run.log.rolled_back is not None
    assert not run.log.rolled_back.complete
    assert code_of(run) is ExitCode.INTERNAL


def test_rollback_that_is_refused_exits_with_4(tmp_path: Path) -> None:
    """The target got a row after the migration, and nothing was restored."""
    root = consolidated(tmp_path / "workspace")
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('since')")
    after = state(root)

    assert code_of(rolled_back(root)) is ExitCode.REFUSED
    assert state(root) == after

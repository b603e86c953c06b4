"""Specify the exit code of a rollback."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.verdict import exit_code, verdict
from sqlite_consolidate.engine.verbs.roll_back import RollbackRun
from sqlite_consolidate.faults.after_run import AFTER_RUN_FAULTS
from sqlite_consolidate.faults.fault import WorkspaceCopy
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load
from tests.support.database_files import bytes_below
from tests.support.thorough import thorough
from tests.support.workspaces.two_sources import ARCHIVED, SET, a_request, a_run, build_two_sources, execute, state

if TYPE_CHECKING:
    from collections.abc import Callable


def consolidated(folder: Path) -> Path:
    """Return a consolidated workspace, which is built if it does not exist."""
    root = folder if folder.exists() else build_two_sources(folder)
    run = a_run(root)
    run_stages(run)
    run.end()
    assert verdict(run.log) == "accepted"
    return root


def rolled_back(root: Path, *, discard_changes: bool = False) -> RollbackRun:
    """Return a finished rollback of a workspace."""
    request = a_request(root, mode=Mode.ROLLBACK)
    run = RollbackRun(replace(request, settings=replace(request.settings, discard_changes=discard_changes)))
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
    """The archive is gone, and the manifest was forged."""
    root = consolidated(tmp_path / "workspace")
    plan = load(root / "consolidation.toml")
    [fault] = [fault for fault in AFTER_RUN_FAULTS if fault.criterion == "restored-exact"]
    fault.plant(WorkspaceCopy(root, plan, root / "consolidation.toml"))

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


EDITS: dict[str, Callable[[Path], object]] = {
    "row": lambda path: execute(path, "INSERT INTO tasks(title) VALUES('late')"),
    "table": lambda path: execute(path, "CREATE TABLE late(x)"),
    "no-database": lambda path: path.write_bytes(b"x" * 5000),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("edit", ["row", *thorough(*list(EDITS)[1:])])
def test_changed_archive_is_refused_before_anything_is_restored(tmp_path: Path, edit: str) -> None:
    """All problems are reported together. No file is touched, and the exit code is 4."""
    root = consolidated(tmp_path / "workspace")
    EDITS[edit](root / ARCHIVED)
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('since')")
    held = bytes_below(root)

    run = rolled_back(root)

    assert code_of(run) is ExitCode.REFUSED
    assert [re.findall(r"\[([a-z-]+)\]", error) for error in run.log.errors] == [
        ["target-changed"],
        ["archive-changed"],
    ]
    assert bytes_below(root) == held


@pytest.mark.parametrize("edit", ["no-database", *thorough("row", "table", "empty")])
def test_changed_archive_moves_to_the_set_if_told(tmp_path: Path, edit: str) -> None:
    """The source is restored from its backup, and the changed archive is kept."""
    before = state(build_two_sources(tmp_path / "workspace"))
    root = consolidated(tmp_path / "workspace")
    EDITS[edit](root / ARCHIVED)
    changed = (root / ARCHIVED).read_bytes()

    run = rolled_back(root, discard_changes=True)

    assert code_of(run) is ExitCode.ACCEPTED
    assert state(root) == before
    assert (root / SET / "set-aside" / Path(ARCHIVED).name).read_bytes() == changed
    assert [finding.subject for finding in run.log.findings if finding.id == "changes-discarded"] == [ARCHIVED]

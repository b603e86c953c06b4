"""Rehearse on copies, so that nothing can change the workspace."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.verdict import AFTER_ACTING
from tests.support.processes import other_process
from tests.support.workspaces.whole_run import Before, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.verbs.consolidate import Run


def _break(run: Run) -> None:
    run.target.connection.execute("DELETE FROM main.tags WHERE tag = 'blue'")


def _interrupt(_run: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_failed_rehearsal_leaves_the_workspace_unchanged(workspace: Workspace, scratch: Path) -> None:
    """It exits with 1 by the criterion, and no copy stays."""
    before = workspace.files()

    ran = workspace.run("verify", plugin=Before("rows-counted", _break))

    assert ran.exit == 1, ran.text
    assert "rows-counted" in ran.failed
    assert AFTER_ACTING[Mode.REHEARSAL] in ran.text
    assert "backup set:" not in ran.text
    assert workspace.files() == before
    assert list(scratch.iterdir()) == []


@pytest.mark.thorough
def test_an_interrupted_rehearsal_leaves_nothing(workspace: Workspace, scratch: Path) -> None:
    """Neither in the workspace nor among the copies."""
    before = workspace.files()

    ran = workspace.forked("verify", plugin=Before("97-rollback", _interrupt))

    assert ran.exit == 143, ran.text
    assert "Interrupted. The workspace was not touched." in ran.text
    assert workspace.files() == before
    assert list(scratch.iterdir()) == []


def test_rehearsal_refuses_bad_input(workspace: Workspace, scratch: Path) -> None:
    """It exits with 4 and has the same problems as a migration."""
    workspace.edit("consolidation.toml", "rows = 3", "rows = 4")
    workspace.execute("old.db", "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)")
    before = workspace.files()

    ran = workspace.run("verify")

    assert ran.exit == 4, ran.text
    assert "old.db:tasks: 3 rows (expected: 4 rows)" in ran.text
    assert "old.db:extra: 1 row would be left behind" in ran.text
    assert workspace.files() == before
    assert list(scratch.iterdir()) == []


def test_running_application_stops_only_a_migration(workspace: Workspace) -> None:
    """It has the target open in WAL mode, and the migration names its process."""
    workspace.execute("main.db", "PRAGMA journal_mode = WAL")

    with other_process(workspace.root / "main.db", "SELECT * FROM people") as pid:
        before = workspace.files()
        rehearsed = workspace.run("verify")
        after_rehearsal = workspace.files()
        refused = workspace.run("migrate")
        after_refusal = workspace.files()

    assert rehearsed.exit == 0, rehearsed.text
    assert after_rehearsal == before
    assert any(
        finding.id == "database-open" and finding.subject == "main.db" and f"process {pid}" in finding.text
        for finding in rehearsed.findings
    )
    assert refused.exit == 4, refused.text
    assert f"main.db: is open, in use by process {pid}" in refused.text
    assert after_refusal == before

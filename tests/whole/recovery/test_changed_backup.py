"""Notice a change of the backup set at any time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.workspaces.whole_run import Before, Workspace

if TYPE_CHECKING:
    from sqlite_consolidate.engine.verbs.consolidate import Run


def _change_a_large_copy(run: Run) -> None:
    copy = next(copy for copy in run.sealed.databases if copy.file == run.plan.target)
    with (run.folder / copy.copy).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")


def test_change_of_a_large_copy_is_noticed(workspace: Workspace) -> None:
    """The applications find it changed already, and the target cannot be restored from it."""
    workspace.execute("main.db", "CREATE TABLE large(b); INSERT INTO large VALUES (zeroblob(2000000))")

    ran = workspace.run("migrate", plugin=Before("40-transfer", _change_a_large_copy))

    assert ran.exit == 3, ran.text
    assert "backup-kept" in ran.failed

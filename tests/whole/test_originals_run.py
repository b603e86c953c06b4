"""Judge a consolidation that was made by hand, and write nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.sample.build import build
from tests.support.workspaces.whole_run import Workspace

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = {
    "indexes-created": "DROP INDEX idx_tasks_tags; DROP INDEX tasks_idx_tasks_status",
    "rows-exact": "UPDATE tasks SET file = created_by, created_by = file",
    "rows-counted": "DELETE FROM task_queue_metadata WHERE rowid = 2",
    "schema-as-planned": "CREATE TABLE stray(x)",
}


@pytest.mark.thorough
def test_faults_of_a_manual_consolidation_are_found(tmp_path: Path) -> None:
    """A right one is accepted. Wrong indexes, rows and columns fail their criteria."""
    kept = build(tmp_path / "kept")
    workspace = Workspace(shutil.copytree(kept, tmp_path / "workspace"), tmp_path / "reports")
    assert workspace.run("migrate").exit == 0
    shutil.rmtree(workspace.root / "backups")  # nothing is left that says it was ours, but for the row of history

    before = workspace.files()
    right = workspace.run("verify", originals=kept)
    unwritten = workspace.files()
    con = open_existing(workspace.root / "workspace.db")
    for statements in FAULTS.values():
        for statement in statements.split(";"):
            con.execute(statement)
    con.close()
    wrong = workspace.run("verify", originals=kept)

    assert right.exit == 0, right.text
    assert right.evidence["mode"] == "check"
    assert unwritten == before
    assert wrong.exit == 1, wrong.text
    assert {entry["id"] for entry in wrong.evidence["criteria"] if entry["outcome"] == "failed"} >= set(FAULTS)
    assert "columns file and created_by have changed places" in wrong.text
    unanswered = {
        entry["id"]: entry["observed"] for entry in right.evidence["criteria"] if entry["outcome"] == "not examined"
    }
    assert unanswered["backup-complete"] == "only the run that makes a consolidation can show it"


def test_originals_that_are_not_there_are_named(tmp_path: Path) -> None:
    """A folder without the plan's databases is no basis for a judgement."""
    workspace = Workspace(build(tmp_path / "workspace"), tmp_path / "reports")
    (tmp_path / "empty").mkdir()

    nothing = workspace.forked("verify", f"--originals={tmp_path / 'empty'}")
    nowhere = workspace.forked("verify", f"--originals={tmp_path / 'nowhere'}")
    misused = workspace.forked("migrate", f"--originals={tmp_path / 'empty'}")

    assert nothing.exit == 1
    assert "proposals.db: are not in empty" in nothing.text
    assert (
        "migration/sqlite_consolidate/engine/" not in nothing.text
    )  # no traceback of ours; the application has its own
    assert nowhere.exit == 4
    assert misused.exit == 4
    assert "[option-elsewhere]" in misused.text

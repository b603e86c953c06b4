"""Roll back a target that was changed after the run, and lose no change."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.contents import read_contents

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace


def test_rollback_does_not_discard_later_changes(workspace: Workspace) -> None:
    """It is refused and names the table. If told to discard the change, it keeps a copy."""
    contents = workspace.contents()
    assert workspace.run("migrate").exit == 0
    workspace.execute("main.db", "INSERT INTO tasks VALUES ('d', 'four', 4, NULL)")
    before = workspace.files()
    changed = read_contents(workspace.root / "main.db").digest

    refused = workspace.run("rollback")
    after = workspace.files()
    discarded = workspace.run("rollback", discard_changes=True)

    assert refused.exit == 4, refused.text
    assert "tasks: 3 rows" in refused.text
    assert "--discard-changes" in refused.text
    assert not refused.shows_source
    assert after == before
    assert discarded.exit == 0, discarded.text
    assert workspace.contents() == contents
    kept = shutil.copy(next(workspace.sets()[0].glob("databases/*before-rollback*")), workspace.reports / "kept.db")
    assert read_contents(workspace.reports / kept).digest == changed


@pytest.mark.thorough
def test_table_added_to_the_plan_is_not_moved_yet(workspace: Workspace) -> None:
    """A check names it, and a migration does not state that all is consolidated."""
    assert workspace.run("migrate").exit == 0
    workspace.edit("consolidation.toml", 'name = "tags"\n', 'name = "tags"\n\n  [[source.table]]\n  name = "labels"\n')

    checked = workspace.run("verify")
    migrated = workspace.run("migrate")

    failed = [entry for entry in checked.evidence["criteria"] if entry["outcome"] == "failed"]
    assert checked.exit == 1, checked.text
    assert [(entry["id"], entry["subject"]) for entry in failed] == [("target-right", "old.db:labels")]
    assert migrated.exit == 4, migrated.text
    assert not migrated.evidence["already"]


@pytest.mark.thorough
def test_damaged_plan_of_the_backup_set_is_named(workspace: Workspace) -> None:
    """Without it nothing tells what the run has moved. The terminal has the reason."""
    assert workspace.run("migrate").exit == 0
    [folder] = workspace.sets()
    (folder / "plan.toml").write_bytes(b"\xbf")

    checked = workspace.run("verify")

    assert checked.exit == 1, checked.text
    assert checked.outcomes["98-check"] == "failed"
    assert f"target-right: {folder.name}/plan.toml" in checked.text
    assert "[copy-damaged]" in checked.text
    assert workspace.run("migrate").exit == 4

"""Specify which rows the plan, the ledger and the backup set let a table have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.checks.comparison import explain
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.merge.rows.key_shift import SHIFTED, KeyShift
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.row_differences import DifferenceKind, RowDifferences
from tests.support.rows.named_rows import named
from tests.support.workspaces.two_sources import consolidated, execute, plan_of, plan_with

if TYPE_CHECKING:
    import sqlite3
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pytest

    from sqlite_consolidate.engine.content.table_differences import Side


def test_row_that_was_not_to_move_is_named(root: Path) -> None:
    """The plan chooses the rows."""
    folder = consolidated(root)
    sealed = manifest.read(folder)
    assert sealed is not None

    rows = OriginalRows(plan_with(root, where="title <> 'two'"), sealed, folder, root)

    assert named(rows.differences_in_file(root / "workspace.db", "tasks")) == [
        (DifferenceKind.EXTRA, "tasks", ("2",), ())
    ]


def test_row_that_lacks_its_new_key_is_named(root: Path) -> None:
    """The ledger says how the keys were shifted."""
    folder = consolidated(root)
    Ledger(folder).note(SHIFTED, columns={"logs/tasks.db:tasks": {"id": KeyShift(1, is_key=True).as_json()}})
    sealed = manifest.read(folder)
    assert sealed is not None

    rows = OriginalRows(plan_of(root), sealed, folder, root).differences_in_file(root / "workspace.db", "tasks")

    assert (rows.missing, rows.extra) == (1, 1)


def test_explanation_keeps_the_limits_of_its_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold for the target and for each backup."""
    folder = consolidated(root)
    sealed = manifest.read(folder)
    assert sealed is not None
    limits, used = Limits(), []

    def note_limits(path: Path, limits: Limits | None = None) -> AbstractContextManager[sqlite3.Connection]:
        used.append(limits)
        return open_for_inspection(path, limits)

    monkeypatch.setattr(explain, "open_for_inspection", note_limits)

    OriginalRows(plan_of(root), sealed, folder, root, limits).differences_in_file(root / "workspace.db", "tasks")

    assert used == [limits] * 3


def test_optional_source_that_was_absent_has_no_rows(root: Path) -> None:
    """No copy of it is in the backup set."""
    folder = consolidated(root)
    execute(root / "workspace.db", "DELETE FROM tasks WHERE id = 1")
    sealed = manifest.read(folder)
    assert sealed is not None
    plan = plan_of(root)
    plan.sources.append(plan.sources[0].model_copy(update={"name": "later", "file": "later.db", "optional": True}))

    rows = OriginalRows(plan, sealed, folder, root).differences_in_file(root / "workspace.db", "tasks")

    assert named(rows) == [(DifferenceKind.MISSING, "tasks", ("1",), ())]


def test_rowids_that_may_change_are_not_compared(root: Path) -> None:
    """The plan says so for a table without a key."""
    execute(root / "logs/tasks.db", "DROP TABLE tasks")
    execute(root / "logs/tasks.db", "CREATE TABLE tasks(title)")
    execute(root / "logs/tasks.db", "INSERT INTO tasks VALUES('one'), ('two')")
    plan = root / "consolidation.toml"
    plan.write_text(plan.read_text("utf-8").replace('name = "tasks"\n\n', 'name = "tasks"\n  rowids = "renumber"\n\n'))
    folder = consolidated(root)
    execute(root / "workspace.db", "UPDATE tasks SET rowid = rowid + 10")
    sealed = manifest.read(folder)
    assert sealed is not None

    rows = OriginalRows(plan_of(root), sealed, folder, root).differences_in_file(root / "workspace.db", "tasks")

    assert (rows.number, "rowid" in rows.note) == (0, False)


def test_sides_have_the_policy_of_their_table(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first side is the table before the run, where there was one."""
    folder = consolidated(root)
    sealed = manifest.read(folder)
    assert sealed is not None
    sides: list[Side] = []

    def note_sides(_name: str, expected: list[Side], _observed: Side) -> RowDifferences:
        sides.extend(expected)
        return RowDifferences()

    monkeypatch.setattr(explain, "compare_sides", note_sides)

    plan = plan_with(root, on_conflict="prefer-newer", newer="title")
    OriginalRows(plan, sealed, folder, root).differences_in_file(root / "workspace.db", "tasks")

    assert [(side.policy, side.newer) for side in sides] == [("prefer-newer", "title")]

"""Objects of the target that were made, changed or lost since a migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import check, manifest, rollback
from migration.engine.ledger import Ledger
from migration.engine.objects import committed_objects, object_changes
from tests.engine.small_workspace import STAMP, execute

if TYPE_CHECKING:
    from pathlib import Path

SET = f"backups/small-{STAMP}"


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        pytest.param({"view v": "a"}, {"view v": "a"}, [], id="as-it-was"),
        pytest.param({"view v": "a"}, {"view v": "b"}, ["view v"], id="changed"),
        pytest.param({"view v": "a"}, {}, ["view v"], id="gone"),
        pytest.param({"view v": "a"}, {"view v": "a", "index i": "b"}, ["index i"], id="made"),
        pytest.param({}, {"view v": "a"}, [], id="nothing-known"),
        pytest.param({"table t": "a"}, {"table u": "a"}, [], id="tables-are-told-by-their-rows"),
        pytest.param({"AUTOINCREMENT mark of t": "9"}, {"AUTOINCREMENT mark of t": "10"}, [], id="mark-rose"),
        pytest.param(
            {"AUTOINCREMENT mark of t": "10"},
            {"AUTOINCREMENT mark of t": "9"},
            ["AUTOINCREMENT mark of t"],
            id="mark-fell",
        ),
        pytest.param({"AUTOINCREMENT mark of t": "10"}, {}, ["AUTOINCREMENT mark of t"], id="mark-gone"),
    ],
)
def test_objects_that_differ_are_named(before: dict[str, str], now: dict[str, str], changes: list[str]) -> None:
    """A mark may rise, because rows were added."""
    assert list(object_changes(before, now)) == changes


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("CREATE VIEW since AS SELECT 1 AS one", "view since"),
        ("CREATE INDEX since ON tasks(title)", "index since"),
        ("CREATE TRIGGER since AFTER INSERT ON tasks BEGIN SELECT 1; END", "trigger since"),
        ("PRAGMA user_version=77", "user_version"),
    ],
)
def test_an_object_made_since_is_named_by_check_and_rollback(
    consolidated_copy: Path, statement: str, name: str
) -> None:
    """A rollback would discard it, and so is refused; the check asks for a reader's eye."""
    execute(consolidated_copy / "workspace.db", statement)
    folder = consolidated_copy / SET
    sealed = manifest.read(folder)
    assert sealed is not None

    now = check.target_now(consolidated_copy, sealed, committed=committed_objects(Ledger(folder)))
    [sentence] = rollback.changed_since(consolidated_copy, folder)

    [finding] = now.changed(sealed.target)
    assert (finding.id, finding.level) == ("object-changed-since", "attention")
    assert finding.text.startswith(name)
    assert sentence.startswith(name)


def test_a_target_as_it_was_committed_has_no_change(consolidated_copy: Path) -> None:
    """The run itself has written nothing after its COMMIT."""
    assert committed_objects(Ledger(consolidated_copy / SET))
    assert rollback.changed_since(consolidated_copy, consolidated_copy / SET) == []

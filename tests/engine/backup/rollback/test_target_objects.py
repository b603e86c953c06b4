"""Test which objects of the target changed since a consolidation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback import rollback
from sqlite_consolidate.engine.backup.rollback.target_objects import committed_objects, object_changes, objects_of
from sqlite_consolidate.engine.checks import aftercare as check
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, open_memory, read_text_losslessly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.workspaces.two_sources import STAMP, execute

if TYPE_CHECKING:
    from pathlib import Path

SET = f"backups/small-{STAMP}"


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        pytest.param({"view v": "a"}, {"view v": "a"}, [], id="unchanged"),
        pytest.param({"view v": "a"}, {"view v": "b"}, ["view v"], id="changed"),
        pytest.param({"view v": "a"}, {}, ["view v"], id="gone"),
        pytest.param({"view v": "a"}, {"view v": "a", "index i": "b"}, ["index i"], id="made"),
        pytest.param({}, {"view v": "a"}, [], id="nothing-known"),
        pytest.param({"table t": "a"}, {"table u": "a"}, [], id="tables-differ-by-rows"),
        pytest.param({"AUTOINCREMENT mark of t": "9"}, {"AUTOINCREMENT mark of t": "10"}, [], id="mark-rose"),
        pytest.param(
            {"AUTOINCREMENT mark of t": "10"},
            {"AUTOINCREMENT mark of t": "9"},
            ["AUTOINCREMENT mark of t"],
            id="mark-fell",
        ),
        pytest.param({"AUTOINCREMENT mark of t": "1"}, {}, ["AUTOINCREMENT mark of t"], id="mark-gone"),
    ],
)
def test_changed_objects_are_listed(before: dict[str, str], now: dict[str, str], changes: list[str]) -> None:
    """An AUTOINCREMENT value may rise, because rows were added."""
    assert list(object_changes(before, now)) == changes


def test_objects_are_digests_of_statements_or_values() -> None:
    """A statement may have bytes that are not UTF-8. An implicit index has no statement."""
    con = open_memory()
    con.execute("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE)")
    con.execute("INSERT INTO t(id) VALUES(41)")
    con.execute("CREATE VIEW odd AS SELECT 'XX' AS v")
    con.execute("PRAGMA user_version=7")
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = replace(sql, 'XX', CAST(x'ff' AS TEXT)) WHERE name = 'odd'")
    view = "CREATE VIEW odd AS SELECT '\udcff' AS v".encode("utf-8", "surrogatepass")

    read_text_losslessly(con)
    objects = objects_of(con)

    assert sorted(objects) == ["AUTOINCREMENT mark of t", "application_id", "table t", "user_version", "view odd"]
    assert objects["view odd"] == hashlib.sha256(view).hexdigest()
    assert (objects["AUTOINCREMENT mark of t"], objects["user_version"], objects["application_id"]) == ("41", "7", "0")


def test_ledger_without_objects_has_committed_none(tmp_path: Path) -> None:
    """It is from an earlier release, or from a run without a COMMIT."""
    ledger = Ledger(tmp_path)

    assert committed_objects(ledger) == {}
    ledger.note("committing")
    assert committed_objects(ledger) == {}
    ledger.note("committing", objects={"view v": "a"})
    assert committed_objects(ledger) == {"view v": "a"}


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("CREATE VIEW since AS SELECT 1 AS one", "view since"),
        ("CREATE INDEX since ON tasks(title)", "index since"),
        ("CREATE TRIGGER since AFTER INSERT ON tasks BEGIN SELECT 1; END", "trigger since"),
        ("PRAGMA user_version=77", "user_version"),
    ],
)
def test_created_object_is_reported_by_check_and_rollback(consolidated_copy: Path, statement: str, name: str) -> None:
    """The check has a finding, and a rollback is refused, because it would drop the object."""
    execute(consolidated_copy / "workspace.db", statement)
    folder = consolidated_copy / SET
    sealed = manifest.read(folder)
    assert sealed is not None

    now = check.read_consolidated_target(consolidated_copy, sealed, committed=committed_objects(Ledger(folder)))
    [sentence] = rollback.changed_since(consolidated_copy, folder)

    [finding] = now.changes_since_commit(sealed.target)
    assert (finding.id, finding.level) == ("object-changed-since", "attention")
    assert finding.text.startswith(name)
    assert sentence.startswith(name)


def test_committed_target_has_no_change(consolidated_copy: Path) -> None:
    """The run writes nothing after its COMMIT."""
    assert committed_objects(Ledger(consolidated_copy / SET))
    assert rollback.changed_since(consolidated_copy, consolidated_copy / SET) == []


def test_rollback_keeps_a_created_object(consolidated_copy: Path) -> None:
    """The backup set gets the target with the object that an application has created since."""
    execute(consolidated_copy / "workspace.db", "CREATE VIEW since AS SELECT 1")

    rollback.roll_back(consolidated_copy, consolidated_copy / SET)

    with open_for_inspection(consolidated_copy / SET / "databases/workspace-before-rollback.db") as con:
        assert "since" in {view.name for view in read_schema(con).views}

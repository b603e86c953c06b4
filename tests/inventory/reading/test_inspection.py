"""Test what the inventory reads of one file, and that reading changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory import inspection
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import Database, inspect_file
from sqlite_consolidate.inventory.inventory import Inventory, file_state, take_inventory
from sqlite_consolidate.inventory.session import only_looked
from tests.support.processes import die_in_wal_mode, other_process
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path


def inspected(root: Path, file: str) -> Database:
    """Inspect one file of a folder."""
    return next(inspect_file(root, candidate) for candidate in discover(root).candidates if candidate.file == file)


@pytest.mark.parametrize(
    ("file", "kind", "features"),
    [
        ("shop.db", "database", []),
        ("live.db", "database", ["WAL"]),
        ("metrics", "database", ["STRICT", "WITHOUT ROWID"]),
        ("notes.db", "database", ["fts5"]),
        ("billing.db", "database", ["UTF-16le"]),
        ("empty.db", "empty", []),
        ("vault.db", "encrypted", []),
        ("Thumbs.db", "no database", []),
    ],
)
def test_kind_follows_from_header_and_content(inventory: Inventory, file: str, kind: str, features: list[str]) -> None:
    """Header and content decide, and never the name alone."""
    database = next(entry.database for entry in inventory.entries if entry.file == file)

    assert (database.kind, database.features) == (kind, features)


def test_rows_in_the_wal_are_counted(inventory: Inventory) -> None:
    """A reader of the database would see these rows."""
    database = next(entry.database for entry in inventory.entries if entry.file == "live.db")

    assert {table.name: table.rows for table in database.tables} == {"events": 1}
    assert database.schema.header["journal_mode"] == "wal"


def test_shadow_tables_are_not_listed(inventory: Inventory) -> None:
    """An FTS index counts as one table and not as six."""
    database = next(entry.database for entry in inventory.entries if entry.file == "notes.db")

    assert [table.name for table in database.tables] == ["notes", "own", "found"]


@pytest.mark.parametrize(
    ("mode", "computed", "amount"),
    [("wal", "zeroblob(999999999)", "512 MB"), *thorough(("delete", "hex(zeroblob(100000000))", "200 MB"))],
)
def test_expanding_schema_is_unreadable_and_the_file_unchanged(
    tmp_path: Path, mode: str, computed: str, amount: str
) -> None:
    """A second process reads the database first.

    No byte changes, and no file is left beside it.
    """
    path = tmp_path / "bomb.db"
    execute(path, f"PRAGMA journal_mode={mode}; CREATE TABLE t(a, b AS ({computed})); INSERT INTO t VALUES (1)")
    before = path.read_bytes()

    database = inspected(tmp_path, "bomb.db")

    assert database.kind == "unreadable"
    assert amount in database.unread_reason
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"bomb.db": before}


def test_inventory_changes_no_file(root: Path) -> None:
    """No byte and no time of change differs, and no sidecar file appears."""
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file()}

    take_inventory(root, lambda _words: None)

    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before


def test_rebuilt_shared_memory_is_no_change(tmp_path: Path) -> None:
    """SQLite rebuilds the file that a killed program left.

    It has no content of the database.
    """
    die_in_wal_mode(tmp_path / "a.db")
    shared_memory = tmp_path / "a.db-shm"
    before = shared_memory.stat().st_mtime_ns

    inventory = take_inventory(tmp_path, lambda _words: None)

    assert shared_memory.stat().st_mtime_ns != before
    assert [database.rows for database in (entry.database for entry in inventory.entries)] == [1]
    assert [each.holds for each in only_looked(inventory)] == [True]


@pytest.mark.parametrize(
    ("file", "is_removed"),
    [("a.db", False), ("a.db-wal", False), ("a.db-wal", True), ("a.db-journal", False), ("a.db-shm", True)],
)
def test_change_beside_shared_memory_is_noticed(tmp_path: Path, file: str, *, is_removed: bool) -> None:
    """Each file that can have content must be as before, and a file that was removed is named."""
    die_in_wal_mode(tmp_path / "a.db")
    inventory = take_inventory(tmp_path, lambda _words: None)

    if is_removed:
        (tmp_path / file).unlink()
    else:
        with (tmp_path / file).open("ab") as changed:
            changed.write(b"more")

    assert [(each.subject, each.holds) for each in only_looked(inventory)] == [(file, False)]


def test_table_is_not_counted_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger table takes no longer than one of the limit."""
    monkeypatch.setattr(inspection, "MAX_COUNTED_ROWS", 3)
    execute(tmp_path / "a.db", "CREATE TABLE few(a); CREATE TABLE many(a);")
    execute(
        tmp_path / "a.db",
        "INSERT INTO few VALUES (1), (2), (3); INSERT INTO many SELECT value FROM json_each('[1,2,3,4]')",
    )

    database = inspected(tmp_path, "a.db")

    assert [table.rows_text for table in database.tables] == ["3", "more than 3"]


def test_table_that_cannot_be_counted_has_an_error(tmp_path: Path) -> None:
    """The content table of this index is gone, so SQLite cannot count its rows."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a); CREATE VIRTUAL TABLE f USING fts5(a, content='t'); DROP TABLE t")

    [table] = inspected(tmp_path, "a.db").tables

    assert (table.rows, table.rows_text) == (None, "?")
    assert table.error


def test_database_with_a_hot_journal_is_not_opened(tmp_path: Path) -> None:
    """Opening the database would roll the journal back."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a)")
    (tmp_path / "a.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(512))
    before = file_state(tmp_path, ["a.db"])

    database = inspected(tmp_path, "a.db")

    assert database.kind == "unreadable"
    assert "transaction" in database.unread_reason
    assert file_state(tmp_path, ["a.db"]) == before


def test_damage_and_a_lock_are_reported_by_sqlite(tmp_path: Path) -> None:
    """The other databases are inspected all the same."""
    execute(tmp_path / "damaged.db", "CREATE TABLE t(a)")
    with (tmp_path / "damaged.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 200)
    execute(tmp_path / "locked.db", "CREATE TABLE t(a)")

    with other_process(tmp_path / "locked.db", "BEGIN EXCLUSIVE"):
        damaged, locked = (inspected(tmp_path, file) for file in ("damaged.db", "locked.db"))

    assert (damaged.kind, damaged.unread_reason) == ("unreadable", "database disk image is malformed")
    assert (locked.kind, locked.unread_reason) == ("unreadable", "database is locked")

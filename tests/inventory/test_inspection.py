"""What is seen in one file, and that seeing changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory import inspection
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import Database, inspect_file
from sqlite_consolidate.inventory.inventory import Inventory, file_state, take_inventory
from tests.support.processes import other_process
from tests.support.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path


def inspected(root: Path, file: str) -> Database:
    """Look into one file of a folder."""
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
def test_each_kind_is_told_apart(inventory: Inventory, file: str, kind: str, features: list[str]) -> None:
    """By header and content, never by name alone."""
    database = next(entry.database for entry in inventory.entries if entry.file == file)

    assert (database.kind, database.features) == (kind, features)


def test_rows_that_are_only_in_the_wal_are_counted(inventory: Inventory) -> None:
    """What a reader of the database would see is what counts."""
    database = next(entry.database for entry in inventory.entries if entry.file == "live.db")

    assert {table.name: table.rows for table in database.tables} == {"events": 1}
    assert database.schema.header["journal_mode"] == "wal"


def test_shadow_tables_are_not_listed(inventory: Inventory) -> None:
    """An FTS index is one thing, not six."""
    database = next(entry.database for entry in inventory.entries if entry.file == "notes.db")

    assert [table.name for table in database.tables] == ["notes", "own", "found"]


@pytest.mark.parametrize(
    ("mode", "computed", "reason"),
    [
        ("wal", "zeroblob(999999999)", "it takes more than 512 MB of memory to read"),
        ("delete", "hex(zeroblob(100000000))", "it makes too much of its rows: the generated columns of t have 200 MB"),
    ],
)
def test_one_that_makes_much_of_little_is_told_and_not_touched(
    tmp_path: Path, mode: str, computed: str, reason: str
) -> None:
    """A second process reads it first; no byte of it changes, and nothing lies beside it afterwards."""
    path = tmp_path / "bomb.db"
    execute(path, f"PRAGMA journal_mode={mode}; CREATE TABLE t(a, b AS ({computed})); INSERT INTO t VALUES (1)")
    before = path.read_bytes()

    database = inspected(tmp_path, "bomb.db")

    assert database.kind == "unreadable"
    assert database.unread_reason.startswith(reason)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"bomb.db": before}


def test_looking_changes_nothing(root: Path) -> None:
    """No byte, no time of change, no file beside it: not even of the database whose rows are in its -wal."""
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file()}

    take_inventory(root, lambda _words: None)

    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before


def test_a_table_is_not_counted_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large one takes no longer than one of a million rows."""
    monkeypatch.setattr(inspection, "MAX_COUNTED_ROWS", 3)
    execute(tmp_path / "a.db", "CREATE TABLE few(a); CREATE TABLE many(a);")
    execute(
        tmp_path / "a.db",
        "INSERT INTO few VALUES (1), (2), (3); INSERT INTO many SELECT value FROM json_each('[1,2,3,4]')",
    )

    database = inspected(tmp_path, "a.db")

    assert [table.rows_text for table in database.tables] == ["3", "more than 3"]


def test_a_table_that_cannot_be_counted_says_why(tmp_path: Path) -> None:
    """The content of this index is gone; it may hold anything."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a); CREATE VIRTUAL TABLE f USING fts5(a, content='t'); DROP TABLE t")

    [table] = inspected(tmp_path, "a.db").tables

    assert (table.rows, table.rows_text) == (None, "?")
    assert table.error


def test_a_hot_journal_is_reported_and_the_database_not_opened(tmp_path: Path) -> None:
    """Opening it would roll the journal back; that is for its owner to do."""
    execute(tmp_path / "a.db", "CREATE TABLE t(a)")
    (tmp_path / "a.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(512))
    before = file_state(tmp_path, ["a.db"])

    database = inspected(tmp_path, "a.db")

    assert (database.kind, database.unread_reason) == (
        "unreadable",
        "a process died, or is still busy, in the middle of a transaction",
    )
    assert file_state(tmp_path, ["a.db"]) == before


def test_damage_and_a_lock_are_reported_in_sqlites_words(tmp_path: Path) -> None:
    """The others are looked at all the same."""
    execute(tmp_path / "damaged.db", "CREATE TABLE t(a)")
    with (tmp_path / "damaged.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 200)
    execute(tmp_path / "locked.db", "CREATE TABLE t(a)")

    with other_process(tmp_path / "locked.db", "BEGIN EXCLUSIVE"):
        damaged, locked = (inspected(tmp_path, file) for file in ("damaged.db", "locked.db"))

    assert (damaged.kind, damaged.unread_reason) == ("unreadable", "database disk image is malformed")
    assert (locked.kind, locked.unread_reason) == ("unreadable", "database is locked")

"""Test that tables and their schema are read once for each state."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.digest import DigestCache, TableDigest, digest_table
from sqlite_consolidate.engine.content.page_proof.description import DigestedRows, DigestedValue
from sqlite_consolidate.engine.merge.target_schema import SchemaCache
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@pytest.fixture
def con() -> Iterator[sqlite3.Connection]:
    """Provide a table of two rows in an open transaction."""
    with closing(open_memory()) as con:
        con.execute("CREATE TABLE t(a UNIQUE, b)")
        con.execute("INSERT INTO t VALUES(1, 2), (3, 4)")
        con.execute("BEGIN")
        yield con


def test_unchanged_table_is_not_read_again(con: sqlite3.Connection) -> None:
    """The second call executes no statement that reads rows."""
    digest, table = DigestCache(), read_schema(con).tables["t"]
    first = digest(con, table)
    statements: list[str] = []
    con.set_trace_callback(statements.append)

    assert digest(con, table) == digest(con, table, with_rowid=False) == first
    assert not [statement for statement in statements if " FROM " in statement]


def test_column_is_not_read_again_until_a_change(con: sqlite3.Connection) -> None:
    """The page reader may have stated its digest."""
    digest, table, stated = DigestCache(), read_schema(con).tables["t"], TableDigest(2, 7)
    before = digest(con, table, column="a")
    digest.keep(con, [], {}, {DigestedRows("t", (DigestedValue("b"),)): stated})

    assert digest(con, table, column="b") == stated
    assert digest(con, table, column="a") == before == digest_table(con, table, column="a")
    con.execute("DELETE FROM t WHERE a = 1")
    assert digest(con, table, column="b") == digest_table(con, table, column="b")
    assert digest(con, table, column="a") != before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t SET b = 5 WHERE a = 1",
        "DELETE FROM t",
        "INSERT INTO t VALUES(7, 8)",
        "INSERT OR REPLACE INTO t VALUES(1, 3)",
        "UPDATE t SET rowid = 9 WHERE a = 1",
        "ALTER TABLE t ADD COLUMN c DEFAULT 1",
    ],
)
def test_table_is_read_again_after_any_change(con: sqlite3.Connection, change: str) -> None:
    """The change affects rows, rowids or the schema."""
    digest = DigestCache()
    digest(con, read_schema(con).tables["t"], with_rowid=True)

    con.execute(change)

    table = read_schema(con).tables["t"]
    assert digest(con, table, with_rowid=True) == digest_table(con, table, with_rowid=True)


def test_unchanged_schema_is_not_read_again(con: sqlite3.Connection) -> None:
    """The second call lists no column. Rows are no part of it."""
    read = SchemaCache()
    first = read(con)
    statements: list[str] = []
    con.set_trace_callback(statements.append)
    con.execute("DELETE FROM t")

    assert read(con) == first == read_schema(con)
    assert sum("table_xinfo" in statement for statement in statements) == len(first.tables)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX i ON t(b)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN c",
        "PRAGMA user_version = 7",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END",
    ],
)
def test_changed_schema_is_read_again(con: sqlite3.Connection, change: str) -> None:
    """A rollback to a savepoint changes it as well.

    SQLite may then give another object the same number of changes.
    """
    read = SchemaCache()
    before = read(con)
    con.execute("SAVEPOINT change")
    con.execute(change)

    assert read(con) == read_schema(con) != before
    con.execute("ROLLBACK TO change")
    assert read(con) == before
    con.execute("CREATE INDEX other ON t(a, b)")
    assert read(con) == read_schema(con) != before

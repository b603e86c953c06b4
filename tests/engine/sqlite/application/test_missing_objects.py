"""Specify which tables and indexes need what this SQLite lacks."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.integrity import check_integrity
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.missing.kinds import INDEXES, KINDS, READERS, TABLES, VIRTUAL_TABLES, Kind

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema
else:
    from sqlite_utils.utils import sqlite3


def names(kinds: tuple[Kind, ...]) -> list[str]:
    """Return the names of kinds, for the ids of tests."""
    return [kind.name for kind in kinds]


def schema_of(path: Path) -> Schema:
    """Return the schema of a database."""
    with closing(open_readonly(path)) as con:
        return read_schema(con)


def virtual(path: Path, *statements: str) -> Schema:
    """Return the schema of a database with a virtual table ``v`` of an unknown module."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for statement in statements:
            con.execute(statement)
        con.execute("PRAGMA writable_schema=ON")
        con.execute("UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE v USING nosuch(x)' WHERE name = 'v'")
    return schema_of(path)


@pytest.mark.parametrize("kind", KINDS, ids=names(KINDS))
def test_table_beside_the_object_lacks_nothing(kind: Kind, tmp_path: Path) -> None:
    """It is read and checked as in any other database."""
    kind.build(tmp_path / "a.db")

    with closing(open_readonly(tmp_path / "a.db")) as con:
        schema = read_schema(con)
        damage = check_integrity(con)

    assert not schema.tables["plain"].lacks_for_writing
    assert damage == []


@pytest.mark.parametrize("kind", TABLES, ids=names(TABLES))
def test_table_lacks_what_it_declares(kind: Kind, tmp_path: Path) -> None:
    """No row of it can be moved."""
    kind.build(tmp_path / "a.db")

    schema = schema_of(tmp_path / "a.db")

    assert schema.tables["odd"].lacks in ("the collation unicase", "the function twice")
    assert [table.name for table in schema.movable] == ["plain"]
    assert [table.name for table in schema.lacking] == ["odd"]


@pytest.mark.parametrize("kind", INDEXES, ids=names(INDEXES))
def test_index_lacks_what_it_declares(kind: Kind, tmp_path: Path) -> None:
    """Its table can be read, and not written."""
    kind.build(tmp_path / "a.db")

    table = schema_of(tmp_path / "a.db").tables["odd"]

    assert not table.lacks
    assert table.lacks_for_writing in ("the collation unicase", "the function twice")


@pytest.mark.parametrize("kind", VIRTUAL_TABLES, ids=names(VIRTUAL_TABLES))
def test_inner_tables_belong_to_their_virtual_table(kind: Kind, tmp_path: Path) -> None:
    """They are no tables of a user."""
    kind.build(tmp_path / "a.db")

    schema = schema_of(tmp_path / "a.db")

    assert [table.name for table in schema.movable] == ["plain"]
    inner = [table for table in schema.tables.values() if table.name.startswith("odd_")]
    assert {table.kind for table in inner} <= {"shadow"}
    assert {table.owner for table in inner} <= {"odd"}
    assert {table.name for table in schema.digested} == {"plain", *(table.name for table in inner)}


@pytest.mark.parametrize("kind", READERS, ids=names(READERS))
def test_views_and_triggers_concern_no_table(kind: Kind, tmp_path: Path) -> None:
    """SQLite needs a function when it runs the statement, and not to read a table."""
    kind.build(tmp_path / "a.db")

    assert schema_of(tmp_path / "a.db").lacking == ()


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (["CREATE TABLE v_notes(id)"], "table"),
        (["CREATE TABLE other(id)", "CREATE TABLE v_notes(id)"], "table"),
        (["CREATE TABLE v_notes(id INTEGER PRIMARY KEY, parent REFERENCES v_notes(id))"], "table"),
    ],
)
def test_table_of_user_with_such_name_counts(tmp_path: Path, after: list[str], expected: str) -> None:
    """An unknown module creates its tables right after the virtual table."""
    schema = virtual(
        tmp_path / "a.db", "CREATE TABLE t(x)", "CREATE VIRTUAL TABLE v USING fts5(x)", "CREATE TABLE u(x)", *after
    )

    assert schema.tables["v_notes"].kind == expected
    assert schema.tables["v_data"].kind == "shadow"


def test_trigger_keeps_a_table_after_vacuum(tmp_path: Path) -> None:
    """VACUUM writes virtual tables last, so that names decide.

    No module puts a trigger on its tables.
    """
    schema = virtual(
        tmp_path / "a.db",
        "CREATE TABLE v_notes(id)",
        "CREATE TABLE v_data(id)",
        "CREATE TRIGGER kept AFTER INSERT ON v_notes BEGIN SELECT 1; END",
        "PRAGMA writable_schema=ON",
        "INSERT INTO sqlite_schema VALUES('table', 'v', 'v', 0, '')",
    )

    assert (schema.tables["v_notes"].kind, schema.tables["v_data"].kind) == ("table", "shadow")


def test_damage_beside_an_unknown_collation_is_found(tmp_path: Path) -> None:
    """Each table that SQLite can check is checked. Five lines are enough for a reader."""
    TABLES[1].build(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as con:
        con.execute("CREATE TABLE checked(a)")
        con.execute("CREATE INDEX by_a ON checked(a)")
        con.execute("INSERT INTO checked VALUES (1), (2), (3), (4), (5), (6)")
        con.execute("PRAGMA writable_schema=ON")
        con.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE checked(a CHECK(twice(a) > 0))' WHERE name = 'checked'"
        )
        con.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX by_a ON checked(-a)' WHERE name = 'by_a'")

    with closing(open_readonly(tmp_path / "a.db")) as con:
        assert check_integrity(con) == [f"row {number} missing from index by_a" for number in (1, 2, 3, 4, 5)]

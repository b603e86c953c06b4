"""Specify that a schema is read as SQLite uses it, even in unusual databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import attach, open_memory, open_new, open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, read_schema

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


def filled(*statements: str) -> sqlite3.Connection:
    """Return a database in memory after these statements."""
    con = open_memory()
    for statement in statements:
        con.execute(statement)
    return con


def schema(*statements: str) -> Schema:
    """Read the schema that these statements make."""
    return read_schema(filled(*statements))


def table(*statements: str) -> Table:
    """Read the table ``t`` that these statements make."""
    return schema(*statements).tables["t"]


@pytest.mark.parametrize(
    ("create", "alias"),
    [
        ("CREATE TABLE t(id INTEGER PRIMARY KEY)", "id"),
        ("CREATE TABLE t(id integer primary key asc)", "id"),
        ("CREATE TABLE t(a, id INTEGER, PRIMARY KEY(id))", "id"),
        ("CREATE TABLE t(a, id INTEGER, PRIMARY KEY(id DESC))", "id"),
        ('CREATE TABLE t("i""d" "INTEGER" PRIMARY KEY)', 'i"d'),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY) STRICT", "id"),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY DESC)", ""),
        ("CREATE TABLE t(id INT PRIMARY KEY)", ""),
        ("CREATE TABLE t(id BIGINT PRIMARY KEY)", ""),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY) WITHOUT ROWID", ""),
        ("CREATE TABLE t(id INTEGER, b, PRIMARY KEY(id, b))", ""),
        ("CREATE TABLE t(id INTEGER UNIQUE)", ""),
        ("CREATE TABLE t(a)", ""),
    ],
)
def test_rowid_alias_is_the_column_that_sqlite_uses(create: str, alias: str) -> None:
    """The test writes a row to see which column SQLite uses.

    INTEGER PRIMARY KEY has several exceptions.
    """
    con = filled(create)

    declared = read_schema(con).tables["t"]

    assert declared.alias == alias
    if alias:
        con.execute(f"INSERT INTO t(rowid{', b' if 'b,' in create else ''}) VALUES(77)")
        name = alias.replace('"', '""')
        assert con.execute(f'SELECT "{name}" FROM t').fetchone() == (77,)


@pytest.mark.parametrize(
    ("create", "counts"),
    [
        ("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", True),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY autoincrement, b)", True),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY /* c */ AUTOINCREMENT)", True),
        ("CREATE TABLE t(id INTEGER, PRIMARY KEY(id AUTOINCREMENT))", True),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY -- AUTOINCREMENT\n)", False),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY /* AUTOINCREMENT */)", False),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, b DEFAULT 'it''s AUTOINCREMENT')", False),
        ('CREATE TABLE t(id INTEGER PRIMARY KEY, "autoincrement")', False),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, [autoincrement])", False),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, `autoincrement`)", False),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, b CHECK(b <> 'AUTOINCREMENT'))", False),
    ],
)
def test_autoincrement_is_what_sqlite_keeps_mark_for(create: str, counts: bool) -> None:
    """The test writes a row to see whether SQLite keeps a mark.

    The word in a comment, a default or a name does not count.
    """
    con = filled(create)

    assert read_schema(con).tables["t"].autoincrement is counts

    con.execute("INSERT INTO t(id) VALUES(1)")
    made = con.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()[0]
    assert bool(made) is counts


@pytest.mark.parametrize(
    ("create", "rowid"),
    [
        ("CREATE TABLE t(a)", "rowid"),
        ("CREATE TABLE t(RowID)", "_rowid_"),
        ("CREATE TABLE t(rowid, _rowid_)", "oid"),
        ("CREATE TABLE t(rowid, _rowid_, oid)", ""),
        ("CREATE TABLE t(a, oid AS (a), rowid AS (a))", "_rowid_"),
        ("CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID", ""),
    ],
)
def test_rowid_has_name_that_no_column_has(create: str, rowid: str) -> None:
    """And no name at all where there is none, or where it cannot be reached."""
    assert table(create).rowid == rowid


@pytest.mark.parametrize(
    ("statements", "only_identity"),
    [
        (["CREATE TABLE t(a)"], True),
        (["CREATE TABLE t(a)", "CREATE INDEX i ON t(a)"], True),
        (["CREATE TABLE t(a)", "CREATE UNIQUE INDEX i ON t(a) WHERE a > 0"], True),
        (["CREATE TABLE t(id INTEGER PRIMARY KEY DESC)"], False),
        (["CREATE TABLE t(a UNIQUE)"], False),
        (["CREATE TABLE t(a PRIMARY KEY)"], False),
        (["CREATE TABLE t(a INTEGER PRIMARY KEY)"], False),
        (["CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID"], False),
        (["CREATE VIRTUAL TABLE t USING fts5(a)"], False),
    ],
)
def test_rowid_is_identity_where_no_key_is_declared(statements: list[str], only_identity: bool) -> None:
    """A partial unique index is no key for all rows."""
    assert table(*statements).rowid_is_identity is only_identity


def test_columns_are_as_declared() -> None:
    """Types are in upper case, defaults are SQL, and keys are in order."""
    declared = table(
        "CREATE TABLE t([A b] varchar(3) NOT NULL DEFAULT 'x''y', c, d AS (c) STORED, e AS (c), PRIMARY KEY(c, [A b]))"
    )

    assert [(c.name, c.type, c.notnull, c.default, c.key, c.generated) for c in declared.columns] == [
        ("A b", "VARCHAR(3)", True, "'x''y'", 2, False),
        ("c", "", False, None, 1, False),
        ("d", "", False, None, 0, True),
        ("e", "", False, None, 0, True),
    ]
    assert [column.name for column in declared.stored] == ["A b", "c"]
    assert declared.primary_key == ("c", "A b")
    assert declared.column("a B") == declared.columns[0]
    assert declared.column("É") is None


def test_indexes_are_told_apart_by_where_they_come_from() -> None:
    """Automatic indexes have no statement. Terms have order and collation."""
    declared = table(
        "CREATE TABLE t(a PRIMARY KEY, b UNIQUE, c COLLATE NOCASE)",
        'CREATE UNIQUE INDEX "i""1" ON t(c DESC, b + 1) WHERE c > \'x\'',
    )

    by_origin = {index.origin: index for index in declared.indexes}
    assert set(by_origin) == {"c", "u", "pk"}
    assert (by_origin["u"].sql, by_origin["pk"].sql) == ("", "")
    made = by_origin["c"]
    assert (made.name, made.unique, made.partial) == ('i"1', True, True)
    assert made.terms == (("c", True, "NOCASE"), (None, False, "BINARY"))
    assert made.sql.startswith('CREATE UNIQUE INDEX "i""1"')


def test_only_tables_of_user_are_movable() -> None:
    """Shadow tables, tables of SQLite and views are left out."""
    contents = schema(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a)",
        "CREATE INDEX i ON t(a)",
        "INSERT INTO t(a) VALUES(1)",
        "ANALYZE",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "CREATE VIRTUAL TABLE r USING rtree(id, a, b)",
    )

    assert [movable.name for movable in contents.movable] == ["t", "f", "r"]
    assert (contents.tables["f"].module, contents.tables["r"].module, contents.tables["t"].module) == (
        "fts5",
        "rtree",
        "",
    )
    assert contents.tables["f_data"].kind == "shadow"
    assert [view.name for view in contents.views] == ["v"]


def test_table_that_is_only_named_like_shadow_is_users() -> None:
    """SQLite lists a user's ``f_content`` as a shadow when f only indexes it."""
    contents = schema(
        "CREATE TABLE f_content(id INTEGER PRIMARY KEY, a)",
        "CREATE VIRTUAL TABLE f USING fts5(a, content='f_content', content_rowid='id')",
        "CREATE VIRTUAL TABLE g USING fts5(a)",
    )

    assert [movable.name for movable in contents.movable] == ["f_content", "f", "g"]
    assert contents.tables["f_content"].alias == "id"
    assert contents.tables["g_content"].kind == "shadow"


def test_hidden_columns_of_virtual_tables_hold_no_rows() -> None:
    """An FTS5 table has two that are no data."""
    declared = table("CREATE VIRTUAL TABLE t USING fts5(a, b)")

    assert [column.name for column in declared.stored] == ["a", "b"]
    assert [column.name for column in declared.columns if column.hidden] == ["t", "rank"]


def test_names_are_found_as_sqlite_compares_them() -> None:
    """ASCII letters without case, all others as they are."""
    contents = schema("CREATE TABLE Käse(a)")

    assert contents.table("kÄSE") is None
    assert contents.table("KäSE") == contents.tables["Käse"]


def test_hostile_names_are_read() -> None:
    """Quotes, semicolons, line breaks and reserved words are characters of a name."""
    name = "a\"b'c];\nselect -- \U0001f600"
    inner = name.replace('"', '""')

    declared = schema(f'CREATE TABLE "{inner}"("{inner}" PRIMARY KEY)').tables[name]

    assert declared.primary_key == (name,)
    assert declared.indexes[0].terms == ((name, False, "BINARY"),)


def test_objects_come_in_order_in_which_they_were_made() -> None:
    """A dump makes them again in that order."""
    contents = schema(
        "CREATE TABLE z(a)",
        "CREATE TABLE a(b)",
        "CREATE VIEW y AS SELECT 1",
        "CREATE VIEW b AS SELECT 1",
        "CREATE TRIGGER t2 AFTER INSERT ON z BEGIN SELECT 1; END",
        "CREATE TRIGGER t1 INSTEAD OF INSERT ON y BEGIN SELECT 1; END",
    )

    assert list(contents.tables) == ["z", "a"]
    assert [view.name for view in contents.views] == ["y", "b"]
    assert [(trigger.name, trigger.table) for trigger in contents.triggers] == [("t2", "z"), ("t1", "y")]


def test_broken_view_does_not_hide_tables() -> None:
    """A view of a table that is gone is read like any other."""
    contents = schema("CREATE TABLE t(a)", "CREATE TABLE u(a)", "CREATE VIEW v AS SELECT a FROM u", "DROP TABLE u")

    assert list(contents.tables) == ["t"]
    assert [view.name for view in contents.views] == ["v"]


def test_attached_database_has_its_own_schema(tmp_path: Path) -> None:
    """Tables of the same name in another database do not mix with it."""
    source = open_new(tmp_path / "s.db")
    source.execute("CREATE TABLE t(x UNIQUE)")
    source.execute("CREATE TABLE only(x)")
    source.execute("PRAGMA user_version=4")
    source.close()
    con = filled("CREATE TABLE t(y)", "CREATE TEMP TABLE t(z)")
    attach(con, tmp_path / "s.db", "s")

    main, attached = read_schema(con), read_schema(con, "s")
    con.close()

    assert list(main.tables) == ["t"]
    assert [column.name for column in main.tables["t"].columns] == ["y"]
    assert list(attached.tables) == ["t", "only"]
    assert [column.name for column in attached.tables["t"].columns] == ["x"]
    assert [index.terms for index in attached.tables["t"].indexes] == [(("x", False, "BINARY"),)]
    assert attached.header["user_version"] == "4"


def test_header_is_read() -> None:
    """As text, for a report."""
    contents = schema(
        "PRAGMA encoding='UTF-16be'", "PRAGMA user_version=-3", "PRAGMA application_id=9", "CREATE TABLE t(a)"
    )

    assert contents.header["encoding"] == "UTF-16be"
    assert (contents.header["user_version"], contents.header["application_id"]) == ("-3", "9")


def test_what_is_no_database_is_error(tmp_path: Path) -> None:
    """Not an empty schema."""
    (tmp_path / "a.db").write_bytes(b"no database at all " * 100)
    con = open_readonly(tmp_path / "a.db")

    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        read_schema(con)

    con.close()


def test_malformed_schema_is_error(tmp_path: Path) -> None:
    """A table that is left out silently would be lost."""
    con = open_new(tmp_path / "a.db")
    con.execute("CREATE TABLE t(a)")
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t(' WHERE name = 't'")
    con.close()
    con = open_readonly(tmp_path / "a.db")

    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        read_schema(con)

    con.close()

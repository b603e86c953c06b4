"""Test when records are copied whole and that ``sql.log`` has every statement."""

from __future__ import annotations

import re
import sqlite3 as standard
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.merge.copy_rows import copy_rows, existing_rows_digest, source_digest
from sqlite_consolidate.engine.merge.rows.record_copy import has_each_value
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.sqlite_library import sqlite3
from tests.support.databases import TARGET, Bench, Copied, content, source, table
from tests.support.rows.copied_rows import read, rows_are_exact

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table


def statements_of(bench: Bench, *sources: Any) -> tuple[Copied, str]:
    """Copy into a traced target and return the INSERT that SQLite has executed."""
    copied = bench.copied(*sources)
    copied.con.execute("DELETE FROM t")
    executed: list[str] = []
    copied.con.set_trace_callback(executed.append)
    mapping = copied.copied_tables[0].mapping
    alias = next(name for _, name, _ in copied.rows("PRAGMA database_list") if name not in ("main", "temp"))
    copy_rows(copied.con, mapping, source_digest(copied.con, mapping, alias), alias)
    copied.con.set_trace_callback(None)
    (statement,) = (each for each in executed if each.startswith("INSERT"))
    return copied, statement


def takes_whole_records(copied: Copied, statement: str) -> bool:
    """Return whether SQLite's program copies whole records."""
    return bool({row[1] for row in copied.rows(f"EXPLAIN {statement}")} & {"RowCell", "RowData"})


@pytest.mark.parametrize(
    "create",
    [
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT DEFAULT 'x')",),
        *(
            (statement, "CREATE INDEX ix ON t(v)")
            for statement in (
                "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT DEFAULT 'x')",
                "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE)",
                "CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
                "CREATE TABLE t(v TEXT PRIMARY KEY)",
                "CREATE TABLE t(v)",
            )
        ),
    ],
    ids=" ".join,
)
def test_equal_tables_are_copied_as_whole_records(bench: Bench, create: tuple[str, ...]) -> None:
    """The clause that no index is read makes no difference."""
    bench.database("a.db", *create)

    copied, statement = statements_of(bench, source("a.db", "t"))
    plain, _, clause = statement.partition(" AS s ")

    assert "INDEXED" in clause
    assert takes_whole_records(copied, statement)
    assert takes_whole_records(copied, plain)


@pytest.mark.parametrize(
    ("create", "keys"),
    [
        ("CREATE TABLE t(v)", {}),  # whole records would get new rowids
        (
            "CREATE TABLE t(k TEXT PRIMARY KEY, v)",
            {"create": "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 1 CHECK (v > 0))"},
        ),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", {"create": "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT (1))"}),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v)", {"create": "CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER)"}),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", {"create": "CREATE TABLE t(v, id INTEGER PRIMARY KEY)"}),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v, g AS (v))", {}),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", {"on_conflict": "prefer-target"}),
        (
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)",
            {"columns": {"v": "w", "w": "v"}, "create": "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)"},
        ),
    ],
)
def test_different_tables_are_copied_by_column_names(bench: Bench, create: str, keys: Any) -> None:
    """A declaration differs, or a rowid must be named."""
    bench.database("a.db", create)

    copied, statement = statements_of(bench, source("a.db", table("t", **keys)))

    assert not takes_whole_records(copied, statement)
    assert "*" not in statement


@pytest.mark.parametrize(
    ("create", "planned"),
    [
        ("CREATE TABLE t(k VARCHAR(9) PRIMARY KEY, v NOT NULL)", "CREATE TABLE t(k TEXT PRIMARY KEY, v)"),
        ("CREATE TABLE t(k TEXT, v CHECK (v > 0), UNIQUE(k))", "CREATE TABLE T(K TEXT UNIQUE, V)"),
    ],
)
def test_differences_outside_records_allow_whole_records(bench: Bench, create: str, planned: str) -> None:
    """These are type names and constraints that the target lacks. The rowid is kept."""
    bench.database("a.db", create, rows=("INSERT INTO t(rowid, k, v) VALUES(?, ?, ?)", [(7, "a", 1), (-2, "b", 2.5)]))

    copied, statement = statements_of(bench, source("a.db", table("t", create=planned)))

    assert takes_whole_records(copied, statement)
    assert content(copied.con, "t", ["k", "v"], "rowid") == read(bench, "a.db", ["k", "v"], "rowid")


@pytest.mark.parametrize(
    ("create", "planned"),
    [
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER)", "CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER DEFAULT 0)"),
        ("CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 'it''s')", "create table t(k text primary key, v)"),
        (
            "CREATE TABLE t(k TEXT DEFAULT NULL, v DEFAULT -1.5e3, PRIMARY KEY(k)) WITHOUT ROWID",
            "CREATE TABLE t(k TEXT DEFAULT 'k', v DEFAULT x'00', PRIMARY KEY(k)) WITHOUT ROWID",
        ),
    ],
)
def test_different_default_allows_whole_records(bench: Bench, create: str, planned: str) -> None:
    """A record holds no DEFAULT.

    The target's table has the source's DEFAULT during the copy and the plan's afterwards.
    """
    bench.database("a.db", create, "CREATE INDEX ix ON t(v)", rows=("INSERT INTO t VALUES(?,?)", [("a", 1), ("b", 2)]))

    copied, statement = statements_of(bench, source("a.db", table("t", create=f"{planned}; CREATE INDEX ix ON t(v)")))

    assert "*" in statement
    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("a", 1), ("b", 2)]
    assert folded(copied.rows("SELECT sql FROM main.sqlite_schema WHERE name = 't'")[0][0]) == folded(planned)
    assert copied.rows("PRAGMA main.integrity_check") == [("ok",)]
    assert rows_are_exact(copied)


SOURCE_DEFAULTS = "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 'it''s', w DEFAULT\n 1)"
PLANNED = "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 2, w DEFAULT\n 1)"


def test_record_copy_logs_its_statements_in_order(bench: Bench) -> None:
    """A statement of several lines is among them."""
    bench.database("a.db", SOURCE_DEFAULTS, rows=("INSERT INTO t VALUES(?, ?, 3)", [("a", 1), ("b", None)]))
    copied = bench.copied(source("a.db", table("t", create=PLANNED)))
    update = "UPDATE main.sqlite_schema SET sql = {} WHERE type = 'table' AND name = 't'"

    (begin,) = (index for index, statement in enumerate(copied.sql) if statement.startswith("-- a.db:t"))
    alias = re.search(r'FROM "(.*?)"\."t"', copied.sql[begin + 5])

    assert alias is not None
    assert copied.sql[begin + 1 :] == [
        "SAVEPOINT records",
        "PRAGMA main.writable_schema=ON",
        update.format("'CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT ''it''''s'', w DEFAULT\n 1)'"),
        "PRAGMA main.writable_schema=RESET",
        f'INSERT INTO main."t" SELECT * FROM "{alias[1]}"."t" AS s NOT INDEXED',
        "PRAGMA main.writable_schema=ON",
        update.format(f"'{PLANNED}'"),
        "PRAGMA main.writable_schema=RESET",
        "RELEASE records",
    ]
    assert [(moved.method, moved.inserted) for moved in copied.copied_tables] == [("records-under-other-defaults", 2)]


@pytest.mark.parametrize(
    ("create", "keys"),
    [
        (SOURCE_DEFAULTS, {"create": PLANNED}),
        (PLANNED, {}),
        ("CREATE TABLE t(k PRIMARY KEY, v, w)", {"columns": {"v": "w", "w": "v"}}),
        ("CREATE TABLE t(k PRIMARY KEY, v, w)", {"on_conflict": "prefer-source"}),
    ],
    ids=["other-defaults", "records", "columns", "policy"],
)
def test_log_equals_trace_of_writing_statements(bench: Bench, create: str, keys: Any) -> None:
    """SQLite's own trace of the copy is compared, without the statements that only read."""
    bench.database("a.db", create, "INSERT INTO t VALUES('a', 1, 3)")
    copied = bench.copied(source("a.db", table("t", **keys)))
    mapping, executed, log = copied.copied_tables[0].mapping, list[str](), list[str]()
    alias = next(name for _, name, _ in copied.rows("PRAGMA database_list") if name not in ("main", "temp"))
    digest = source_digest(copied.con, mapping, alias)
    if mapping.table_map.on_conflict == "refuse":
        copied.con.execute("DELETE FROM t")
    copied.con.set_trace_callback(executed.append)

    def execute(statement: str) -> sqlite3.Cursor:
        log.append(statement)
        return copied.con.execute(statement)

    copy_rows(copied.con, mapping, digest, alias, execute=execute)
    copied.con.set_trace_callback(None)

    assert log == [sql for sql in executed if not sql.startswith(("SELECT", "EXPLAIN", "--"))]
    assert log != []


def test_record_copy_turned_off_copies_by_columns(bench: Bench) -> None:
    """The rows have the same digest, and no statement writes the schema directly."""
    bench.database("a.db", SOURCE_DEFAULTS, rows=("INSERT INTO t VALUES(?, ?, 3)", [("a", 1), ("b", None)]))
    mapped = source("a.db", table("t", create=PLANNED))
    digests, methods, logs = [], [], []

    for record_copy in (True, False):
        copied = bench.copied(mapped, record_copy=record_copy)
        digests.append(existing_rows_digest(copied.con, copied.copied_tables[0].mapping))
        methods.append(copied.copied_tables[0].method)
        logs.append("\n".join(copied.sql))
        assert rows_are_exact(copied)
        copied.con.close()
        bench.root.joinpath(TARGET).unlink()

    assert digests[0] == digests[1]
    assert digests[0].rows == 2
    assert methods == ["records-under-other-defaults", "columns"]
    assert ["writable_schema" in log or "sqlite_schema" in log for log in logs] == [True, False]
    assert 'INSERT INTO main."t"("rowid", "k", "v", "w")' in logs[1]


def test_equal_tables_ignore_record_copy_off(bench: Bench) -> None:
    """SQLite copies records of equal tables without a change of the schema."""
    bench.database("a.db", PLANNED, "INSERT INTO t VALUES('a', 1, 3)")

    copied = bench.copied(source("a.db", "t"), record_copy=False)

    assert copied.copied_tables[0].method == "records"
    assert "writable_schema" not in "".join(copied.sql)


def test_rows_older_than_a_column_keep_its_default(bench: Bench) -> None:
    """Their records have no value for it, so the plan's DEFAULT would change it."""
    create = "CREATE TABLE t(k TEXT PRIMARY KEY, v DEFAULT 5)"
    old = ("CREATE TABLE t(k TEXT PRIMARY KEY)", "INSERT INTO t VALUES('old')", "ALTER TABLE t ADD COLUMN v DEFAULT 5")
    bench.database("a.db", *old, "INSERT INTO t VALUES('new', 6)")

    copied = bench.copied(source("a.db", table("t", create=create.replace("5", "7"))))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("new", 6), ("old", 5)]
    assert copied.copied_tables[0].method == "columns"
    assert [sql for sql in copied.sql if "records" in sql] == [
        "SAVEPOINT records",
        "ROLLBACK TO records",
        "RELEASE records",
    ]
    assert rows_are_exact(copied)
    copied.con.execute("INSERT INTO t(k) VALUES('later')")
    assert copied.rows("SELECT v FROM t WHERE k = 'later'") == [(7,)]


def table_and_column(bench: Bench, name: str) -> tuple[Table, Column]:
    """Return the table t of the database, and one of its columns."""
    with open_for_inspection(bench.root / "a.db") as con:
        known = read_schema(con).tables["t"]
    column = known.column(name)
    assert column is not None
    return known, column


@pytest.mark.parametrize(
    ("columns", "column", "has_value"),
    [
        ("k TEXT PRIMARY KEY, v NOT NULL", "v", True),
        ("k TEXT PRIMARY KEY, v, w NOT NULL", "v", True),
        ("k TEXT NOT NULL PRIMARY KEY, v", "v", False),
        ("k TEXT PRIMARY KEY, v NOT NULL DEFAULT 1", "v", False),
        ("k TEXT PRIMARY KEY, v NOT NULL DEFAULT 1, w", "v", False),
        ("v, id INTEGER NOT NULL PRIMARY KEY", "v", False),
        ("k TEXT PRIMARY KEY, v, g NOT NULL AS (coalesce(v, 1)) STORED", "v", False),
    ],
)
def test_not_null_column_excludes_records_without_value(
    bench: Bench, columns: str, column: str, *, has_value: bool
) -> None:
    """SQLite adds no such column to a table with rows."""
    bench.database("a.db", f"CREATE TABLE t({columns})")

    assert has_each_value(*table_and_column(bench, column)) is has_value


def test_key_order_of_records_excludes_no_short_one(bench: Bench) -> None:
    """A table WITHOUT ROWID begins its records with the primary key."""
    bench.database("a.db", "CREATE TABLE t(v, k TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID")

    assert not has_each_value(*table_and_column(bench, "v"))


@pytest.mark.parametrize("library", [sqlite3, standard], ids=["used", "standard"])
def test_short_record_without_not_null_value_is_damage(library: Any) -> None:
    """The preflight refuses a source with a NOT NULL column without value and DEFAULT."""
    con = library.connect(":memory:", isolation_level=None)
    con.execute("CREATE TABLE t(k TEXT PRIMARY KEY)")
    con.execute("INSERT INTO t VALUES('old')")
    con.execute("ALTER TABLE t ADD COLUMN v NOT NULL DEFAULT 5")
    con.execute("PRAGMA writable_schema=ON")
    con.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t(k TEXT PRIMARY KEY, v NOT NULL)' WHERE type = 'table'")
    con.execute("PRAGMA writable_schema=RESET")

    damage = [con.execute(f"PRAGMA {check}").fetchall() for check in ("integrity_check", "quick_check")]
    con.close()

    assert damage == [[("NULL value in t.v",)]] * 2


def test_rowids_are_kept_when_records_are_not_copied(bench: Bench) -> None:
    """The target gets an index that the source does not have."""
    bench.database(
        "a.db", "CREATE TABLE t(v DEFAULT 1)", "CREATE INDEX ix ON t(v)", "INSERT INTO t(rowid, v) VALUES(7, 'a')"
    )
    create = "CREATE TABLE t(v DEFAULT 2); CREATE UNIQUE INDEX ix ON t(v)"

    copied = bench.copied(source("a.db", table("t", create=create)))

    assert copied.rows("SELECT rowid, v FROM t") == [(7, "a")]
    assert rows_are_exact(copied)


def test_only_empty_table_gets_whole_records(bench: Bench) -> None:
    """The rows of the second source get unused rowids."""
    for file, key in (("a.db", "a"), ("b.db", "b")):
        bench.database(file, "CREATE TABLE t(k TEXT PRIMARY KEY)", f"INSERT INTO t VALUES('{key}')")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))

    assert copied.rows("SELECT rowid, k FROM t") == [(1, "a"), (2, "b")]
    assert rows_are_exact(copied)

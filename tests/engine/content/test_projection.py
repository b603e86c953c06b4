"""Specify the SQL of source rows as they have to arrive in the target."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.content.digest import digest_query, digest_table
from sqlite_consolidate.engine.content.projection import Projection, Staging
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows, match_columns
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.plan.model import Source, TableMap
from tests.support.rows.projected_rows import ends, moved, plan_of, projected, rows_at_both_ends

HOSTILE = 'a"b; DROP TABLE t --'


def test_both_lists_have_order_of_target_names() -> None:
    """The source spells and orders its columns differently."""
    con = ends(
        "CREATE TABLE src.t(z, B, id INTEGER PRIMARY KEY)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, b, A)",
        " VALUES(1, 2, 3)",
    )

    rows = projected(con, columns={"z": "A"})

    assert [column.name for column in rows.row] == ["A", "b", "id"]
    assert rows_at_both_ends(con, rows) == ([(1, 2, 3)], [(1, 2, 3)])
    assert con.execute("SELECT id, b, A FROM t").fetchall() == [(3, 2, 1)]


@pytest.mark.parametrize(
    ("default", "stored"),
    [
        ("REAL DEFAULT 0", 0.0),
        ("TEXT DEFAULT 5", "5"),
        ("DEFAULT 'it''s'", "it's"),
        ("", None),
        ("DEFAULT x'00'", b"\0"),
    ],
)
def test_column_without_source_column_has_its_default(default: str, stored: object) -> None:
    """It is part of the row, and the copy writes it."""
    con = ends("CREATE TABLE src.t(v)", f"CREATE TABLE t(v, more {default})", " VALUES(1)")

    rows = projected(con, rowids="renumber")

    assert rows_at_both_ends(con, rows) == ([(stored, 1)], [(stored, 1)])
    assert '"more"' in rows.insert(is_empty=True)


def test_generated_columns_are_computed_and_not_copied() -> None:
    """They are listed apart, under the target's name."""
    con = ends("CREATE TABLE src.t(v, g AS (v + 1))", "CREATE TABLE t(v, h AS (v + 1))", "(v) VALUES(1)")

    rows = projected(con, columns={"g": "h"}, rowids="renumber")

    assert [column.name for column in rows.columns] == ["v"]
    assert [(column.name, column.origin) for column in rows.computed] == [("h", "g")]
    assert rows_at_both_ends(con, rows) == ([(1,)], [(1,)])
    assert con.execute(rows.select(column.source for column in rows.computed)).fetchall() == [(2,)]


def test_rowid_is_first_where_it_alone_tells_rows_apart() -> None:
    """The copy keeps it, also in a table that has rows."""
    con = ends("CREATE TABLE src.t(v)", "CREATE TABLE t(v)", "(rowid, v) VALUES(7, 'x')")
    con.execute("INSERT INTO t(rowid, v) VALUES(9, 'y')")

    rows = projected(con)
    con.execute(rows.insert(is_empty=False))

    assert con.execute(rows.select(rows.source_row())).fetchall() == [(7, "x")]
    assert con.execute(rows.select_target(rows.target_row())).fetchall() == [(7, "x"), (9, "y")]


@pytest.mark.parametrize(("is_empty", "rowids"), [(True, [(7,)]), (False, [(1,)])])
def test_rowid_beside_key_is_kept_in_empty_table_alone(is_empty: bool, rowids: list[tuple[int]]) -> None:
    """It is no part of the row."""
    con = ends("CREATE TABLE src.t(k UNIQUE)", "CREATE TABLE t(k UNIQUE)", "(rowid, k) VALUES(7, 'x')")

    rows = projected(con)
    con.execute(rows.insert(is_empty=is_empty))

    assert [column.name for column in rows.row] == ["k"]
    assert con.execute("SELECT rowid FROM t").fetchall() == rowids


def test_rowid_that_may_change_is_neither_read_nor_written() -> None:
    """The plan says ``renumber``."""
    con = ends("CREATE TABLE src.t(v)", "CREATE TABLE t(v)", "(rowid, v) VALUES(7, 'x')")

    rows = projected(con, rowids="renumber")

    assert rows_at_both_ends(con, rows) == ([("x",)], [("x",)])
    assert con.execute("SELECT rowid FROM t").fetchall() == [(1,)]


def test_column_that_is_named_rowid_does_not_hide_rowid() -> None:
    """The projection then reads the rowid under another name."""
    con = ends(
        "CREATE TABLE src.t(rowid, oid)", "CREATE TABLE t(rowid, oid)", "(_rowid_, rowid, oid) VALUES(7, 'x', 'y')"
    )

    assert rows_at_both_ends(con, projected(con)) == ([(7, "y", "x")], [(7, "y", "x")])


def test_tables_without_rowid_have_none() -> None:
    """At one end is enough."""
    con = ends(
        "CREATE TABLE src.t(k PRIMARY KEY, v) WITHOUT ROWID", "CREATE TABLE t(k PRIMARY KEY, v)", " VALUES('x', 1)"
    )

    rows = projected(con)

    assert rows.rowid is None
    assert rows_at_both_ends(con, rows) == ([("x", 1)], [("x", 1)])


def test_rowid_has_the_name_of_the_existing_table() -> None:
    """A column of that table may hide the planned name."""
    con = ends("CREATE TABLE src.t(v)", "CREATE TABLE t(v)", "(rowid, v) VALUES(7, 'x')")
    con.execute("CREATE TABLE other(v, rowid)")

    rows = projected(con).within(read_schema(con).tables["other"])

    assert [(column.name, column.source) for column in rows.row] == [("_rowid_", 's."rowid"'), ("v", 's."v"')]


@pytest.mark.parametrize(
    ("planned", "in_place"),
    [
        ("CREATE TABLE t(v)", "CREATE TABLE other(v PRIMARY KEY) WITHOUT ROWID"),
        ("CREATE TABLE t(v PRIMARY KEY) WITHOUT ROWID", "CREATE TABLE other(v)"),
    ],
)
def test_rowid_is_left_out_where_one_table_lacks_it(planned: str, in_place: str) -> None:
    """The table that was planned may have none, or the table in its place."""
    con = ends("CREATE TABLE src.t(v)", planned)
    con.execute(in_place)

    rows = projected(con, rowids="renumber").within(read_schema(con).tables["other"])

    assert rows.rowid is None
    assert [column.name for column in rows.columns] == ["v"]


def test_hostile_names_are_names_and_no_sql() -> None:
    """Of a column, of a table and of an attached database."""
    name = '"' + HOSTILE.replace('"', '""') + '"'
    con = open_memory()
    con.execute(f"ATTACH ':memory:' AS {name}")
    for place in ("main", name):
        con.execute(f"CREATE TABLE {place}.{name}({name} PRIMARY KEY, v)")
    con.execute(f"INSERT INTO {name}.{name} VALUES('x', 1)")
    table_map = TableMap(name=HOSTILE)
    source = Source(name="a", file="a.db", tables=[table_map])
    table, into = read_schema(con, HOSTILE).tables[HOSTILE], read_schema(con).tables[HOSTILE]
    rows = match_columns(plan_of(source), source, table_map, table, into, new=False)[0].projection(HOSTILE)

    assert rows_at_both_ends(con, rows) == ([("x", 1)], [("x", 1)])
    assert con.execute(rows.select(["count(*)"], rows.clashing)).fetchone() == (1,)
    assert con.execute(rows.delete_claimed).rowcount == 1


@pytest.mark.parametrize(
    ("target", "clashing"),
    [
        ("CREATE TABLE t(k, v, UNIQUE(k COLLATE NOCASE))", 1),
        ("CREATE TABLE t(k UNIQUE, v)", 0),
        ("CREATE TABLE t(k COLLATE NOCASE, v, PRIMARY KEY(k, v)) WITHOUT ROWID", 0),
        ("CREATE TABLE t(k, v)", 0),
    ],
)
def test_keys_are_compared_by_collation_of_key(target: str, clashing: int) -> None:
    """Source rows that clash and target rows that are claimed use the same collation."""
    con = ends("CREATE TABLE src.t(k, v)", target, " VALUES('X', 2)")
    con.execute("INSERT INTO t VALUES('x', 1)")

    rows = projected(con, new=False, rowids="renumber")

    assert con.execute(rows.select(["count(*)"], rows.clashing)).fetchone() == (clashing,)
    assert con.execute(rows.select_target(["count(*)"], rows.claimed, by_index=True)).fetchone() == (clashing,)


def test_key_is_found_under_name_of_target() -> None:
    """Its places are those in the row, behind the rowid where that counts."""
    con = ends("CREATE TABLE src.t(z, a)", "CREATE TABLE t(a, k, more DEFAULT 1, UNIQUE(k, more))", " VALUES('x', 2)")

    rows = projected(con, columns={"z": "k"})

    assert [[column.name for column, _ in key] for key in rows.keys] == [["k", "more"]]
    assert rows.key_places() == [(1, 2)]
    assert con.execute(rows.select(column.source for column, _ in rows.keys[0])).fetchall() == [("x", 1)]


def test_key_is_left_out_when_table_lacks_a_column() -> None:
    """The existing table may differ from the planned one."""
    con = ends("CREATE TABLE src.t(k, v)", "CREATE TABLE t(k, v, UNIQUE(k, v), UNIQUE(v))")
    con.execute("CREATE TABLE other(V)")

    rows = projected(con).within(read_schema(con).tables["other"])

    assert [column.name for column in rows.row] == ["v"]
    assert [[column.name for column, _ in key] for key in rows.keys] == [["v"]]


@pytest.mark.parametrize("create", ["USING fts5(a, b)", "USING rtree(id, b, a)"])
def test_rows_of_virtual_table_arrive_under_their_rowids(create: str) -> None:
    """Hidden columns are no part of them."""
    fields = "rowid, a, b" if "fts5" in create else "id, a, b"
    values = " VALUES(7, 'x', 'y')" if "fts5" in create else " VALUES(7, 2.0, 1.0)"
    con = ends(f"CREATE VIRTUAL TABLE src.t {create}", f"CREATE VIRTUAL TABLE t {create}", f"({fields}){values}")

    source, target = rows_at_both_ends(con, projected(con))

    assert source == target
    assert source[0][0] == 7


def test_row_condition_is_in_every_query() -> None:
    """Copy, digest and look-up of keys leave the same rows behind."""
    con = ends("CREATE TABLE src.t(k PRIMARY KEY, v)", "CREATE TABLE t(k PRIMARY KEY, v)", " VALUES('x', 1), ('y', 2)")
    mapping = moved(con)
    plain = mapping.projection("src")
    some = Projection(plain.table, "src", plain.into, plain.columns, where="s.v = 1 OR s.v = 3")

    con.execute(some.insert(is_empty=True))

    assert con.execute("SELECT k FROM t").fetchall() == [("x",)]
    assert con.execute(some.select(["s.k"], "s.k > ''")).fetchall() == [("x",)]
    assert con.execute(some.select_target(["t.k"], some.claimed)).fetchall() == [("x",)]
    assert (plain.is_unchanged, some.is_unchanged) == (True, False)
    assert (bool(plain.insert_records), some.insert_records) == (True, "")


@pytest.mark.parametrize(
    ("source", "target", "keys"),
    [
        ("CREATE TABLE src.t(k, v)", "CREATE TABLE t(v, k)", {}),
        ("CREATE TABLE src.t(k)", "CREATE TABLE t(k, v DEFAULT 1)", {}),
        ("CREATE TABLE src.t(k, g AS (k))", "CREATE TABLE t(k, g AS (k))", {}),
        ("CREATE TABLE src.t(k, v)", "CREATE TABLE t(k, v)", {"columns": {"k": "v", "v": "k"}}),
    ],
)
def test_records_are_no_rows_where_columns_differ(source: str, target: str, keys: dict[str, Any]) -> None:
    """``SELECT *`` would put a value into another column."""
    con = ends(source, target)

    assert projected(con, **keys).insert_records == ""


def test_digest_of_projection_is_that_of_target_table() -> None:
    """The sum before plus the sum that is moved is the sum afterwards."""
    con = ends(
        "CREATE TABLE src.t(id INTEGER PRIMARY KEY, z)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a, d DEFAULT 5)",
        " VALUES(1, 'a')",
    )

    rows = projected(con, columns={"z": "a"})
    expected = digest_query(con, rows.select(rows.source_row()))
    con.execute(rows.insert(is_empty=True))

    assert digest_table(con, read_schema(con).tables["t"]) == expected


def test_rows_are_read_from_table_unless_index_may_answer() -> None:
    """SQLite would take an index that has all columns, and that may lie."""
    con = ends("CREATE TABLE src.t(k UNIQUE, v)", "CREATE TABLE t(k UNIQUE, v)")
    rows = projected(con)
    by_table = rows.select(["s.k"]), rows.select_target(["t.k"])
    by_index = rows.select(["s.k"], by_index=True), rows.select_target(["t.k"], by_index=True)

    plans = [con.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()[0][3] for query in (*by_table, *by_index)]

    assert ["INDEX" in plan for plan in plans] == [False, False, True, True]


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE {}t(k, v)",
        "CREATE TABLE {}t(k INTEGER PRIMARY KEY, v)",
        "CREATE TABLE {}t(u UNIQUE, v, k, PRIMARY KEY(v DESC, k COLLATE NOCASE)) WITHOUT ROWID",
        "CREATE TABLE {}t(k INTEGER PRIMARY KEY, v UNIQUE) WITHOUT ROWID",
    ],
    ids=lambda create: create[14:],
)
def test_rows_are_read_from_the_tree_of_the_table(create: str) -> None:
    """Each digest has its rows from these queries. Each column is in another index as well."""
    con = ends(create.format("src."), create.format(""))
    rows = projected(con)
    names = ", ".join(column.name for column in rows.columns)
    for database in ("main", "src"):
        con.execute(f"CREATE INDEX {database}.covering ON t({names})")
    queries = (
        rows.select_row(),
        rows.select_row("s.k > 1 OR s.v = 2"),
        rows.select(["s.k"]),
        rows.select_target_row(),
        rows.select_target_row("t.v = 1 AND t.k = 2"),
        rows.select_target_values(["t.v"]),
        *(f"SELECT {names} FROM {name}.t {rows.table.by_itself} ORDER BY 1" for name in ("main", "src")),
    )

    read = {step[3] for query in queries for step in con.execute(f"EXPLAIN {query}") if step[1] == "OpenRead"}

    assert read == {con.execute("SELECT rootpage FROM sqlite_schema WHERE name = 't'").fetchone()[0]}


def test_rows_that_target_has_are_projected_onto_themselves() -> None:
    """Also where the table is to get a key that it has not."""
    con = ends("CREATE TABLE src.t(v)", "CREATE TABLE t(v UNIQUE)", "(rowid, v) VALUES(7, 'x')")
    mapping = mapping_of_target_rows(
        plan_of(Source(name="a", file="a.db")),
        read_schema(con, "src").tables["t"],
        read_schema(con).tables["t"],
        rowids=True,
    )

    rows = mapping.projection("src")

    assert rows_at_both_ends(con, rows) == ([("x",)], [("x",)])
    assert con.execute("SELECT rowid FROM t").fetchall() == [(7,)]
    assert mapping.subject == "target.db:t"


def test_table_projected_onto_itself_is_unchanged() -> None:
    """It reads its own database, and each column comes from itself."""
    con = ends("CREATE TABLE src.t(v)", "CREATE TABLE t(v UNIQUE)")
    con.execute("INSERT INTO t(rowid, v) VALUES(7, 'x')")
    table = read_schema(con).tables["t"]

    rows = Projection.of_table(table, with_rowid=True)

    assert con.execute(rows.select(rows.source_row())).fetchall() == [(7, "x")]
    assert con.execute(rows.select_target(rows.target_row())).fetchall() == [(7, "x")]
    assert [column.origin for column in rows.columns] == ["v"]
    assert [[column.name for column, _ in key] for key in rows.keys] == [["v"]]
    assert rows.is_unchanged


def test_table_without_rowid_projected_onto_itself_has_none() -> None:
    """Even where the rowid would count."""
    con = ends("CREATE TABLE src.t(k)", "CREATE TABLE t(k PRIMARY KEY) WITHOUT ROWID")

    rows = Projection.of_table(read_schema(con).tables["t"], with_rowid=True)

    assert rows.rowid is None
    assert [column.name for column in rows.row] == ["k"]


def test_column_computed_at_one_end_is_not_compared() -> None:
    """The other end lacks it, or stores what the plan puts there."""
    con = ends("CREATE TABLE src.t(v, g AS (v + 1), h AS (v + 2))", "CREATE TABLE t(v, h)")
    table_map = TableMap(name="t")
    source = Source(name="a", file="a.db", tables=[table_map])

    mapping, problems = match_columns(
        plan_of(source), source, table_map, read_schema(con, "src").tables["t"], read_schema(con).tables["t"], new=True
    )

    assert [problem.id for problem in problems] == ["no-place-for-column"] * 2
    assert mapping.projection("src").computed == ()


def test_staged_rows_keep_values_rowids_and_what_was_computed() -> None:
    """The scratch table has no types, so that no value changes."""
    con = ends("CREATE TABLE src.t(v REAL, g AS (v + 1))", "CREATE TABLE t(v)", "(rowid, v) VALUES(7, 1)")
    staging = Staging(read_schema(con, "src").tables["t"], "a.t")

    con.execute(staging.create)
    for statement in staging.copy("src"):
        con.execute(statement)
    con.execute(staging.insert_values, (8, "x", None))

    assert con.execute('SELECT rowid, v, typeof(v), g FROM "a.t"').fetchall() == [
        (7, 1.0, "real", 2.0),
        (8, "x", "text", None),
    ]

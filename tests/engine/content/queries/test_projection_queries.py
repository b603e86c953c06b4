"""Specify the text of the queries and statements of a projection."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.content.projection import Staging
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.wide_rows import MAX_VALUES
from tests.support.rows.projected_rows import ends, projected


def test_queries_use_an_index_only_if_asked() -> None:
    """An index may lack rows. A condition that the caller states limits them."""
    rows = projected(ends("CREATE TABLE src.t(id INTEGER PRIMARY KEY)", "CREATE TABLE t(id INTEGER PRIMARY KEY)"))

    assert [rows.select_row(), rows.select_row("1"), rows.select_target_row(), rows.select_target_row("1")] == [
        'SELECT s."id" FROM "src"."t" AS s NOT INDEXED',
        'SELECT s."id" FROM "src"."t" AS s NOT INDEXED WHERE (1)',
        'SELECT t."id" FROM main."t" AS t NOT INDEXED',
        'SELECT t."id" FROM main."t" AS t NOT INDEXED WHERE (1)',
    ]
    assert rows.select_target_values(["1"]) == 'SELECT 1 FROM main."t" AS t NOT INDEXED'
    assert rows.select_target_row("1", by_index=True) == 'SELECT t."id" FROM main."t" AS t WHERE (1)'


def test_parts_of_wide_rows_have_the_order_of_rowids() -> None:
    """Each part has other values of the same row."""
    rows = projected(ends("CREATE TABLE src.t(v)", "CREATE TABLE t(v)"))
    values = ["1"] * (MAX_VALUES + 1)

    for parts, rowid in ((rows.select_values(values), 's."rowid"'), (rows.select_target_values(values), 't."rowid"')):
        assert isinstance(parts, tuple)
        assert [part.rpartition(" ORDER BY ")[2] for part in parts] == [rowid, rowid]


def test_conditions_of_source_rows_are_in_statements() -> None:
    """A statement that finds source rows for a target row may use an index of the source."""
    con = ends("CREATE TABLE src.t(k UNIQUE, v UNIQUE)", "CREATE TABLE t(k UNIQUE, v UNIQUE)")
    rows = projected(con, rowids="renumber")
    value, key = rows.keys  # SQLite lists the last index first

    assert rows.source_from("1") == 'FROM "src"."t" AS s WHERE (1)'
    assert rows.claimed_by([key, value], "1") == (
        '(t."k" COLLATE "BINARY") IN (SELECT s."k" FROM "src"."t" AS s NOT INDEXED WHERE (1)) OR '
        '(t."v" COLLATE "BINARY") IN (SELECT s."v" FROM "src"."t" AS s NOT INDEXED WHERE (1))'
    )
    assert [column.name for column in rows.without(rows.columns[0]).columns] == ["v"]
    assert len(rows.columns) == 2


@pytest.mark.parametrize(("columns", "has_rowid"), [(MAX_VALUES - 1, True), (MAX_VALUES, False)])
def test_rowid_that_does_not_count_replaces_no_value(columns: int, has_rowid: bool) -> None:
    """One statement inserts at most so many values."""
    names = ", ".join(f"c{number}" for number in range(columns))
    rows = projected(ends(f"CREATE TABLE src.t({names} UNIQUE)", f"CREATE TABLE t({names} UNIQUE)"))

    assert (rows.inserted_rowid(is_empty=True) is not None) == has_rowid


def test_last_values_of_staged_wide_rows_follow_rowids() -> None:
    """A marker is the first of the values. One SELECT does not return all of them."""
    names = ", ".join(f"c{number}" for number in range(MAX_VALUES))
    con = ends(f"CREATE TABLE src.t({names})", "CREATE TABLE t(v)")
    insert, *updates = Staging(read_schema(con, "src").tables["t"], "a.t", ("mark", "s.c0 + 1")).copy("src")

    assert " SELECT s.c0 + 1, s." in insert
    assert [update.partition(" WHERE ")[2] for update in updates] == ['s."rowid" = t."rowid")'] * 2

"""Specify which SQL conditions the plan may put on a row, and what their names mean."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition, row_condition

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def con() -> Iterator[sqlite3.Connection]:
    """Yield a connection to a database with two tables."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE loan(id INTEGER PRIMARY KEY, kind TEXT COLLATE NOCASE, n INT, m AS (n + 1))")
        connection.execute("CREATE TABLE other(kind, n)")
        connection.execute("INSERT INTO loan VALUES (1, 'BOOK', 2)")
        yield connection


def condition_of(con: sqlite3.Connection, text: str) -> RowCondition | str:
    """Return a condition on the rows of the table, or the reason why it is none."""
    table = read_schema(con).table("loan")
    assert table is not None
    return row_condition(con, table, text)


@pytest.mark.parametrize(
    ("text", "columns", "holds"),
    [
        ("(n = 2) OR (n = 3)", ("n",), 1),
        ("kind = 'Book'", ("kind",), 1),
        ("loan.kind = 'Book' -- a comment", ("kind",), 1),
        ("[n] > 1 AND m = 3", ("n", "m"), 1),
        ("kind IS NULL OR max(n, 1) = 1", ("kind", "n"), 0),
        ("NULL", (), None),
    ],
)
def test_condition_keeps_the_rules_of_its_columns(
    con: sqlite3.Connection, text: str, columns: tuple[str, ...], holds: int | None
) -> None:
    """Another table of the query has columns of the same names."""
    condition = condition_of(con, text)

    assert isinstance(condition, RowCondition)
    assert condition.columns == columns
    assert RowCondition.from_json(json.loads(json.dumps(condition.as_json()))) == condition
    query = f"SELECT {condition.over('s')} FROM loan AS s LEFT JOIN other AS t ON t.n = s.n"
    assert con.execute(query).fetchone() == (holds,)


def test_condition_is_read_under_other_names(con: sqlite3.Connection) -> None:
    """The target may have renamed the column."""
    condition = condition_of(con, "loan.kind = 'x'")
    con.execute("INSERT INTO other VALUES ('y', 'x')")

    assert isinstance(condition, RowCondition)
    assert con.execute(f"SELECT {condition.renamed({'kind': 'n'}).over('o')} FROM other AS o").fetchone() == (1,)


def test_condition_compares_a_copy_by_its_collation(con: sqlite3.Connection) -> None:
    """Columns of a copy of the rows have no type and no collation."""
    condition = condition_of(con, "kind = 'book'")
    con.execute("CREATE TEMP TABLE copied AS SELECT CAST(kind AS BLOB) AS kind FROM loan")
    con.execute("UPDATE copied SET kind = 'BOOK'")

    assert isinstance(condition, RowCondition)
    assert con.execute(f"SELECT {condition.over('s')} FROM copied AS s").fetchone() == (1,)


@pytest.mark.parametrize(
    "text",
    [
        "n IN (SELECT n FROM other)",
        "n IN other",
        "n IN pragma_user_version",
        "EXISTS (VALUES (1))",
        "1) UNION ALL SELECT (1",
        "1) FROM loan WHERE (1",
        "1 /*",
        "n = 1) OR (1",
        "n = 1;",
        "n, 1",
        "random() > 1",
        "date(kind) > '2020'",
        "kind > CURRENT_DATE",
        "total_changes() > 0",
        "rowid = 1",
        'kind = "Book"',
        "color = 'x'",
        "n > ?",
        "",
    ],
)
def test_condition_reads_its_own_row_only(con: sqlite3.Connection, text: str) -> None:
    """A text in double quotes would be a name elsewhere."""
    assert isinstance(condition_of(con, text), str)


def test_connection_is_free_after_a_condition(con: sqlite3.Connection) -> None:
    """Its authorizer is removed."""
    condition_of(con, "n IN other")

    assert con.execute("SELECT random() IS NULL FROM other").fetchall() == []
    con.execute("DELETE FROM loan")

"""Test that a table with as many columns as SQLite allows moves like any other.

One SELECT returns 2,000 values. A row with 2,000 columns whose rowid counts has one more.
"""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.content.digest import digest_query, digest_table
from sqlite_consolidate.engine.content.dump import write_dump
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.databases import Bench, source, table
from tests.support.dumps import content, loaded
from tests.support.rows.copied_rows import last_counts, rows_are_exact
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

COLUMNS = [f"c{number}" for number in range(2000)]
BODY = ", ".join(COLUMNS)
NOT_NULL = ", ".join(f"{name} NOT NULL" for name in COLUMNS)
INVALID = "UPDATE w SET c0 = CAST(x'ff00fe' AS TEXT), c1999 = -0.0 WHERE rowid = 70"


def wide(bench: Bench, file: str, create: str, *setup: str, invalid: bool = True) -> None:
    """Create a table ``w`` with 2,000 columns and with the rowids 7, 70 and 700."""
    rows: list[tuple[Any, ...]] = [(rowid, *(f"{rowid}.{number}" for number in range(2000))) for rowid in (7, 70, 700)]
    insert = f"INSERT INTO w(rowid, {BODY}) VALUES({', '.join('?' * 2001)})"
    path = bench.database(file, *setup, create, rows=(insert, rows))
    with closing(sqlite3.connect(path)) as con, con:
        con.execute(INVALID if invalid else "UPDATE w SET c1999 = 1e300 WHERE rowid = 70")


@pytest.mark.parametrize(
    "create",
    [
        f"CREATE TABLE w({BODY})",
        *thorough(
            f"CREATE TABLE w({BODY} UNIQUE)",
            f"CREATE TABLE w({NOT_NULL})",
            f"CREATE TABLE w({BODY}, CHECK(c1999 IS NOT NULL))",
        ),
    ],
    ids=["plain", "unique", "not-null", "check"],
)
def test_wide_rows_keep_values_and_rowids(bench: Bench, create: str) -> None:
    """The last column is set after the others, or each row is inserted alone."""
    wide(bench, "a.db", create)

    copied = bench.copied(source("a.db", "w"))

    assert copied.rows("SELECT rowid, hex(c0), typeof(c1999) FROM w ORDER BY rowid")[1] == (70, "FF00FE", "real")
    assert last_counts(copied) == (3, 3, 0, 0)
    assert rows_are_exact(copied)
    if "UNIQUE" not in create:
        assert [row[0] for row in copied.rows("SELECT rowid FROM w ORDER BY rowid")] == [7, 70, 700]


@pytest.mark.thorough
def test_wide_rows_of_two_sources_are_added(bench: Bench) -> None:
    """The second source finds the rows of the first."""
    wide(bench, "a.db", f"CREATE TABLE w({BODY})")
    wide(bench, "b.db", f"CREATE TABLE w({BODY})")
    with closing(sqlite3.connect(bench.root / "b.db")) as con, con:
        con.execute("UPDATE w SET rowid = rowid + 1")

    copied = bench.copied(source("a.db", "w"), source("b.db", "w"))

    assert [row[0] for row in copied.rows("SELECT rowid FROM w ORDER BY rowid")] == [7, 8, 70, 71, 700, 701]
    assert rows_are_exact(copied)


def test_wide_rows_of_another_encoding_are_staged(bench: Bench) -> None:
    """This process reads each text and its stored bytes, which are 4,000 values of a row."""
    wide(bench, "a.db", f"CREATE TABLE w({BODY})", "PRAGMA encoding='UTF-16le'", invalid=False)

    copied = bench.copied(source("a.db", "w"))

    expected = [(7, "7.1999"), (70, 1e300), (700, "700.1999")]
    assert copied.rows("SELECT rowid, c1999 FROM w ORDER BY rowid") == expected
    assert rows_are_exact(copied)


@pytest.mark.thorough
def test_wide_rows_beyond_the_attachable_sources_are_staged(bench: Bench) -> None:
    """The ninth source is copied into the staging database first."""
    files = [f"a{number}.db" for number in range(9)]
    for file in files[:-1]:
        bench.database(file, "CREATE TABLE w(a)", "INSERT INTO w VALUES (1)")
    wide(bench, files[-1], f"CREATE TABLE w({BODY})")

    copied = bench.copied(*(source(file, table("w", into=f"w_{file[:2]}")) for file in files))

    assert copied.rows("SELECT rowid, hex(c0), typeof(c1999) FROM w_a8 ORDER BY rowid")[1] == (70, "FF00FE", "real")
    assert rows_are_exact(copied)


def test_wide_rows_have_the_digest_of_their_values(bench: Bench) -> None:
    """Other programs compute the same digest from the rowid and the columns sorted by name."""
    wide(bench, "a.db", f"CREATE TABLE w({BODY})")
    wide(bench, "b.db", f"CREATE TABLE w({BODY})")
    with closing(sqlite3.connect(bench.root / "b.db")) as con, con:
        con.execute("UPDATE w SET rowid = 71 WHERE rowid = 70")
    names = ", ".join(sorted(COLUMNS))

    with closing(open_readonly(bench.root / "a.db")) as con, closing(open_readonly(bench.root / "b.db")) as other:
        schema = read_schema(con)
        in_order = digest_query(con, ("SELECT rowid FROM w ORDER BY rowid", f"SELECT {names} FROM w ORDER BY rowid"))

        assert digest_table(con, schema.tables["w"]) == in_order
        assert digest_table(other, schema.tables["w"]) != in_order


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16be"])
def test_wide_rows_are_dumped_exactly(bench: Bench, encoding: str) -> None:
    """SQLite loads a row with 2,001 values from a statement of its own."""
    wide(bench, "a.db", f"CREATE TABLE w({BODY})", f"PRAGMA encoding='{encoding}'", invalid=encoding == "UTF-8")
    out = io.StringIO(newline="\n")

    with closing(open_readonly(bench.root / "a.db")) as con:
        write_dump(con, out)

        assert content(loaded(out.getvalue())) == content(con)


def test_differences_of_wide_rows_are_named_by_rowid(bench: Bench) -> None:
    """The row, its rowid and the column are in the report."""
    for file in ("a.db", "b.db"):
        wide(bench, file, f"CREATE TABLE w({BODY})")
    with closing(sqlite3.connect(bench.root / "b.db")) as con, con:
        con.execute("UPDATE w SET c1999 = 5 WHERE rowid = 7")

    differences = compare_databases(bench.root / "a.db", bench.root / "b.db")

    assert (differences.changed, differences.first[0].rowid) == (1, 7)
    assert [column.column for column in differences.first[0].columns] == ["c1999"]


def test_values_of_a_wide_table_are_tried(bench: Bench) -> None:
    """A text in a column that becomes INTEGER would change."""
    wide(bench, "a.db", f"CREATE TABLE w({BODY})")
    with closing(sqlite3.connect(bench.root / "a.db")) as con, con:
        con.execute("UPDATE w SET c3 = '7' WHERE rowid = 7")
    create = f"CREATE TABLE w({BODY.replace('c3,', 'c3 INTEGER,')})"

    inspected = bench.survey(source("a.db", table("w", create=create)))

    assert [problem.id for problem in inspected.problems] == ["value-changes"]

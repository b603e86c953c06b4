"""Specify that the page reader digests chosen values of rows, with offsets."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.page_proof.description import describe_digests
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, ask, prove_pages, read_answer
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.pages.databases import build, created
from tests.support.pages.digests import CHOSEN, SMALLEST, by_sql, chosen
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.content.page_proof.description import DigestedRows

LIMITS = (0, 1, -1, 2**31 - 1, 2**31 - 1000, -(2**31), 2**32, 2**53, 2**63 - 1001, SMALLEST)


def asked(con: sqlite3.Connection, path: Path, *rows: DigestedRows) -> PageProof:
    """Ask the page reader for some digests of a file alone."""
    description = describe_digests(con, read_schema(con), rows)
    if description.unreadable:
        return PageProof(unreadable=tuple(description.unreadable))
    return read_answer(ask(path, description.lines, limits_of(con)), description, ())


@pytest.mark.parametrize(
    ("page_size", "encoding"), [(512, "UTF-8"), *thorough((1024, "UTF-16le"), (65536, "UTF-16be"), (4096, "UTF-8"))]
)
def test_rows_with_offsets_have_the_digests_of_sql(tmp_path: Path, page_size: int, encoding: str) -> None:
    """They may be in any order, in several digests of a table, beside those of the whole file."""
    path = build(tmp_path / "a.db", page_size=page_size, encoding=encoding)
    with closing(open_readonly(path)) as con:
        expected = {rows: by_sql(con, read_schema(con), rows) for rows in CHOSEN}

        alone, beside = asked(con, path, *CHOSEN), prove_pages(path, con, read_schema(con), further=CHOSEN)

        assert alone.rows == expected
        assert beside.is_intact
        assert expected.items() <= beside.rows.items()
        assert beside.digests == prove_pages(path, con, read_schema(con)).digests
        assert len(set(expected.values())) == len(CHOSEN)


@pytest.mark.parametrize("least", [SMALLEST, -(2**31) - 1, 0, 1, 2**32])
@pytest.mark.parametrize("offset", [1000, -1, 2**31, -(2**40)])
def test_offset_is_added_to_integers_of_every_length(tmp_path: Path, offset: int, least: int) -> None:
    """A larger integer may need more bytes, and NULL stays NULL."""
    values = [value for value in (*LIMITS, None) if value is None or SMALLEST <= value + offset < 2**63]
    path = created(
        tmp_path / "a.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)",
        *(f"INSERT INTO t(v) VALUES({'NULL' if value is None else value})" for value in values),
    )
    with closing(open_readonly(path)) as con:
        rows = chosen("t", "id", ("v", offset, least))

        assert asked(con, path, rows).rows == {rows: by_sql(con, read_schema(con), rows)}


@pytest.mark.parametrize(
    ("column", "value"),
    [("v", "'1'"), ("v", "1.5"), ("v", "x'31'"), ("v INT", str(2**63 - 1)), ("v REAL", "1"), ("v TEXT", "1")],
)
def test_value_without_a_place_for_an_offset_is_left(tmp_path: Path, column: str, value: str) -> None:
    """Only SQLite says what the sum is. Without an offset the page reader digests the value."""
    path = created(tmp_path / "a.db", f"CREATE TABLE t({column})", f"INSERT INTO t VALUES({value})")
    with closing(open_readonly(path)) as con:
        kept = chosen("t", "v")

        assert asked(con, path, chosen("t", ("v", 1, 1))).rows == {}
        assert asked(con, path, kept).rows == {kept: by_sql(con, read_schema(con), kept)}


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE t(a, v AS (a + 1))", "INSERT INTO t VALUES(1)"),
        ("CREATE VIRTUAL TABLE t USING fts5(v)",),
        ("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", "ALTER TABLE t ADD COLUMN v DEFAULT 7"),
    ],
    ids=["virtual column", "virtual table", "default"],
)
def test_column_without_stored_values_is_left(tmp_path: Path, statements: tuple[str, ...]) -> None:
    """Only SQLite can compute them."""
    path = created(tmp_path / "a.db", *statements)
    with closing(open_readonly(path)) as con:
        assert asked(con, path, chosen("t", "v")).rows == {}


def test_table_without_rowid_has_none_to_digest(tmp_path: Path) -> None:
    """Its rows have no number beside their key."""
    path = created(tmp_path / "a.db", "CREATE TABLE t(k TEXT PRIMARY KEY) WITHOUT ROWID", "INSERT INTO t VALUES('a')")
    with closing(open_readonly(path)) as con:
        assert asked(con, path, chosen("t", "")).rows == {}

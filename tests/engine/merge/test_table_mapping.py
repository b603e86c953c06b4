"""Columns of both ends are matched by name; what has no place, and what is declared in another way, is said."""

from __future__ import annotations

from contextlib import closing

import pytest

from sqlite_consolidate.engine.merge.table_mapping import (
    TableMapping,
    declaration_differences,
    declaration_findings,
    find_movable_table,
    match_columns,
)
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import Table
from sqlite_consolidate.problem import Problem
from tests.support.databases import TARGET, Bench, source, table


def fitted(bench: Bench, here: str, there: str, **keys: object) -> tuple[TableMapping, list[Problem]]:
    """Fit the table t of one statement into the table t of another."""
    bench.database("a.db", here)
    bench.database(TARGET, there)
    one = source("a.db", table("t", **keys))
    a, b = bench.schema("a.db").table("t"), bench.schema(TARGET).table("t")
    assert a is not None
    assert b is not None
    return match_columns(bench.plan(one), one, one.tables[0], a, b, new=False)


def move_of(bench: Bench, here: str, there: str, **keys: object) -> TableMapping:
    """Fit two tables that do fit."""
    mapping, problems = fitted(bench, here, there, **keys)
    assert problems == []
    return mapping


def refusal(bench: Bench, here: str, there: str, **keys: object) -> str:
    """Return the one problem of fitting two tables."""
    _, problems = fitted(bench, here, there, **keys)
    assert [problem.criterion for problem in problems] == ["values-fit"]
    assert problems[0].hint
    return str(problems[0])


def test_columns_are_matched_by_name_whatever_their_order_and_capitals(bench: Bench) -> None:
    """SELECT * would have put the names among the e-mails."""
    mapping = move_of(bench, "CREATE TABLE t(id, Name, mail)", "CREATE TABLE t(ID, mail, name)")

    assert mapping.columns == (("id", "ID"), ("Name", "name"), ("mail", "mail"))


def test_capitals_beyond_ascii_make_another_name(bench: Bench) -> None:
    """SQLite folds ASCII letters only."""
    assert "column É has no counterpart" in refusal(bench, "CREATE TABLE t(É)", "CREATE TABLE t(é)")


def test_the_plan_renames_columns(bench: Bench) -> None:
    """By the source's name in any capitals."""
    mapping = move_of(bench, "CREATE TABLE t(a, b)", "CREATE TABLE t(b, c)", columns={"A": "C"})

    assert mapping.columns == (("a", "c"), ("b", "b"))


def test_a_column_without_a_place_is_refused(bench: Bench) -> None:
    """Its values would be lost."""
    text = refusal(bench, "CREATE TABLE t(a, b)", "CREATE TABLE t(a)")

    assert "a.db:t: column b has no counterpart: t in the target has no such column" in text


def test_two_columns_cannot_become_one(bench: Bench) -> None:
    """SQLite takes the values of one of the two, without a word."""
    text = refusal(bench, "CREATE TABLE t(a, b)", "CREATE TABLE t(b)", columns={"a": "b"})

    assert "a and b would both become b" in text


def test_a_renamed_column_must_be_there(bench: Bench) -> None:
    """A misspelt name is found before the run."""
    assert "has no column x, which the plan renames" in refusal(
        bench, "CREATE TABLE t(a)", "CREATE TABLE t(a)", columns={"x": "y"}
    )


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("CREATE TABLE t(a, g AS (a * 2))", "CREATE TABLE t(a, g)"),
        ("CREATE TABLE t(a, g)", "CREATE TABLE t(a, g AS (a * 2))"),
        ("CREATE TABLE t(a, g)", "CREATE TABLE t(a, g AS (a * 2) STORED)"),
        ("CREATE TABLE t(a, rank)", "CREATE VIRTUAL TABLE t USING fts5(a)"),
    ],
)
def test_a_column_that_is_computed_at_one_end_only_is_refused(bench: Bench, here: str, there: str) -> None:
    """It cannot be inserted into, or its values would not come."""
    text = refusal(bench, here, there)

    assert "(generated at one end only)" in text


def test_a_column_that_both_ends_compute_is_not_copied(bench: Bench) -> None:
    """SQLite computes it again."""
    mapping = move_of(bench, "CREATE TABLE t(a, g AS (a * 2))", "CREATE TABLE t(g AS (a * 2), a)")

    assert mapping.columns == (("a", "a"),)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("n TEXT NOT NULL", "must not be NULL and has no default"),
        ("n DEFAULT CURRENT_TIMESTAMP", "is not constant"),
        ("n DEFAULT (random())", "is not constant"),
        ("n DEFAULT (lower(hex(randomblob(16))))", "is not constant"),
        ("n TEXT NOT NULL DEFAULT (datetime('now'))", "is not constant"),
        ("n INTEGER PRIMARY KEY", "rows would get numbers that they do not have in the source"),
    ],
)
def test_a_target_column_that_cannot_be_filled_is_refused(bench: Bench, column: str, words: str) -> None:
    """What rows would have there could not be told beforehand."""
    assert words in refusal(bench, "CREATE TABLE t(a)", f"CREATE TABLE t(a, {column})")


@pytest.mark.parametrize(
    ("column", "literal"),
    [
        ("n", "NULL"),
        ("n REAL DEFAULT 0", "0.0"),
        ("n INTEGER DEFAULT '5'", "5"),
        ("n TEXT DEFAULT 5", "'5'"),
        ("n DEFAULT 5", "5"),
        ('n TEXT DEFAULT "a"', "'a'"),
        ("n DEFAULT it", "'it'"),
        ("n DEFAULT (1 + 2)", "3"),
        ("n DEFAULT -7", "-7"),
        ("n DEFAULT TRUE", "1"),
        ("n DEFAULT x'00ff'", "x'00ff'"),
        ("n TEXT DEFAULT 'don''t (now)'", "'don''t (now)'"),
    ],
)
def test_a_target_column_is_filled_with_what_sqlite_will_store(bench: Bench, column: str, literal: str) -> None:
    """The comparison needs the value under the column's affinity, not the default's text."""
    mapping = move_of(bench, "CREATE TABLE t(a)", f"CREATE TABLE t(a, {column})")

    assert mapping.constants == {"n": literal}
    check = bench.database("check.db", f"CREATE TABLE t(a, {column})", "INSERT INTO t(a) VALUES(1)")
    with closing(open_readonly(check)) as con:
        assert con.execute(f"SELECT typeof(n) = typeof({literal}) AND n IS {literal} FROM t").fetchone() == (1,)


def test_declarations_that_differ_are_named_column_by_column(bench: Bench) -> None:
    """Type, NOT NULL, default, place in the key; and what the target has further."""
    mapping = move_of(
        bench,
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT 'x', c, same REAL)",
        "CREATE TABLE t(a INTEGER, b VARCHAR(9), z TEXT PRIMARY KEY, same REAL, more DEFAULT 1)",
        columns={"c": "z"},
    )

    assert [(finding.id, finding.level, finding.count) for finding in declaration_findings(mapping)] == [
        ("not-null-lost", "attention", 1), ("default-lost", "attention", 1), ("key-lost", "attention", 1),
        ("column-differs", "note", 3), ("further-column", "note", 1),
    ]  # fmt: skip
    assert {finding.subject for finding in declaration_findings(mapping)} == {"a.db:t"}
    assert [difference.change for difference in declaration_differences(mapping)] == [
        "place in primary key was 1, is none",
        "type was TEXT, is VARCHAR(9)",
        "NOT NULL was yes, is no",
        "default was 'x', is none",
        "type was none, is TEXT",
        "place in primary key was none, is 1",
    ]


def test_columns_that_lose_the_same_are_one_finding(bench: Bench) -> None:
    """It counts all of them, and names the first three; a default that is gained is no loss."""
    names = [f"c{number}" for number in range(20)]
    mapping = move_of(
        bench,
        f"CREATE TABLE t({', '.join(f'{name} NOT NULL' for name in names)})",
        f"CREATE TABLE t({', '.join(f'{name} DEFAULT 1' for name in names)})",
    )

    lost, gained = declaration_findings(mapping)

    assert (lost.id, lost.level, lost.count) == ("not-null-lost", "attention", 20)
    assert lost.text.endswith(": c0, c1, c2 and 17 more.")
    assert (gained.id, gained.level, gained.count) == ("column-differs", "note", 20)


def test_equal_tables_have_no_differences(bench: Bench) -> None:
    """Nothing is said where there is nothing to say."""
    same = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT 'x')"

    assert declaration_findings(move_of(bench, same, same)) == []


def test_an_index_that_the_target_lacks_is_named(bench: Bench) -> None:
    """The plan's own create text may have forgotten it."""
    bench.database("a.db", "CREATE TABLE t(a, b)", "CREATE INDEX one ON t(a)", "CREATE INDEX two ON t(b)")
    bench.database(TARGET, "CREATE TABLE t(a, b)", "CREATE INDEX other ON t(A)")
    one = source("a.db", "t")
    here, there = bench.schema("a.db").table("t"), bench.schema(TARGET).table("t")
    assert here is not None
    assert there is not None

    mapping, _ = match_columns(bench.plan(one), one, one.tables[0], here, there, new=False)

    [finding] = declaration_findings(mapping)
    assert (finding.id, finding.level, finding.subject, finding.count) == ("index-lost", "attention", "a.db:t", 1)
    assert finding.text.endswith(": two.")


@pytest.mark.parametrize(
    ("here", "there", "rowids", "counts"),
    [
        ("CREATE TABLE t(a)", "CREATE TABLE t(a)", "keep", True),
        ("CREATE TABLE t(a)", "CREATE TABLE t(a)", "renumber", False),
        ("CREATE TABLE t(a UNIQUE)", "CREATE TABLE t(a)", "keep", False),
        ("CREATE TABLE t(a)", "CREATE TABLE t(a INTEGER PRIMARY KEY)", "keep", False),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "CREATE VIRTUAL TABLE t USING fts5(a)", "keep", True),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "CREATE VIRTUAL TABLE t USING fts5(a)", "renumber", False),
        ("CREATE VIRTUAL TABLE t USING rtree(a,b,c)", "CREATE VIRTUAL TABLE t USING rtree(a,b,c)", "renumber", True),
    ],
)
def test_a_rowid_counts_where_it_is_the_only_identity(
    bench: Bench, here: str, there: str, rowids: str, *, counts: bool
) -> None:
    """Unless the plan lets it change; an R-tree's first column is its rowid in any case."""
    assert move_of(bench, here, there, rowids=rowids).rowid_counts is counts


def test_the_rowid_is_read_under_a_name_that_no_column_has(bench: Bench) -> None:
    """A column may be called rowid without being it."""
    mapping = move_of(bench, "CREATE TABLE t(rowid, _rowid_)", "CREATE TABLE t(rowid, _rowid_)")

    assert (mapping.table.rowid, mapping.carries_rowid) == ("oid", True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seen", "is a view, not a table"),
        ("nothing", "no such table. The database has: docs, kept, own, words."),
        ("docs_data", "belongs to a virtual table"),
        ("kept", "of a kind that cannot be copied row by row"),
        ("words", "is a virtual table (fts4) of a kind that cannot be copied"),
    ],
)
def test_what_is_no_table_of_rows_is_refused(bench: Bench, name: str, words: str) -> None:
    """Each with the reason, and what to do."""
    bench.database(
        "a.db",
        "CREATE VIRTUAL TABLE docs USING fts5(title, content, tokenize = 'porter ascii')",
        "CREATE VIRTUAL TABLE kept USING fts5(a, content = 'docs')",
        "CREATE TABLE own(n)",
        "CREATE VIRTUAL TABLE words USING fts4(a)",
        "CREATE VIEW seen AS SELECT * FROM own",
    )
    one = source("a.db", name)

    problem = find_movable_table(one, one.tables[0], bench.schema("a.db"))

    assert isinstance(problem, Problem)
    assert words in str(problem)
    assert problem.hint


@pytest.mark.parametrize("name", ["docs", "OWN", "boxes"])
def test_tables_and_virtual_tables_of_known_kinds_can_be_moved(bench: Bench, name: str) -> None:
    """A column of a full-text table may be called content."""
    bench.database(
        "a.db",
        "CREATE VIRTUAL TABLE docs USING fts5(title, content, tokenize = 'porter ascii')",
        "CREATE TABLE own(n)",
        "CREATE VIRTUAL TABLE boxes USING rtree_i32(id, x0, x1)",
    )
    one = source("a.db", name)

    assert isinstance(find_movable_table(one, one.tables[0], bench.schema("a.db")), Table)

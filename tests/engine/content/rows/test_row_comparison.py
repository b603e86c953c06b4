"""Specify which rows a failed comparison reports and how it identifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.expected_rows import Rows, Shape, row_shape
from sqlite_consolidate.engine.content.row_comparison import compare_rows
from sqlite_consolidate.row_differences import (
    MAX_DIFFERENCES,
    ColumnDifference,
    DifferenceKind,
    KeyValue,
    RowDifferences,
)
from tests.support.rows.compared_rows import BY_NUMBER, BY_TEXT, NO_KEY, compared, named, numbers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def test_equal_tables_have_no_difference(con: sqlite3.Connection) -> None:
    """In whatever order the rows stand."""
    comparison = compared(con, BY_TEXT, "('a', 1, 2), ('b', 3, 4)", "('b', 3, 4), ('a', 1, 2)")

    assert comparison.differences() == RowDifferences()
    assert (comparison.rows, comparison.exact) == (2, 2)


def test_row_is_missing_extra_or_changed_by_its_key(con: sqlite3.Connection) -> None:
    """A changed row names the columns that differ, and no other."""
    comparison = compared(
        con, BY_NUMBER, "(1, 'x', 'y'), (2, 'x', 'y'), (3, 1, 1)", "(1, 'x', 'z'), (3, 1, 1), (4, 5, 6)"
    )

    differences = comparison.differences()

    assert numbers(differences) == (1, 1, 1)
    assert named(differences) == [
        (DifferenceKind.MISSING, ("2",), ()),
        (DifferenceKind.EXTRA, ("4",), ()),
        (DifferenceKind.CHANGED, ("1",), ("b",)),
    ]
    assert differences.first[2].columns == (ColumnDifference("b", "'y'", "'z'"),)


def test_kinds_that_are_not_asked_for_are_left_out(con: sqlite3.Connection) -> None:
    """A target in use has additional rows, which are no fault of a copy."""
    comparison = compared(con, BY_NUMBER, "(1, 'x', 'y'), (2, 0, 0)", "(1, 'x', 'z'), (4, 5, 6)")

    assert numbers(comparison.differences(DifferenceKind.MISSING, DifferenceKind.CHANGED)) == (1, 0, 1)
    assert numbers(comparison.differences(DifferenceKind.EXTRA)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("0.0", "-0.0"),
        ("1", "1.0"),
        ("1", "'1'"),
        ("'ab'", "x'6162'"),
        ("x'00ff'", "x'00fe'"),
        ("NULL", "''"),
        ("CAST(x'61ff' AS TEXT)", "CAST(x'61fe' AS TEXT)"),
        ("'a' || char(0) || 'b'", "'a' || char(0) || 'c'"),
        ("9007199254740993", "9007199254740992"),
    ],
)
def test_value_differs_by_storage_class_and_bytes(con: sqlite3.Connection, was: str, now: str) -> None:
    """What SQL takes for equal may be another value."""
    comparison = compared(con, BY_NUMBER, f"(1, 'same', {was})", f"(1, 'same', {now})")

    assert named(comparison.differences()) == [(DifferenceKind.CHANGED, ("1",), ("b",))]


def test_text_that_is_not_utf8_is_reported_by_bytes(con: sqlite3.Connection) -> None:
    """The record itself is printable."""
    comparison = compared(con, BY_NUMBER, "(1, 'x', CAST(x'61ff' AS TEXT))", "(1, 'x', 'a')")

    assert comparison.differences().first[0].columns == (ColumnDifference("b", "CAST(x'61ff' AS TEXT)", "'a'"),)


def test_row_of_table_without_rowid_is_identified_by_key(con: sqlite3.Connection) -> None:
    """It has no rowid to be named."""
    comparison = compared(
        con, "id TEXT, a INT, b, PRIMARY KEY(a, id)", "('x', 1, 2)", "('x', 1, 3)", options="WITHOUT ROWID"
    )

    row = comparison.differences().first[0]

    assert row.key == (KeyValue("a", "1"), KeyValue("id", "'x'"))
    assert row.rowid is None


def test_observed_row_is_named_by_its_rowid_as_well(con: sqlite3.Connection) -> None:
    """An operator finds a row with a masked key by its rowid. A missing row has none."""
    comparison = compared(con, BY_TEXT, "('a', 1, 2), ('b', 1, 2)", "('z', 1, 2), ('a', 1, 3)")

    differences = comparison.differences().masked()

    assert {row.kind: row.rowid for row in differences.first} == {
        DifferenceKind.MISSING: None,
        DifferenceKind.EXTRA: 1,
        DifferenceKind.CHANGED: 2,
    }


def test_rows_without_key_are_compared_by_content_and_number(con: sqlite3.Connection) -> None:
    """Three equal rows of which one is there are two missing ones."""
    comparison = compared(
        con, NO_KEY, "(1, 'x', 'y'), (1, 'x', 'y'), (1, 'x', 'y')", "(1, 'x', 'y'), (2, 0, 0), (2, 0, 0)"
    )

    differences = comparison.differences()

    assert (comparison.rows, numbers(differences)) == (3, (2, 2, 0))
    assert [(row.kind, row.count, row.key) for row in differences.first] == [
        (DifferenceKind.MISSING, 2, ()),
        (DifferenceKind.EXTRA, 2, ()),
    ]
    assert differences.rest == 0


def test_row_without_key_shows_its_content_only_with_values(con: sqlite3.Connection) -> None:
    """An integer in it is no key."""
    row, extra = compared(con, NO_KEY, "(17, 'x', 'y')", "(18, 'x', 'y')").differences().first

    assert row.columns[:2] == (ColumnDifference("id", "17", ""), ColumnDifference("a", "'x'", ""))
    assert row.masked().columns == ()
    assert "17" not in row.masked().text
    assert extra.columns[:2] == (ColumnDifference("id", "", "18"), ColumnDifference("a", "", "'x'"))


def test_rowid_of_expected_row_is_named_and_not_compared(con: sqlite3.Connection) -> None:
    """It stands behind the values of either side."""
    con.execute("CREATE TABLE t(a)")
    con.execute("INSERT INTO t(rowid, a) VALUES (1, 'same'), (7, 'lost'), (8, 'same')")
    shape = row_shape("t", ["a"], [])
    expected = Rows(con, "SELECT a, rowid FROM t WHERE rowid < 8")

    comparison = compare_rows(shape, [expected], Rows(con, "SELECT a, rowid FROM t WHERE rowid = 8"))

    (row,) = comparison.differences().first
    assert (comparison.exact, row.kind, row.rowid) == (1, DifferenceKind.MISSING, 7)


def test_row_that_its_rowid_identifies_is_named_by_it(con: sqlite3.Connection) -> None:
    """Its first column is the rowid, and a value of it may be a number too."""
    con.execute("CREATE TABLE t(a)")
    con.execute("INSERT INTO t(rowid, a) VALUES (7, 70)")
    shape = Shape("t", ("rowid", "a"), (((0, "BINARY"),),), by_rowid=True)

    comparison = compare_rows(shape, [Rows(con, "SELECT rowid, a FROM t")], Rows(con, "SELECT rowid, a FROM t WHERE 0"))

    (row,) = comparison.differences().first
    assert (row.kind, row.rowid, row.key) == (DifferenceKind.MISSING, 7, ())


def test_connection_reads_text_as_before_when_rows_were_read(con: sqlite3.Connection) -> None:
    """Others read through it afterwards."""
    con.text_factory = bytes

    assert list(Rows(con, "SELECT 'x'")) == [("x",)]
    assert con.text_factory is bytes


def test_row_with_null_key_is_compared_by_content(con: sqlite3.Connection) -> None:
    """SQLite takes no NULL for another, so such a key tells nothing."""
    comparison = compared(con, BY_TEXT, "(NULL, 1, 2), (NULL, 1, 2), (NULL, 3, 4)", "(NULL, 1, 2), (NULL, 3, 5)")

    differences = comparison.differences()

    assert numbers(differences) == (2, 1, 0)
    assert {row.key for row in differences.first} == {()}


def test_key_that_stands_twice_is_extra_row(con: sqlite3.Connection) -> None:
    """Where the target has lost its unique key."""
    con.execute("CREATE TABLE was(id, a)")
    con.execute("INSERT INTO was VALUES (1, 'x'), (2, 'y')")
    con.execute("CREATE TABLE now(id, a)")
    con.execute("INSERT INTO now VALUES (1, 'x'), (1, 'x'), (2, 'y'), (2, 'z'), (3, 'z')")
    shape = row_shape("now", ["id", "a"], [(("id", "BINARY"),)])

    comparison = compare_rows(shape, [Rows(con, "SELECT * FROM was")], Rows(con, "SELECT * FROM now"))

    assert (comparison.exact, comparison.extra, comparison.doubled) == (2, 3, 2)


@pytest.mark.parametrize(("collation", "was", "now"), [("NOCASE", "'Ada'", "'ADA'"), ("RTRIM", "'Ada'", "'Ada  '")])
def test_key_is_compared_as_its_index_compares_it(con: sqlite3.Connection, collation: str, was: str, now: str) -> None:
    """Another spelling of the same key is a changed row."""
    comparison = compared(con, f"id TEXT COLLATE {collation} PRIMARY KEY, a, b", f"({was}, 1, 2)", f"({now}, 1, 2)")

    assert numbers(comparison.differences()) == (0, 0, 1)
    assert comparison.differences().first[0].columns == (ColumnDifference("id", was, now),)


@pytest.mark.parametrize(
    ("declared", "was", "now"),
    [
        ("TEXT", "'Ada'", "'Ada '"),
        ("TEXT COLLATE RTRIM", "'Ada'", "'Ada' || char(9)"),
        ("TEXT COLLATE RTRIM", "'Ada'", "'AdaX'"),
        ("REAL", "1.5", "1.25"),
        ("REAL", "9e999", "-9e999"),
    ],
)
def test_keys_that_their_index_tells_apart_are_two(con: sqlite3.Connection, declared: str, was: str, now: str) -> None:
    """RTRIM leaves out spaces alone, and no real is rounded."""
    comparison = compared(con, f"id {declared} PRIMARY KEY, a, b", f"({was}, 1, 2)", f"({now}, 1, 2)")

    assert numbers(comparison.differences()) == (1, 1, 0)


def test_integer_and_real_of_key_are_same_key(con: sqlite3.Connection) -> None:
    """The index compares them as equal. The column itself differs."""
    comparison = compared(con, "id PRIMARY KEY, a, b", "(2, 1, 2)", "(2.0, 1, 2)")

    assert named(comparison.differences()) == [(DifferenceKind.CHANGED, ("2",), ("id",))]


def test_first_twenty_are_named_and_rest_counted(con: sqlite3.Connection) -> None:
    """A single change is named beside any number of missing rows."""
    many = ", ".join(f"({id}, 'x', 'y')" for id in range(1, 31))

    differences = compared(con, BY_NUMBER, many, "(30, 'x', 'z')").differences()

    assert numbers(differences) == (29, 0, 1)
    assert len(differences.first) == MAX_DIFFERENCES
    assert named(differences)[0] == (DifferenceKind.MISSING, ("1",), ())
    assert named(differences)[-1] == (DifferenceKind.CHANGED, ("30",), ("b",))
    assert differences.rest == 30 - MAX_DIFFERENCES


@pytest.mark.parametrize("kept", [0, 1, 7, 60, 100])
def test_parts_give_same_numbers_as_whole(con: sqlite3.Connection, kept: int) -> None:
    """However few rows may be kept at a time."""
    was = ", ".join(f"({id}, {id % 7}, 'y')" for id in range(100))
    now = ", ".join(f"({id}, {id % 5}, 'y')" for id in range(10, 120))

    comparison = compared(con, BY_NUMBER, was, now, kept=kept)

    changed = sum(id % 7 != id % 5 for id in range(10, 100))
    assert numbers(comparison.differences()) == (10, 20, changed)
    assert (comparison.rows, comparison.exact) == (100, 90 - changed)
    assert len(comparison.missing_rows) == 10
    assert len({row[0] for row, _ in comparison.missing_rows}) == 10


@pytest.mark.parametrize("kept", [20, 1000])
def test_first_rows_are_kept_and_others_counted(con: sqlite3.Connection, kept: int) -> None:
    """Of all parts together, and of each kind."""
    was = ", ".join(f"({id}, 'x', 'y')" for id in range(60))
    now = ", ".join(f"({id}, 'x', 'z')" for id in range(30, 90))

    comparison = compared(con, BY_NUMBER, was, now, kept=kept)

    assert numbers(comparison.differences()) == (30, 30, 30)
    assert [len(rows) for rows in (comparison.missing_rows, comparison.extra_rows, comparison.pairs)] == [
        MAX_DIFFERENCES
    ] * 3


def test_row_like_one_of_first_is_counted_with_it(con: sqlite3.Connection) -> None:
    """However many other rows stand between them."""
    rows = ", ".join(f"({id}, 'x', 'y')" for id in range(30))

    differences = compared(con, NO_KEY, "", f"{rows}, (0, 'x', 'y')").differences()

    assert [row.count for row in differences.first] == [2] + [1] * (MAX_DIFFERENCES - 1)
    assert differences.rest == 31 - MAX_DIFFERENCES - 1


@pytest.mark.parametrize("kept", [1, 10])
def test_equal_rows_are_as_many_in_parts(con: sqlite3.Connection, kept: int) -> None:
    """Where there is no key, each belongs to the part of those it is equal to."""
    rows = ", ".join(f"({id // 3}, 'x', 'y')" for id in range(120))

    comparison = compared(con, NO_KEY, rows, rows, kept=kept)

    assert (comparison.rows, comparison.exact, comparison.differences()) == (120, 120, RowDifferences())


TWO_KEYS = "id INTEGER PRIMARY KEY, a UNIQUE, b"


@pytest.mark.parametrize(
    ("columns", "policy", "kept", "parts"),
    [
        (BY_NUMBER, "refuse", 100, 1),
        (BY_NUMBER, "refuse", 99, 2),
        (BY_NUMBER, "refuse", 7, 16),
        (BY_NUMBER, "refuse", 0, 256),
        (BY_NUMBER, "prefer-source", 99, 2),
        (TWO_KEYS, "refuse", 99, 2),
        (TWO_KEYS, "prefer-source", 0, 1),
    ],
)
def test_rows_are_read_once_for_each_part(
    con: sqlite3.Connection, columns: str, policy: str, kept: int, parts: int
) -> None:
    """There are as many parts as needed to keep each of them small.

    There is one part where rows of several parts may have the same further key.
    """
    rows = ", ".join(f"({id}, {id}, 'y')" for id in range(100))
    statements: list[str] = []
    con.set_trace_callback(statements.append)

    comparison = compared(con, columns, rows, rows, policies=(policy,), kept=kept)

    assert sum(statement.startswith("SELECT id, a, b") for statement in statements) == 2 * parts
    assert (comparison.rows, comparison.exact) == (100, 100)


@pytest.mark.parametrize(
    ("policy", "stays"),
    [("skip-identical", "1, 'was'"), ("prefer-target", "1, 'was'"), ("prefer-source", "1, 'came'")],
)
def test_policy_decides_which_row_is_expected(con: sqlite3.Connection, policy: str, stays: str) -> None:
    """Rows before, then those of a source that claims one of their keys."""
    was = "(1, 'was', 0), (2, 'was', 0) then (1, 'came', 0), (3, 'came', 0)"
    now = f"({stays}, 0), (2, 'was', 0), (3, 'came', 0)"

    comparison = compared(con, BY_NUMBER, was, now, policies=("refuse", policy))

    assert comparison.differences() == RowDifferences()
    assert comparison.exact == 3


@pytest.mark.parametrize(
    ("policy", "now"),
    [("prefer-target", "(1, 'k', 0), (2, 'l', 0)"), ("prefer-source", "(9, 'k', 1), (2, 'l', 0)")],
)
def test_policy_looks_at_each_key_of_row(con: sqlite3.Connection, policy: str, now: str) -> None:
    """A second unique key is claimed by a row with another first one."""
    was = "(1, 'k', 0), (2, 'l', 0) then (9, 'k', 1)"

    comparison = compared(con, "id INTEGER PRIMARY KEY, a UNIQUE, b", was, now, policies=("refuse", policy), kept=0)

    assert comparison.differences() == RowDifferences()


@pytest.mark.parametrize(
    ("was", "policies", "now"),
    [
        ("(1, 'was', 0) then (1, 'came', 0)", ["prefer-source"] * 2, "(1, 'came', 0)"),
        ("(1, 'k', 0) then (1, 'm', 0) then (7, 'k', 0)", ["prefer-source"] * 3, "(1, 'm', 0), (7, 'k', 0)"),
        (
            "(1, 'k', 0) then (2, 'k', 0) then (1, 'm', 0), (2, 'n', 0)",
            ["refuse", "refuse", "prefer-source"],
            "(1, 'm', 0), (2, 'n', 0)",
        ),
    ],
)
def test_removed_row_has_no_key(con: sqlite3.Connection, was: str, policies: Sequence[str], now: str) -> None:
    """The rows after it may have its keys."""
    comparison = compared(con, TWO_KEYS, was, now, policies=policies)

    assert comparison.differences() == RowDifferences()


def test_row_that_refuses_is_expected_beside_other(con: sqlite3.Connection) -> None:
    """A target cannot have both, so one of them is missing."""
    was = "(1, 'was', 0) then (1, 'was', 0)"

    comparison = compared(con, BY_NUMBER, was, "(1, 'was', 0)", policies=("prefer-source", "refuse"))

    assert (comparison.rows, comparison.exact, comparison.missing) == (2, 1, 1)

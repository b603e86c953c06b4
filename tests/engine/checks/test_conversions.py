"""Specify that preflight finds values that the target's declarations would change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.conversions import find_value_changes, needs_value_check
from sqlite_consolidate.engine.merge.column_types import affinity
from sqlite_consolidate.engine.merge.table_mapping import TableMapping, match_columns
from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.problem import Problem


def moved(
    bench: Bench, source_create: str, target_create: str, values: list[Any], **keys: Any
) -> tuple[TableMapping, list[Problem]]:
    """Try the values of column v of one table in another."""
    path = bench.database("a.db", source_create, rows=("INSERT INTO t(v) VALUES(?)", [(value,) for value in values]))
    bench.database(TARGET, target_create)
    plan_source = source("a.db", table("t", **keys))
    a, b = bench.schema("a.db").table("t"), bench.schema(TARGET).table("t")
    assert a is not None
    assert b is not None
    mapping, problems = match_columns(bench.plan(plan_source), plan_source, plan_source.tables[0], a, b, new=False)
    assert problems == []
    return mapping, find_value_changes(mapping, path)[0]


def refusal(bench: Bench, source_create: str, target_create: str, values: list[Any], **keys: Any) -> Problem:
    """Return the one problem of moving the values."""
    _, problems = moved(bench, source_create, target_create, values, **keys)
    assert [(problem.criterion, problem.subject) for problem in problems] == [("values-fit", "a.db:t")]
    assert problems[0].hint
    return problems[0]


def types(text: str) -> list[str]:
    """Return how many values of each type a problem names, before and after."""
    return re.findall(r"\d+ (?:integer|real|text|null)", text)


@pytest.mark.parametrize(
    ("source_create", "target_create", "values", "expected"),
    [
        ("TEXT", "INTEGER", ["01", "x"], ["2 text", "1 integer", "1 text"]),
        ("INTEGER", "REAL", [9007199254740993], ["1 integer", "1 real"]),
        ("INTEGER", "TEXT", [1, None], ["1 integer", "1 null", "1 null", "1 text"]),
        ("TEXT", "FLOAT", ["1.50"], ["1 text", "1 real"]),
        ("TEXT", "DECIMAL(9,2)", ["1.50"], ["1 text", "1 real"]),
        ("", "REAL", [-0.0], ["1 real", "1 real"]),
        ("", "CHARINT", ["7"], ["1 text", "1 integer"]),
    ],
)
def test_a_value_that_a_type_would_change_is_found(
    bench: Bench, source_create: str, target_create: str, values: list[Any], expected: list[str]
) -> None:
    """Counts would be equal, and a JOIN would agree."""
    problem = refusal(bench, f"CREATE TABLE t(v {source_create})", f"CREATE TABLE t(v {target_create})", values)

    assert (problem.id, types(problem.what)) == ("value-changes", expected)


@pytest.mark.parametrize(
    ("source_create", "target_create", "values"),
    [
        ("TEXT", "INTEGER", ["x", None, b"\x00\xff"]),
        ("INTEGER", "NUMERIC", [1, 2**63 - 1, -(2**63)]),
        ("VARCHAR(10)", "TEXT", ["01"]),
        ("INT", "BIGINT", [1]),
        ("FLOAT", "DOUBLE PRECISION", [0.1]),
        ("TEXT", "BLOB", ["01", b"01"]),
        ("TEXT NOT NULL", "TEXT", ["a"]),
        ("TEXT DEFAULT 'a'", "TEXT DEFAULT 'b'", ["c"]),
        ("TEXT", "TEXT NOT NULL", ["a"]),
        ("TEXT", "TEXT CHECK(v <> 'b')", ["a"]),
        ("TEXT CHECK(v <> 'b')", "TEXT", ["c"]),
        ("TEXT", "TEXT COLLATE NOCASE", ["a", "A"]),
    ],
)
def test_values_that_stay_as_they_are_are_no_problem(
    bench: Bench, source_create: str, target_create: str, values: list[Any]
) -> None:
    """Other declarations alone are no reason to refuse."""
    assert moved(bench, f"CREATE TABLE t(v {source_create})", f"CREATE TABLE t(v {target_create})", values)[1] == []


@pytest.mark.parametrize(
    ("type_", "target_create", "values", "id", "named"),
    [
        ("TEXT", "CREATE TABLE t(v TEXT NOT NULL)", ["a", None], "row-refused", "NOT NULL constraint failed: t.v"),
        ("TEXT", "CREATE TABLE t(v TEXT CHECK(length(v) < 3))", ["abc"], "row-refused", "CHECK constraint failed"),
        ("INTEGER", "CREATE TABLE t(v INTEGER) STRICT", ["abc"], "row-refused", "INTEGER column"),
        ("INTEGER", "CREATE TABLE t(v INTEGER PRIMARY KEY)", ["abc"], "row-refused", "datatype mismatch"),
        ("INTEGER", "CREATE TABLE t(v INTEGER PRIMARY KEY)", [None], "value-changes", "1 integer value"),
        (
            "TEXT",
            "CREATE TABLE t(v TEXT PRIMARY KEY) WITHOUT ROWID",
            [None],
            "row-refused",
            "NOT NULL constraint failed",
        ),
        ("TEXT", "CREATE TABLE t(v TEXT NOT NULL ON CONFLICT IGNORE)", ["a", None], "rows-dropped", "1 row"),
        (
            "TEXT",
            "CREATE TABLE t(v TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'x')",
            [None],
            "value-changes",
            "1 text value",
        ),
    ],
)
def test_constraint_of_target_only_is_tried(
    bench: Bench, type_: str, target_create: str, values: list[Any], id: str, named: str
) -> None:
    """NOT NULL, CHECK, STRICT and INTEGER PRIMARY KEY can refuse values of an equal type."""
    problem = refusal(bench, f"CREATE TABLE t(v {type_})", target_create, values)

    assert problem.id == id
    assert named in problem.what


def test_rowid_key_on_one_side_changes_no_value(bench: Bench) -> None:
    """The numbers stay, although only INTEGER PRIMARY KEY is an alias of the rowid."""
    mapping, problems = moved(
        bench, "CREATE TABLE t(v INT PRIMARY KEY)", "CREATE TABLE t(v INTEGER PRIMARY KEY)", [3, 1, -5]
    )

    assert needs_value_check(mapping)
    assert problems == []


def test_a_renamed_column_is_tried_under_its_new_name(bench: Bench) -> None:
    """The problem names the source's column."""
    problem = refusal(bench, "CREATE TABLE t(v TEXT)", "CREATE TABLE t(w INTEGER)", ["01"], columns={"v": "w"})

    assert problem.id == "value-changes"
    assert "column v " in problem.what


@pytest.mark.parametrize(("factor", "differ"), [(3, True), (2, False)])
def test_column_computed_differently_by_target_is_found(bench: Bench, factor: int, *, differ: bool) -> None:
    """Generated columns are not copied, and so their values come from the target's expression."""
    target_create = f"CREATE TABLE t(v, more, g AS (v * {factor}))"

    _, problems = moved(bench, "CREATE TABLE t(v, g AS (v * 2))", target_create, [1])

    assert [(problem.id, "column g " in problem.what) for problem in problems] == [
        ("computed-value-changes", True)
    ] * differ


PARENT = "CREATE TABLE p(id INTEGER PRIMARY KEY{}, l)"
CHILD = "CREATE TABLE c(id INTEGER PRIMARY KEY, r INTEGER REFERENCES p{})"


@pytest.mark.parametrize(
    ("check_of_key", "check_of_child", "expected"),
    [
        (" CHECK(id < 9)", "", [("new-key-refused", "b.db:p")]),
        ("", " CHECK(r < 9)", [("new-key-refused", "b.db:c")]),
        ("", " CHECK(r < 5)", [("row-refused", "b.db:c")]),
        (" CHECK(id < 90)", " CHECK(r < 90)", []),
    ],
)
def test_constraint_that_only_a_new_key_violates(
    bench: Bench, check_of_key: str, check_of_child: str, expected: list[tuple[str, str]]
) -> None:
    """The target declares it, whatever the source does."""
    parent, child = PARENT.format(check_of_key), CHILD.format(check_of_child)
    bench.database(TARGET, parent, child, "INSERT INTO p VALUES (8, 't')")
    bench.database("b.db", parent, CHILD.format(""), "INSERT INTO p VALUES (6, 'b')", "INSERT INTO c VALUES (1, 6)")

    problems = bench.survey(source("b.db", "p", "c", keys="renumber")).problems

    assert [(problem.id, problem.subject) for problem in problems] == expected


def test_values_of_utf_16_database_are_tried(bench: Bench) -> None:
    """The scratch database has the encoding of what it reads."""
    path = bench.database(
        "a.db", "PRAGMA encoding='UTF-16be'", "CREATE TABLE t(v TEXT)", "INSERT INTO t VALUES('01'), ('é')"
    )
    bench.database(TARGET, "CREATE TABLE t(v INTEGER)")
    plan_source = source("a.db", "t")
    a, b = bench.schema("a.db").table("t"), bench.schema(TARGET).table("t")
    assert a is not None
    assert b is not None

    problems, _ = find_value_changes(
        match_columns(bench.plan(plan_source), plan_source, plan_source.tables[0], a, b, new=False)[0], path
    )

    assert types(problems[0].what) == ["2 text", "1 integer", "1 text"]


def test_an_rtree_of_whole_numbers_would_cut_fractions(bench: Bench) -> None:
    """Two kinds of virtual table with the same columns."""
    bench.database(TARGET, "CREATE VIRTUAL TABLE t USING rtree_i32(id, v, w)")
    bench.database("a.db", "CREATE VIRTUAL TABLE t USING rtree(id, v, w)", "INSERT INTO t VALUES(1, 1.5, 2.5)")

    problems = bench.survey(source("a.db", "t")).problems
    changes = [problem for problem in problems if problem.criterion == "values-fit"]

    assert changes[0].id == "value-changes"
    assert "column v " in changes[0].what


def test_table_with_same_statement_is_not_tried(bench: Bench) -> None:
    """What the source accepted, the same declaration accepts."""
    same = "CREATE TABLE t(v INTEGER CHECK(v > 0)) STRICT"

    assert not needs_value_check(moved(bench, same, same, [1])[0])


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("INT", "INTEGER"), ("TINYINT UNSIGNED", "INTEGER"), ("FLOATING POINT", "INTEGER"), ("CHARINT", "INTEGER"),
        ("VARCHAR(9)", "TEXT"), ("clob", "TEXT"), ("NATIONAL CHARACTER", "TEXT"), ("BLOB", "BLOB"), ("", "BLOB"),
        ("FLOAT", "REAL"), ("DOUBLE PRECISION", "REAL"), ("REAL", "REAL"), ("DECIMAL(10,5)", "NUMERIC"),
        ("BOOLEAN", "NUMERIC"), ("DATETIME", "NUMERIC"), ("STRING", "NUMERIC"), ("TEXTBLOB", "TEXT"),
    ],
)  # fmt: skip
def test_affinity_is_what_sqlite_says(bench: Bench, declared: str, expected: str) -> None:
    """CREATE TABLE AS shows the affinity of a declared type."""
    bench.database("a.db", f"CREATE TABLE t(v {declared})", "CREATE TABLE b AS SELECT v FROM t")
    names = {"INT": "INTEGER", "TEXT": "TEXT", "": "BLOB", "REAL": "REAL", "NUM": "NUMERIC"}
    declared_table, as_sqlite_says = bench.schema("a.db").table("t"), bench.schema("a.db").table("b")
    assert declared_table is not None
    assert as_sqlite_says is not None

    assert affinity(declared_table.columns[0]) == expected
    assert names[as_sqlite_says.columns[0].type] == expected

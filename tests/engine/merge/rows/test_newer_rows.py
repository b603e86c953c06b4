"""Specify that the newer of two rows under one key stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.merge.conflict_log import CONFLICT_LOG
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.observations import numbers_in
from tests.support.rows.copied_rows import last_counts, rows_are_exact

CREATE = "CREATE TABLE t(k INTEGER PRIMARY KEY, v, at)"
NEWER = {"on_conflict": "prefer-newer", "newer": "at"}


def insert(*rows: tuple[Any, ...]) -> tuple[str, list[tuple[Any, ...]]]:
    """Return the statement that inserts rows into table t, with the rows."""
    return f"INSERT INTO t VALUES({', '.join('?' for _ in rows[0])})", list(rows)


def problems(bench: Bench, **keys: Any) -> list[tuple[str, str, list[int]]]:
    """Return criterion, id and numbers of each problem."""
    inspected = bench.survey(source("a.db", table("t", **(NEWER | keys))))
    return [(problem.criterion, problem.id, numbers_in(problem.what)) for problem in inspected.problems]


def test_newer_row_replaces_and_older_row_is_left_out(bench: Bench) -> None:
    """Equal rows count as identical, and new rows are added."""
    bench.database(TARGET, CREATE, rows=insert((1, "old", 1), (2, "new", 5), (3, "same", 3), (9, "own", 1)))
    bench.database("a.db", CREATE, rows=insert((1, "newer", 2), (2, "older", 4), (3, "same", 3), (4, "added", None)))

    copied = bench.copied(source("a.db", table("t", **NEWER)))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [
        (1, "newer"),
        (2, "new"),
        (3, "same"),
        (4, "added"),
        (9, "own"),
    ]
    assert last_counts(copied) == (4, 2, 2, 1)
    assert rows_are_exact(copied)
    assert failed_subjects(compare.rows_counted(copied.compared)) == []
    assert "DELETE" not in "".join(copied.sql)
    lines = [json.loads(line) for line in (bench.root / CONFLICT_LOG).read_text("ascii").splitlines()]
    assert [(line["key"], line["identical"], line["replaced"]) for line in lines] == [
        (["2"], False, False),
        (["3"], True, False),
        (["1"], False, True),
    ]


@pytest.mark.parametrize(("at", "stays"), [(1.5, "new"), (2.5, "old")])
def test_numbers_of_both_storage_classes_are_compared(bench: Bench, at: float, stays: str) -> None:
    """SQLite compares an integer with a real exactly."""
    bench.database(TARGET, CREATE, rows=insert((1, "old", at)))
    bench.database("a.db", CREATE, rows=insert((1, "new", 2)))

    copied = bench.copied(source("a.db", table("t", **NEWER)))

    assert copied.rows("SELECT v FROM t") == [(stays,)]
    assert rows_are_exact(copied)
    assert failed_subjects(references_kept(copied.compared)) == []


def test_existing_row_keeps_its_implicit_rowid(bench: Bench) -> None:
    """The key is a text, so the rowid is not a column."""
    create = "CREATE TABLE t(k TEXT PRIMARY KEY, at)"
    bench.database(TARGET, create, "INSERT INTO t(rowid, k, at) VALUES(7, 'x', 1), (8, 'y', 1)")
    bench.database("a.db", "CREATE TABLE t(k, at)", "INSERT INTO t(rowid, k, at) VALUES(1, 'y', 2)")

    copied = bench.copied(source("a.db", table("t", **NEWER)))

    assert copied.rows("SELECT rowid, k, at FROM t") == [(7, "x", 1), (8, "y", 2)]
    assert rows_are_exact(copied)


def test_column_of_the_target_alone_stays_as_it_is(bench: Bench) -> None:
    """It makes no difference between two rows. A new row has its DEFAULT."""
    bench.database(TARGET, "CREATE TABLE t(k INTEGER PRIMARY KEY, v, at, extra DEFAULT 'E')")
    bench.execute(TARGET, "INSERT INTO t VALUES(1, 'old', 1, 'kept'), (2, 'same', 5, 'kept'), (3, 'new', 9, 'kept')")
    bench.database("a.db", CREATE, rows=insert((1, "newer", 2), (2, "same", 5), (3, "older", 8), (4, "added", 1)))

    copied = bench.copied(source("a.db", table("t", **NEWER)))

    rows = [(1, "newer", "kept"), (2, "same", "kept"), (3, "new", "kept"), (4, "added", "E")]
    assert copied.rows("SELECT k, v, extra FROM t") == rows
    assert rows_are_exact(copied)
    assert failed_subjects(compare.rows_counted(copied.compared)) == []


@pytest.mark.parametrize(("policy", "stays"), [("COLLATE NOCASE", "b"), ("", "a")])
def test_values_are_compared_by_collation_of_target(bench: Bench, policy: str, stays: str) -> None:
    """'B' is larger than 'a' only where case does not count."""
    bench.database(TARGET, f"CREATE TABLE t(k INTEGER PRIMARY KEY, at TEXT {policy})", rows=insert((1, "a")))
    bench.database("a.db", "CREATE TABLE t(k INTEGER PRIMARY KEY, at TEXT)", rows=insert((1, "B")))

    copied = bench.copied(source("a.db", table("t", **NEWER)))

    assert copied.rows("SELECT lower(at) FROM t") == [(stays,)]
    assert rows_are_exact(copied)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(("a", None), ("b", None), id="both-null"),
        pytest.param(("a", 1), ("b", None), id="one-null"),
        pytest.param(("a", 1), ("b", "1"), id="integer-and-text"),
        pytest.param(("a", 1), ("b", 1.0), id="equal-numbers"),
        pytest.param(("a", 1), ("b", 1), id="equal-and-different"),
        pytest.param((0.0, 1), (-0.0, 1), id="different-by-one-bit"),
    ],
)
def test_undecided_rows_are_refused(bench: Bench, ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> None:
    """The number of such rows is stated, and a row that is decided does not count."""
    bench.database(TARGET, CREATE, rows=insert((1, *theirs), (2, "x", 1), (3, "same", None)))
    bench.database("a.db", CREATE, rows=insert((1, *ours), (2, "y", 2), (3, "same", None)))

    assert problems(bench) == [("keys-free", "newer-undecided", [1, 1])]


@pytest.mark.parametrize(
    ("existing", "arriving"),
    [
        pytest.param([(1, "a", 1)], [(2, "a", 2)], id="key-of-a-row-under-another-key"),
        pytest.param([(1, "a", 1), (2, "b", 1)], [(1, "b", 2)], id="keys-of-two-rows"),
        pytest.param([(1, "a", 1), (2, "b", 1)], [(1, "b", 2), (2, "a", 2)], id="keys-exchanged"),
    ],
)
def test_rows_have_to_meet_one_to_one(
    bench: Bench, existing: list[tuple[Any, ...]], arriving: list[tuple[Any, ...]]
) -> None:
    """The table has a second key."""
    create = "CREATE TABLE t(k INTEGER PRIMARY KEY, v UNIQUE, at)"
    bench.database(TARGET, create, rows=insert(*existing))
    bench.database("a.db", create, rows=insert(*arriving))

    assert [problem[:2] for problem in problems(bench)] == [("keys-free", "keys-cross")]


def test_two_source_rows_of_one_key_are_refused(bench: Bench) -> None:
    """The source declares no key."""
    bench.database(TARGET, CREATE, rows=insert((1, "x", 1)))
    bench.database("a.db", "CREATE TABLE t(k, v, at)", rows=insert((1, "y", 2), (1, "z", 3)))

    assert ("keys-free", "keys-cross", [2]) in problems(bench)


def test_value_of_another_key_may_change(bench: Bench) -> None:
    """The row is the same by its first key."""
    create = "CREATE TABLE t(k INTEGER PRIMARY KEY, v UNIQUE, at)"
    bench.database(TARGET, create, rows=insert((1, "a", 1)))
    bench.database("a.db", create, rows=insert((1, "b", 2)))

    copied = bench.copied(source("a.db", table("t", **NEWER)))

    assert copied.rows("SELECT * FROM t") == [(1, "b", 2)]


def test_later_sources_are_compared_with_earlier_ones(bench: Bench) -> None:
    """The newest row of three stays, whichever source has it."""
    for name, at in (("a", 2), ("b", 3), ("c", 1)):
        bench.database(f"{name}.db", CREATE, rows=insert((1, name, at), (2, name, 7 if name == "a" else 6)))

    copied = bench.copied(source("a.db", table("t", **NEWER)), *(source(f"{n}.db", table("t", **NEWER)) for n in "bc"))

    assert copied.rows("SELECT * FROM t") == [(1, "b", 3), (2, "a", 7)]
    assert rows_are_exact(copied)


def test_children_follow_the_newer_parent(bench: Bench) -> None:
    """Both rows are versions of one parent."""
    child = "CREATE TABLE c(id INTEGER PRIMARY KEY, t REFERENCES t(k))"
    bench.database(TARGET, CREATE, child, "INSERT INTO c VALUES(1, 1), (2, 2)", rows=insert((1, "x", 1), (2, "y", 5)))
    bench.database("a.db", CREATE, child, "INSERT INTO c VALUES(3, 1), (4, 2)", rows=insert((1, "z", 2), (2, "w", 4)))

    copied = bench.copied(source("a.db", table("t", **NEWER), "c"))

    parents = copied.rows("SELECT c.id, v FROM c JOIN t ON k = t ORDER BY id")
    assert parents == [(1, "z"), (2, "y"), (3, "z"), (4, "y")]
    assert failed_subjects(references_kept(copied.compared)) == []
    assert [(f.id, f.count) for f in copied.inspected.findings if f.id == "parents-replaced"] == [
        ("parents-replaced", 1)
    ]


def test_newer_names_a_column_of_the_target(bench: Bench) -> None:
    """A misspelt name is a problem of the preflight."""
    bench.database(TARGET, CREATE)
    bench.database("a.db", CREATE, rows=insert((1, "x", 1)))

    assert problems(bench, newer="stamp") == [("keys-free", "no-such-column", [])]

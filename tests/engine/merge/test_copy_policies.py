"""Each policy for rows with a key that is taken, and what a clause of the target's own does to a row."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks import compare
from sqlite_consolidate.engine.merge.copy_rows import conflicting_keys, copy_rows, existing_rows_digest, source_digest
from sqlite_consolidate.engine.sqlite.connections import attached
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, Copied, source, table, wrong
from tests.support.rows.copied_rows import exact, only

KEYED = "CREATE TABLE t(k TEXT PRIMARY KEY, v)"


@pytest.mark.parametrize(
    ("policy", "rows", "counts"),
    [
        ("skip-identical", [("a", 1), ("x", 1), ("y", 2)], (2, 1, 1, 0)),
        ("prefer-target", [("a", 1), ("x", 1), ("y", 2)], (2, 1, 1, 0)),
        ("prefer-source", [("a", 1), ("x", 1), ("y", 2)], (2, 2, 0, 1)),
    ],
)
def test_each_policy_counts_what_it_does_to_equal_rows(
    bench: Bench, policy: str, rows: list[tuple[Any, ...]], counts: tuple[int, ...]
) -> None:
    """Rows, inserted, skipped, replaced."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES('a', 1), ('x', 1)")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1), ('y', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == rows
    assert only(copied) == counts
    assert exact(copied)
    assert wrong(compare.rows_counted(copied.compared)) == []


@pytest.mark.parametrize(("policy", "stays"), [("prefer-target", "target"), ("prefer-source", "source")])
@pytest.mark.parametrize(
    ("create", "columns"),
    [
        (KEYED, "k, v"),
        ("CREATE TABLE t(k TEXT, v, PRIMARY KEY(k COLLATE NOCASE)) WITHOUT ROWID", "k, v"),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, k UNIQUE, v)", "k, v, id"),
        ("CREATE TABLE t(k, v, more DEFAULT 1, UNIQUE(k, more))", "k, v"),
    ],
)
def test_a_preference_decides_between_different_rows(
    bench: Bench, create: str, columns: str, policy: str, stays: str
) -> None:
    """Under every kind of key; the source needs no index of its own."""
    rows = ["('x', 'source', 8)", "('y', 1, 9)"] if "id" in columns else ["('x', 'source')", "('y', 1)"]
    bench.database(TARGET, create, "INSERT INTO t(k, v) VALUES('x', 'target')")
    bench.database("a.db", f"CREATE TABLE t({columns})", f"INSERT INTO t VALUES{', '.join(rows)}")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT v FROM t ORDER BY k") == [(stays,), (1,)]
    assert only(copied) == ((2, 1, 1, 0) if stays == "target" else (2, 2, 0, 1))
    assert exact(copied)


@pytest.mark.parametrize(("policy", "stays"), [("prefer-target", ("x", 1)), ("prefer-source", ("X", 2))])
def test_keys_are_compared_under_the_collation_of_their_key(bench: Bench, policy: str, stays: tuple[str, int]) -> None:
    """Which need not be that of the column."""
    bench.database(TARGET, "CREATE TABLE t(k, v, UNIQUE(k COLLATE NOCASE))", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", "CREATE TABLE t(k, v)", "INSERT INTO t VALUES('X', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT k, v FROM t") == [stays]
    assert exact(copied)


def test_rows_with_null_in_their_key_are_moved_under_every_policy(bench: Bench) -> None:
    """A NULL equals nothing, not even another NULL."""
    bench.database(TARGET, "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t VALUES(NULL, 1)")
    bench.database("a.db", "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t VALUES(NULL, 1), (NULL, 2)")

    for policy in ("skip-identical", "prefer-target", "prefer-source"):
        copied = bench.copied(source("a.db", table("t", on_conflict=policy)))
        assert only(copied) == (2, 2, 0, 0)
        assert copied.rows("SELECT count(*) FROM t") == [(3,)]
        copied.con.execute("ROLLBACK")


def test_the_last_source_that_is_preferred_stays(bench: Bench) -> None:
    """Between two sources the policy of the later one decides, in the order of the plan."""
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 'a'), ('y', 'a')")
    bench.database("b.db", KEYED, "INSERT INTO t VALUES('x', 'b')")

    copied = bench.copied(source("a.db", "t"), source("b.db", table("t", on_conflict="prefer-source")))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("x", "b"), ("y", "a")]
    assert only(copied) == (1, 1, 0, 1)
    assert exact(copied)


def test_different_rows_under_skip_identical_stop_the_copy(bench: Bench) -> None:
    """Preflight finds them; the copy does not rely on that. Text is read as before afterwards."""
    bench.database(TARGET, KEYED)
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 0.0), ('y', 1), ('z', 2)")
    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))
    copied.con.execute("UPDATE t SET v = -0.0 WHERE k = 'x'")
    mapping, alias = copied.done[0].mapping, copied.rows("PRAGMA database_list")[-1][1]

    with pytest.raises(ProblemError) as caught:
        copy_rows(copied.con, mapping, source_digest(copied.con, mapping, alias), alias)

    assert str(caught.value) == (
        'a.db:t: on_conflict = "skip-identical", but 1 of 3 rows under a key that t already has differ.'
        ' Correct the rows, or choose "prefer-target" or "prefer-source". [rows-differ]'
    )
    assert copied.rows("SELECT k FROM t ORDER BY k") == [("x",), ("y",), ("z",)]


def test_identical_rows_are_found_under_other_names_of_columns(bench: Bench) -> None:
    """Also where the names stand in another order at the two ends, and where the source declares no key."""
    bench.database(TARGET, "CREATE TABLE t(k TEXT PRIMARY KEY, a)", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", "CREATE TABLE t(k TEXT, z)", "INSERT INTO t(rowid, k, z) VALUES(7, 'x', 1), (8, 'y', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical", columns={"z": "a"})))

    assert only(copied) == (2, 1, 1, 0)
    assert exact(copied)


def test_rowids_that_do_not_count_are_left_out_of_what_the_target_had(bench: Bench) -> None:
    """The target's table is told apart by them, the source's is not."""
    bench.database(TARGET, "CREATE TABLE t(k, v)", "INSERT INTO t(rowid, k) VALUES(7, 'a')")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1)")

    copied = bench.copied(source("a.db", "t"))

    assert exact(copied)


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        ("refuse", []),
        ("skip-identical", [["'A'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
        ("prefer-target", [["'A'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
        ("prefer-source", [["'a'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
    ],
)
def test_the_keys_that_a_policy_settles_are_named(bench: Bench, policy: str, keys: list[list[str]]) -> None:
    """As literals of SQL: those of the rows that stay behind, or that make place; text is read as before afterwards."""
    create = "CREATE TABLE t(k COLLATE NOCASE, n, v, PRIMARY KEY(k, n))"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('A', 1, 5), (CAST(x'ff' AS TEXT), 2, 6), ('new', 3, 7)")
    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))
    copied.con.execute("DELETE FROM t WHERE k = 'new'")
    copied.con.execute("UPDATE t SET k = 'a' WHERE n = 1")
    mapping, alias = copied.done[0].mapping, copied.rows("PRAGMA database_list")[-1][1]

    settled = list(conflicting_keys(copied.con, mapping, alias))

    assert settled == keys
    assert copied.rows("SELECT k FROM t WHERE n = 1") == [("a",)]


def test_rows_are_compared_byte_by_byte_even_where_text_is_no_utf_8(bench: Bench) -> None:
    """One row is the same, one differs in a byte that cannot be decoded."""
    bench.database(TARGET, KEYED)
    rows = "INSERT INTO t VALUES('x', CAST(x'ff' AS TEXT)), ('y', CAST(x'fe' AS TEXT))"
    bench.database("a.db", KEYED, rows)
    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))
    mapping, alias = copied.done[0].mapping, copied.rows("PRAGMA database_list")[-1][1]
    digest = source_digest(copied.con, mapping, alias)
    assert copy_rows(copied.con, mapping, digest, alias).skipped == 2

    copied.con.execute("UPDATE t SET v = CAST(x'fd' AS TEXT) WHERE k = 'y'")

    with pytest.raises(ProblemError, match="1 of 2 rows"):
        copy_rows(copied.con, mapping, digest, alias)


def colliding(bench: Bench, clause: str) -> Copied:
    """Copy a row into a table with a clause ON CONFLICT, beside a row that came after the preflight."""
    create = f"CREATE TABLE t(k TEXT UNIQUE ON CONFLICT {clause}, v)"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('x', 'new')")
    found = bench.survey(source("a.db", "t"))
    assert found.problems == []
    assert found.target is not None
    copied = Copied(found.target.guard.alone(), bench.plan(source("a.db", "t")), found)
    copied.con.execute("INSERT INTO t VALUES('x', 'old')")
    copied.own["t"] = existing_rows_digest(copied.con, found.mappings[0])
    with attached(copied.con, bench.root / "a.db", "a") as alias:
        digest = source_digest(copied.con, found.mappings[0], alias)
        copied.done.append(copy_rows(copied.con, found.mappings[0], digest, alias))
    return copied


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE"])
def test_a_row_that_a_clause_drops_is_noticed(bench: Bench, clause: str) -> None:
    """SQLite says nothing; the comparison does."""
    copied = colliding(bench, clause)

    assert wrong(compare.rows_counted(copied.compared)) != []
    assert wrong(compare.rows_exact(copied.compared)) == ["t <- a.db:t"]


@pytest.mark.parametrize(
    ("clause", "left"),
    [("ROLLBACK", " Its ON CONFLICT ROLLBACK has rolled back the whole transaction."), ("ABORT", ""), ("FAIL", "")],
)
def test_a_constraint_that_fails_is_said_in_words(bench: Bench, clause: str, left: str) -> None:
    """Also that the whole transaction is gone, if it is."""
    with pytest.raises(ProblemError) as caught:
        colliding(bench, clause)

    assert str(caught.value) == (
        f"a.db:t: a row violates a constraint of t: UNIQUE constraint failed: t.k.{left}"
        " Correct the rows, or choose another table or policy. [row-refused]"
    )

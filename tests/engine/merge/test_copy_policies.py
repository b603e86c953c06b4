"""Test each conflict policy, and the ON CONFLICT clauses of the target."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare
from sqlite_consolidate.engine.merge.conflict_log import ResolvedConflict, resolved_conflicts
from sqlite_consolidate.engine.merge.copy_rows import copy_rows, existing_rows_digest, source_digest
from sqlite_consolidate.engine.sqlite.connections import attached
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table
from tests.support.observations import numbers_in
from tests.support.rows.copied_rows import last_counts, rows_are_exact

KEYED = "CREATE TABLE t(k TEXT PRIMARY KEY, v)"


@pytest.mark.parametrize(
    ("policy", "rows", "counts"),
    [
        ("skip-identical", [("a", 1), ("x", 1), ("y", 2)], (2, 1, 1, 0)),
        ("prefer-target", [("a", 1), ("x", 1), ("y", 2)], (2, 1, 1, 0)),
        ("prefer-source", [("a", 1), ("x", 1), ("y", 2)], (2, 2, 0, 1)),
    ],
)
def test_policy_counts_copied_skipped_and_replaced_rows(
    bench: Bench, policy: str, rows: list[tuple[Any, ...]], counts: tuple[int, ...]
) -> None:
    """The counts are rows, inserted, skipped and replaced."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES('a', 1), ('x', 1)")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1), ('y', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == rows
    assert last_counts(copied) == counts
    assert rows_are_exact(copied)
    assert failed_subjects(compare.rows_counted(copied.compared)) == []


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
def test_preference_decides_between_different_rows(
    bench: Bench, create: str, columns: str, policy: str, stays: str
) -> None:
    """The key may be of any kind, and the source needs no index."""
    rows = ["('x', 'source', 8)", "('y', 1, 9)"] if "id" in columns else ["('x', 'source')", "('y', 1)"]
    bench.database(TARGET, create, "INSERT INTO t(k, v) VALUES('x', 'target')")
    bench.database("a.db", f"CREATE TABLE t({columns})", f"INSERT INTO t VALUES{', '.join(rows)}")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT v FROM t ORDER BY k") == [(stays,), (1,)]
    assert last_counts(copied) == ((2, 1, 1, 0) if stays == "target" else (2, 2, 0, 1))
    assert rows_are_exact(copied)


@pytest.mark.parametrize(("policy", "stays"), [("prefer-target", ("x", 1)), ("prefer-source", ("X", 2))])
def test_keys_are_compared_by_collation_of_key(bench: Bench, policy: str, stays: tuple[str, int]) -> None:
    """The key may have another collation than its column."""
    bench.database(TARGET, "CREATE TABLE t(k, v, UNIQUE(k COLLATE NOCASE))", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", "CREATE TABLE t(k, v)", "INSERT INTO t VALUES('X', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert copied.rows("SELECT k, v FROM t") == [stays]
    assert rows_are_exact(copied)


def test_rows_with_null_in_key_are_always_copied(bench: Bench) -> None:
    """A NULL equals nothing, not even another NULL."""
    bench.database(TARGET, "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t VALUES(NULL, 1)")
    bench.database("a.db", "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t(rowid, k, v) VALUES(5, NULL, 1), (6, NULL, 2)")

    for policy in ("skip-identical", "prefer-target", "prefer-source"):
        copied = bench.copied(source("a.db", table("t", on_conflict=policy, rowids="renumber")))
        assert last_counts(copied) == (2, 2, 0, 0)
        assert copied.rows("SELECT count(*) FROM t") == [(3,)]
        copied.con.execute("ROLLBACK")


def test_later_source_replaces_rows_of_earlier_source(bench: Bench) -> None:
    """The plan's order of the sources decides."""
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 'a'), ('y', 'a')")
    bench.database("b.db", KEYED, "INSERT INTO t VALUES('x', 'b')")

    copied = bench.copied(source("a.db", "t"), source("b.db", table("t", on_conflict="prefer-source")))

    assert copied.rows("SELECT k, v FROM t ORDER BY k") == [("x", "b"), ("y", "a")]
    assert last_counts(copied) == (1, 1, 0, 1)
    assert rows_are_exact(copied)


@pytest.mark.parametrize(("create", "last", "rows"), [(KEYED, "'z'", 3), ("CREATE TABLE t(k UNIQUE, v)", "NULL", 2)])
def test_skip_identical_refuses_different_rows(bench: Bench, create: str, last: str, rows: int) -> None:
    """The copy does not rely on the preflight, and it restores the text factory.

    If a row has no key, so that its rowid identifies it, the rowids of the other rows still do not count.
    """
    bench.database(TARGET, create)
    bench.database("a.db", create, f"INSERT INTO t VALUES('x', 0.0), ('y', 1), ({last}, 2)")
    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))
    copied.con.execute("UPDATE t SET v = -0.0 WHERE k = 'x'")
    mapping, alias = copied.copied_tables[0].mapping, copied.rows("PRAGMA database_list")[-1][1]

    with pytest.raises(ProblemError) as caught:
        copy_rows(copied.con, mapping, source_digest(copied.con, mapping, alias), alias)

    [problem] = caught.value.problems
    assert (problem.id, problem.subject) == ("rows-differ", "a.db:t")
    assert numbers_in(problem.what) == [1, rows]
    assert copied.rows("SELECT k FROM t WHERE v < 2 ORDER BY v") == [("x",), ("y",)]


def test_skip_identical_ignores_rowids_of_rows_with_key(bench: Bench) -> None:
    """Only the row without a key is identified by its rowid."""
    bench.database(TARGET, "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t(rowid, k, v) VALUES(5, 'x', 1)")
    bench.database("a.db", "CREATE TABLE t(k UNIQUE, v)", "INSERT INTO t VALUES('x', 1), (NULL, 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))

    assert last_counts(copied) == (2, 1, 1, 0)
    assert rows_are_exact(copied)


def test_skip_identical_compares_renamed_columns(bench: Bench) -> None:
    """The columns have another order in the target, and the source declares no key."""
    bench.database(TARGET, "CREATE TABLE t(k TEXT PRIMARY KEY, a)", "INSERT INTO t VALUES('x', 1)")
    bench.database("a.db", "CREATE TABLE t(k TEXT, z)", "INSERT INTO t(rowid, k, z) VALUES(7, 'x', 1), (8, 'y', 2)")

    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical", columns={"z": "a"})))

    assert last_counts(copied) == (2, 1, 1, 0)
    assert rows_are_exact(copied)


def test_existing_digest_omits_rowids_that_do_not_count(bench: Bench) -> None:
    """Only the target's table has no key."""
    bench.database(TARGET, "CREATE TABLE t(k, v)", "INSERT INTO t(rowid, k) VALUES(7, 'a')")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('x', 1)")

    copied = bench.copied(source("a.db", "t"))

    assert rows_are_exact(copied)


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        ("refuse", []),
        ("skip-identical", [["'A'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
        ("prefer-target", [["'A'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
        ("prefer-source", [["'a'", "1"], ["CAST(x'ff' AS TEXT)", "2"]]),
    ],
)
def test_conflicting_keys_are_sql_literals(bench: Bench, policy: str, keys: list[list[str]]) -> None:
    """They are the keys of skipped source rows or of replaced target rows.

    The text factory of the connection is restored.
    """
    create = "CREATE TABLE t(k COLLATE NOCASE, n, v, PRIMARY KEY(k, n))"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('A', 1, 5), (CAST(x'ff' AS TEXT), 2, 6), ('new', 3, 7)")
    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))
    copied.con.execute("DELETE FROM t WHERE k = 'new'")
    copied.con.execute("UPDATE t SET k = 'a' WHERE n = 1")
    mapping, alias = copied.copied_tables[0].mapping, copied.rows("PRAGMA database_list")[-1][1]

    assert [conflict.key for conflict in resolved_conflicts(copied.con, mapping, alias)] == keys
    assert copied.rows("SELECT k FROM t WHERE n = 1") == [("a",)]


@pytest.mark.parametrize(
    ("policy", "conflicts"),
    [
        ("prefer-target", [("'same'", True), ("'type'", False), ("'zero'", False)]),
        ("prefer-source", [("'same'", True), ("'type'", False), ("'zero'", False)]),
    ],
)
def test_conflicts_tell_identical_rows_from_different_rows(
    bench: Bench, policy: str, conflicts: list[tuple[str, bool]]
) -> None:
    """SQL takes 1 for 1.0 and -0.0 for 0.0, and they are different values."""
    bench.database(TARGET, KEYED, "INSERT INTO t VALUES('same', x'00'), ('type', 1), ('zero', 0.0)")
    bench.database("a.db", KEYED, "INSERT INTO t VALUES('same', x'00'), ('type', 1.0), ('zero', -0.0)")
    inspected = bench.survey(source("a.db", table("t", on_conflict=policy)))
    assert inspected.target is not None
    con = inspected.target.write_lock.acquire_exclusive()

    with attached(con, bench.root / "a.db", "a") as alias:
        resolved = list(resolved_conflicts(con, inspected.mappings[0], alias))

    assert resolved == [ResolvedConflict([key], is_identical) for key, is_identical in conflicts]


def test_rows_are_compared_by_bytes_of_invalid_text(bench: Bench) -> None:
    """One row is equal, and one differs in a byte that is not UTF-8."""
    bench.database(TARGET, KEYED)
    rows = "INSERT INTO t VALUES('x', CAST(x'ff' AS TEXT)), ('y', CAST(x'fe' AS TEXT))"
    bench.database("a.db", KEYED, rows)
    copied = bench.copied(source("a.db", table("t", on_conflict="skip-identical")))
    mapping, alias = copied.copied_tables[0].mapping, copied.rows("PRAGMA database_list")[-1][1]
    digest = source_digest(copied.con, mapping, alias)
    assert copy_rows(copied.con, mapping, digest, alias).skipped == 2

    copied.con.execute("UPDATE t SET v = CAST(x'fd' AS TEXT) WHERE k = 'y'")

    with pytest.raises(ProblemError) as caught:
        copy_rows(copied.con, mapping, digest, alias)
    [problem] = caught.value.problems
    assert (problem.id, problem.subject, numbers_in(problem.what)) == ("rows-differ", "a.db:t", [1, 2])


def colliding(bench: Bench, clause: str) -> Copied:
    """Copy a row into a table that has got a row with the same key since the preflight."""
    create = f"CREATE TABLE t(k TEXT UNIQUE ON CONFLICT {clause}, v)"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('x', 'new')")
    inspected = bench.survey(source("a.db", "t"))
    assert inspected.problems == []
    assert inspected.target is not None
    copied = Copied(inspected.target.write_lock.acquire_exclusive(), bench.plan(source("a.db", "t")), inspected)
    copied.con.execute("INSERT INTO t VALUES('x', 'old')")
    copied.digests_before["t"] = existing_rows_digest(copied.con, inspected.mappings[0])
    with attached(copied.con, bench.root / "a.db", "a") as alias:
        digest = source_digest(copied.con, inspected.mappings[0], alias)
        copied.copied_tables.append(copy_rows(copied.con, inspected.mappings[0], digest, alias))
    return copied


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE"])
def test_comparison_fails_when_clause_drops_a_row(bench: Bench, clause: str) -> None:
    """SQLite reports no error, but the comparison does."""
    copied = colliding(bench, clause)

    assert failed_subjects(compare.rows_counted(copied.compared)) != []
    assert failed_subjects(compare.rows_exact(copied.compared)) == ["t <- a.db:t"]


@pytest.mark.parametrize(("clause", "is_rolled_back"), [("ROLLBACK", True), ("ABORT", False), ("FAIL", False)])
def test_refused_row_is_reported_with_its_mapping(bench: Bench, clause: str, *, is_rolled_back: bool) -> None:
    """An ON CONFLICT ROLLBACK ends the whole transaction."""
    with pytest.raises(ProblemError) as caught:
        colliding(bench, clause)

    [problem] = caught.value.problems
    assert (problem.id, problem.subject) == ("row-refused", "a.db:t")
    assert "UNIQUE constraint failed: t.k" in problem.what
    assert ("ON CONFLICT ROLLBACK" in problem.what) == is_rolled_back


def test_row_that_an_expression_refuses_is_reported(bench: Bench) -> None:
    """The target has got an index since the preflight, and SQLite's error names no table."""
    create = "CREATE TABLE t(k TEXT UNIQUE, v)"
    bench.database(TARGET, create)
    bench.database("a.db", create, "INSERT INTO t VALUES('x', 'nojson')")
    inspected = bench.survey(source("a.db", "t"))
    assert inspected.target is not None
    con = inspected.target.write_lock.acquire_exclusive()
    con.execute("CREATE INDEX i ON t(json_extract(v, '$'))")

    with attached(con, bench.root / "a.db", "a") as alias:
        digest = source_digest(con, inspected.mappings[0], alias)
        with pytest.raises(ProblemError) as caught:
            copy_rows(con, inspected.mappings[0], digest, alias)

    [problem] = caught.value.problems
    assert (problem.id, problem.subject) == ("row-refused", "a.db:t")
    assert "malformed JSON" in problem.what

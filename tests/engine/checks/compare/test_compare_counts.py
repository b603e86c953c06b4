"""Specify the numbers in the observations of each comparison."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure
from sqlite_consolidate.engine.checks.comparison.row_matching import RowMatch
from sqlite_consolidate.row_differences import RowDifferences
from tests.support.databases import TARGET, Bench, Copied, source, table
from tests.support.rows.comparisons import all_comparisons, observation_facts, observation_lines


@pytest.mark.parametrize(
    ("policy", "skipped", "replaced", "arrived"),
    [("prefer-target", 1, 0, 1), ("prefer-source", 0, 1, 2)],
)
def test_rows_that_a_policy_settled(bench: Bench, policy: str, skipped: int, replaced: int, arrived: int) -> None:
    """The observation counts skipped and replaced rows beside the copied ones."""
    bench.database(TARGET, "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1)")
    bench.database("a.db", "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1), (2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert observation_facts(compare.rows_counted(copied.compared)) == [
        ("a.db:t -> t", [2, skipped, replaced], [arrived], "passed"),
        ("target: t", [2], [2], "passed"),
    ]


def test_a_table_that_two_sources_bring_is_compared_once(bench: Bench) -> None:
    """The subject names both sources, and a key of two columns names both columns."""
    create = "CREATE TABLE t(a INT, b TEXT NOT NULL DEFAULT 'x', PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID"
    for file, row in (("a.db", "(1, 'x')"), ("b.db", "(1, 'y')")):
        bench.database(file, create, f"INSERT INTO t VALUES{row}")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))
    observations = all_comparisons(copied)

    shape = "2 columns: a INT NOT NULL key 1, b TEXT NOT NULL key 2 default 'x', STRICT, WITHOUT ROWID"
    assert observation_lines(observations["tables_created"]) == [f"t | {shape} | {shape} | passed"]
    assert observation_facts(observations["rows_exact"]) == [("t <- a.db:t, b.db:t", [2], [2], "passed")]
    assert observation_facts(observations["no_duplicates"]) == [("t (a, b)", [0], [0], "passed")]
    assert observation_facts(observations["rows_counted"])[-1] == ("target: t", [2], [2], "passed")


def test_orphans_are_counted_under_the_names_of_the_target(bench: Bench) -> None:
    """Orphans of the target and of each source are added up, each row once.

    Names are compared without case.
    """
    child = "CREATE TABLE child(id PRIMARY KEY, parent REFERENCES Parents(id), other REFERENCES PARENTS(id))"
    rows = "INSERT INTO child VALUES(1, 0, 0), (2, 0, NULL)"
    bench.database(TARGET, "CREATE TABLE Parents(id PRIMARY KEY)", child, rows)
    bench.database("a.db", child.replace("child", "Kids"), "INSERT INTO Kids VALUES(3, 0, NULL)")
    bench.database("b.db", child, "INSERT INTO child VALUES(4, 0, NULL), (5, 0, NULL)")

    copied = bench.copied(source("a.db", table("Kids", into="child")), source("b.db", "child"))

    assert observation_facts(compare.foreign_keys(copied.compared)) == [("child -> PARENTS", [5], [5], "passed")]


def test_the_larger_mark_of_both_sides(bench: Bench) -> None:
    """A table that has lost all its rows continues after its largest id."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)"
    bench.database(TARGET, create, "INSERT INTO t VALUES(9)", "DELETE FROM t")
    empty, new = (create.replace(" t(", f" {name}(") for name in ("empty", "new"))
    bench.database(
        "a.db", create, "INSERT INTO t VALUES(3)", empty, "INSERT INTO empty VALUES(4)", "DELETE FROM empty", new
    )

    copied = bench.copied(source("a.db", "t", "empty", "new"))

    assert observation_facts(compare.marks_carried(copied.compared)) == [
        ("t: AUTOINCREMENT", [9], [9], "passed"),
        ("empty: AUTOINCREMENT", [4], [4], "passed"),
        ("new: AUTOINCREMENT", [0], [0], "passed"),
    ]


@pytest.mark.parametrize(("target_tables", "before", "objects"), [(["CREATE TABLE own(v)"], 8192, 3), ([], 0, 2)])
def test_the_size_that_is_allowed(bench: Bench, target_tables: list[str], before: int, objects: int) -> None:
    """The limit is the size before, twice the sources, and 64 KiB for each object.

    64 more objects are allowed.
    """
    if target_tables:
        bench.database(TARGET, *target_tables)
    bench.database("a.db", "CREATE TABLE t(k UNIQUE, v)")
    copied = bench.copied(source("a.db", "t"))

    limit = before + 2 * 12288 + (64 + objects) * 65536
    expected = [limit, before, 12288]
    assert [
        *observation_facts(compare.size_reasonable(limit, copied.inspected)),
        *observation_facts(compare.size_reasonable(limit + 1, copied.inspected)),
    ] == [("target", expected, [limit], "passed"), ("target", expected, [limit + 1], "failed")]


LOST = RowDifferences(missing=1, changed=1)


@pytest.mark.parametrize(
    ("arrival", "counts", "counted", "numbers", "exact"),
    [
        (RowMatch(3, 3, 0, 0, 0), [3], "passed", [3, 0, 0], "passed"),
        (RowMatch(3, 1, 1, 1, 0, differences=LOST), [2, 1], "failed", [1, 1, 1], "failed"),
        (
            RowMatch(3, 1, 2, 0, 0, differing=("a",), differences=RowDifferences(changed=2)),
            [3],
            "passed",
            [1, 2, 0],
            "passed",
        ),
        (
            RowMatch(3, 0, 3, 0, 0, differing=("a", "b"), differences=RowDifferences(changed=3)),
            [3],
            "passed",
            [0, 3, 0],
            "failed",
        ),
        (RowMatch(3, 0, 3, 0, 0, swapped=(("a", "b"),)), [3], "passed", [0, 3, 0], "failed"),
        (RowMatch(3, 0, 3, 0, 0, retyped=("b",)), [3], "passed", [0, 3, 0], "failed"),
        (RowMatch(3, 3, 0, 0, 0, renumbered=2), [3], "passed", [3, 0, 0, 2], "failed"),
    ],
)
def test_arrived_rows_are_counted_and_compared(
    copied: Copied, arrival: RowMatch, counts: list[int], counted: str, numbers: list[int], exact: str
) -> None:
    """Rows that were changed since are no failure if another tool made the target.

    The observation names the rows that differ.
    """
    compared = replace(copied.compared, copied=(), row_matches=[(copied.inspected.mappings[1], arrival)])

    (count,), (rows,) = compare.rows_counted(compared), compare.rows_exact(compared)

    assert observation_facts([count, rows]) == [
        ("a.db:tasks -> tasks", [3], counts, counted),
        ("a.db:tasks -> tasks", [3], numbers, exact),
    ]
    assert count.rows is None
    assert rows.rows == (arrival.differences if arrival.differences.number else None)


@pytest.mark.parametrize(("doubled", "outcome"), [(0, "passed"), (2, "failed")])
def test_rows_that_arrived_twice_are_counted(copied: Copied, doubled: int, outcome: str) -> None:
    """Beside the keys, each of which is there once."""
    arrivals = [(copied.inspected.mappings[1], RowMatch(3, 3, 0, 0, doubled))]

    unique = compare.no_duplicates(replace(copied.compared, copied=(), row_matches=arrivals))

    assert observation_facts(unique)[0] == ("a.db:tasks -> tasks", [0], [doubled], outcome)


def test_difference_is_explained_by_the_rows_of_its_table(copied: Copied) -> None:
    """Of each table that differs, and of no other."""
    compared = replace(copied.compared, explain=lambda name: RowDifferences(note=name))
    copied.con.execute("DELETE FROM log WHERE rowid = 1")
    copied.con.execute("DELETE FROM own WHERE id = 1")

    observations = [
        observation
        for criterion in (
            compare.rows_counted,
            compare.rows_exact,
            compare.no_duplicates,
            compare_neighbours.neighbours,
        )
        for observation in criterion(compared)
    ]

    notes = {observation.subject: observation.rows.note for observation in observations if observation.rows}
    assert notes == {"target: log": "log", "log <- a.db:log": "log", "log (no key declared)": "log", "own": "own"}


def test_neighbour_with_its_rows_is_not_explained(copied: Copied) -> None:
    """An index is no row."""
    copied.con.execute("DROP INDEX own_v")

    observation, *_ = compare_neighbours.neighbours(
        replace(copied.compared, explain=lambda name: RowDifferences(note=name))
    )

    assert (observation.subject, observation.holds, observation.rows) == ("own", False, None)


def test_digest_that_changed_after_commit_is_explained(copied: Copied) -> None:
    """By the rows of that table."""
    before = {"log": copied.digests_before["log"], "tasks": copied.digests_before["log"]}
    after = before | {"tasks": copied.copied_tables[0].change}

    log, tasks = compare.final(after, before, lambda name: RowDifferences(note=name))

    assert (log.holds, log.rows, tasks.holds, tasks.rows) == (True, None, False, RowDifferences(note="tasks"))


def test_rows_that_may_be_renumbered_are_digested_without_rowid(bench: Bench) -> None:
    """Though no key tells them apart."""
    bench.database(TARGET, "CREATE TABLE t(n)", "INSERT INTO t VALUES(1)")
    bench.database("a.db", "CREATE TABLE t(n)", "INSERT INTO t VALUES(1), (2)")
    copied = bench.copied(source("a.db", table("t", rowids="renumber")))
    copied.con.execute("UPDATE t SET rowid = rowid + 10")

    assert observation_facts(compare.rows_exact(copied.compared)) == [("t <- a.db:t", [3], [3], "passed")]


def test_absence_of_orphans_is_examined_in_each_table(copied: Copied) -> None:
    """The observation stands for all of them."""
    (none,) = compare.foreign_keys(copied.compared)

    assert none.examined == len(copied.schema.tables)


@pytest.mark.parametrize(
    ("changes", "rows", "others", "outcome"),
    [
        (["UPDATE own SET v = 'c' WHERE id = 2"], 2, "", "passed"),
        (["DELETE FROM own WHERE id = 2"], 1, "", "passed"),
        (["DROP INDEX own_v", "ALTER TABLE own ADD COLUMN more"], 2, "columns, own_v", "failed"),
    ],
)
def test_neighbour_may_have_other_rows_since(
    copied: Copied, changes: list[str], rows: int, others: str, outcome: str
) -> None:
    """Its application goes on, and keeps to the schema."""
    for change in changes:
        copied.con.execute(change)

    observation, *_ = compare_neighbours.neighbours(replace(copied.compared, changed_since=True))

    assert observation_facts([observation]) == [("own", [2], [rows], outcome)]
    assert observation.observed.partition("other: ")[2] == others
    assert observation.changed_since is True


@pytest.mark.parametrize(
    ("change", "outcome"),
    [("CREATE INDEX more ON own(v, id)", "passed"), ("DROP INDEX own_v", "failed")],
)
def test_neighbour_with_its_rows_may_have_more_indexes_since(copied: Copied, change: str, outcome: str) -> None:
    """It is not changed then."""
    copied.con.execute(change)

    observation, *_ = compare_neighbours.neighbours(replace(copied.compared, changed_since=True))

    assert observation_facts([observation]) == [("own", [2], [2], outcome)]
    assert observation.observed.partition("other: ")[2] == ("own_v" if outcome == "failed" else "")
    assert observation.changed_since is False


@pytest.mark.parametrize(("version", "outcome"), [(6, "failed"), (7, "passed"), (8, "passed")])
def test_user_version_may_rise_since(copied: Copied, version: int, outcome: str) -> None:
    """No other field of the header may change."""
    copied.con.execute(f"PRAGMA user_version={version}")
    copied.con.execute("PRAGMA application_id=8")

    _, *header = compare_neighbours.neighbours(replace(copied.compared, changed_since=True))

    assert observation_facts(header) == [
        ("target: user_version", [7], [version], outcome),
        ("target: application_id", [0], [8], "failed"),
        ("target: encoding", [8], [8], "passed"),
    ]


def test_new_target_has_the_user_version_of_its_source(bench: Bench) -> None:
    """The run creates the target."""
    bench.database("a.db", "PRAGMA user_version = 7", "CREATE TABLE t(k PRIMARY KEY)")

    compared = bench.copied(source("a.db", "t")).compared

    assert ("target: user_version", [7], [7], "passed") in observation_facts(
        compare_structure.schema_as_planned(compared)
    )

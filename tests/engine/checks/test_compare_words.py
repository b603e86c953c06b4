"""What each comparison says: it stands in the report as it is, for somebody who was not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks import compare
from sqlite_consolidate.engine.checks.arrivals import Arrival
from sqlite_consolidate.row_differences import RowDifferences
from tests.support.comparisons import consolidation, every, said
from tests.support.databases import TARGET, Bench, Copied, source, table

AS_OFTEN = "rows, equal ones as often as before"


@pytest.fixture
def copied(bench: Bench) -> Copied:
    """A consolidation, as it is before COMMIT."""
    return consolidation(bench)


def red(copied: Copied) -> list[str]:
    """Return what the comparisons say that do not hold."""
    return [line for seen in every(copied).values() for line in said(seen) if not line.endswith(" | passed")]


def test_a_faithful_copy(copied: Copied) -> None:
    """Each subject with what it had to be and what it is."""
    up, own_up = (f"CREATE TRIGGER {name}" for name in ("up AFTER UPDATE OF b ON tasks BEGIN SELECT 1; END", "own_up"))
    own_up += " AFTER INSERT ON own BEGIN UPDATE own SET v = 1 WHERE 0; END"
    own_seen, names = "CREATE VIEW own_seen AS SELECT v FROM own", "CREATE VIEW names AS SELECT name FROM people"
    by_a = "CREATE UNIQUE INDEX by_a ON tasks(a)"

    assert {name: said(seen) for name, seen in every(copied).items()} == {
        "tables_created": [
            "people | 1 column: name TEXT key 1 | 1 column: name TEXT key 1 | passed",
            "tasks | 4 columns: id INTEGER key 1, a, b, who | 4 columns: id INTEGER key 1, a, b, who | passed",
            "log | 1 column: what | 1 column: what | passed",
            "runs | 1 column: n | 1 column: n | passed",
        ],
        "indexes_created": [f"tasks: by_a | {by_a} | {by_a} | passed"],
        "schema_as_planned": ["target: tables | 5 | 5 | passed"],
        "rows_counted": [
            "a.db:people -> people | 1 row | 1 row arrived in SECONDS | passed",
            "a.db:tasks -> tasks | 3 rows | 3 rows arrived in SECONDS | passed",
            "a.db:log -> log | 2 rows | 2 rows arrived in SECONDS | passed",
            "target: people | 1 row | 1 row | passed",
            "target: tasks | 3 rows | 3 rows | passed",
            "target: log | 3 rows | 3 rows | passed",
        ],
        "rows_expected": ["a.db:tasks | 3 rows | 3 rows | passed"],
        "rows_exact": [
            "people <- a.db:people | 1 row, DIGEST | 1 row, DIGEST | passed",
            "tasks <- a.db:tasks | 3 rows, DIGEST | 3 rows, DIGEST | passed",
            "log <- a.db:log | 3 rows, DIGEST | 3 rows, DIGEST | passed",
        ],
        "no_duplicates": [
            "people (name) | 0 keys twice | 0 keys twice | passed",
            "tasks (id) | 0 keys twice | 0 keys twice | passed",
            "tasks (a) | 0 keys twice | 0 keys twice | passed",
            f"log (no key declared) | 3 {AS_OFTEN} | 3 {AS_OFTEN} | passed",
        ],
        "foreign_keys": ["target: foreign_key_check | 0 rows without a parent | 0 rows without a parent | passed"],
        "integrity": ["target: integrity_check | ok | ok | passed"],
        "neighbours": [
            "own | 2 rows, DIGEST | 2 rows, DIGEST | passed",
            "target: user_version | 7 | 7 | passed",
            "target: application_id | 0 | 0 | passed",
            "target: encoding | UTF-8 | UTF-8 | passed",
        ],
        "triggers_in_place": [
            f"trigger own_up | {own_up} | {own_up} | passed",
            f"trigger up | {up} | {up} | passed",
            f"view own_seen | {own_seen} | {own_seen} | passed",
            f"view names | {names} | {names} | passed",
        ],
        "marks_carried": [
            "own: AUTOINCREMENT | at least 2 | 2 | passed",
            "tasks: AUTOINCREMENT | at least 7 | 7 | passed",
        ],
    }


def test_a_plan_that_moves_nothing(bench: Bench) -> None:
    """Of each comparison it is said that there is nothing to compare; no criterion is left without evidence."""
    bench.database("a.db", "CREATE TABLE t(n)")

    copied = bench.copied(source("a.db"))

    assert {name: said(seen) for name, seen in every(copied).items() if name != "marks_carried"} == {
        "tables_created": ["plan | nothing demanded | no table is to be created or to receive rows | not required"],
        "indexes_created": ["target | nothing demanded | the plan creates no index | not required"],
        "schema_as_planned": ["target: tables | 0 | 0 | passed"],
        "rows_counted": ["target | nothing demanded | the sources bring no table | not required"],
        "rows_expected": ["plan | nothing demanded | the plan states no number of rows | not required"],
        "rows_exact": ["target | nothing demanded | the sources bring no table | not required"],
        "no_duplicates": ["target | nothing demanded | the sources bring no table | not required"],
        "foreign_keys": ["target: foreign_key_check | nothing demanded | the target has no table | not required"],
        "integrity": ["target: integrity_check | ok | ok | passed"],
        "neighbours": ["target | nothing demanded | there was no target before this run | not required"],
        "triggers_in_place": [
            "target | nothing demanded | neither the plan nor the target has a trigger or a view | not required"
        ],
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["DROP TABLE runs", "CREATE TABLE extra(n)", "CREATE TABLE more(n)"],
            [
                "runs | 1 column: n | no such table | failed",
                "target: tables | 5 | 6 | failed",
                "extra | not in the target | an unplanned table | failed",
                "more | not in the target | an unplanned table | failed",
                "runs | in the target | no such table | failed",
            ],
        ),
        (
            ["DROP INDEX by_a", "DROP INDEX own_v"],
            [
                "tasks: by_a | CREATE UNIQUE INDEX by_a ON tasks(a) | no such index on this table | failed",
                "own: indexes | [('own_v', 'CREATE INDEX own_v ON own(v)')] | [] | failed",
                "tasks: indexes | [('by_a', 'CREATE UNIQUE INDEX by_a ON tasks(a)')] | [] | failed",
                "own | 2 rows, DIGEST | 2 rows, DIGEST, with another statement or other indexes | failed",
            ],
        ),
        (
            ["ALTER TABLE own ADD COLUMN more", "DROP TABLE runs", "CREATE TABLE runs(n CHECK(n > 0))"],
            [
                "own | id INTEGER key 1, v | id INTEGER key 1, v, more | failed",
                "runs | CREATE TABLE runs(n) | CREATE TABLE runs(n CHECK(n > 0)) | failed",
                "own | 2 rows, DIGEST | 2 rows, DIGEST, with another statement or other indexes | failed",
            ],
        ),
        (
            [
                "DROP VIEW names",
                "CREATE VIEW more AS SELECT 1",
                "CREATE TRIGGER late AFTER INSERT ON log BEGIN SELECT 1; END",
            ],
            [
                "view names | CREATE VIEW names AS SELECT name FROM people | missing | failed",
                "trigger late | not in the target | an unplanned trigger | failed",
                "view more | not in the target | an unplanned view | failed",
            ],
        ),
        (
            [
                "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'tasks'",
                "DELETE FROM sqlite_sequence WHERE name = 'own'",
            ],
            [
                "own: AUTOINCREMENT | at least 2 | 0 | failed",
                "tasks: AUTOINCREMENT | at least 7 | 1 | failed",
            ],
        ),
        (
            ["UPDATE tasks SET who = 'y' WHERE id < 6", "DELETE FROM log WHERE rowid = 1"],
            [
                "target: log | 3 rows | 2 rows | failed",
                "tasks <- a.db:tasks | 3 rows, DIGEST | 3 rows, DIGEST | failed",
                "log <- a.db:log | 3 rows, DIGEST | 2 rows, DIGEST | failed",
                f"log (no key declared) | 3 {AS_OFTEN} | 2 {AS_OFTEN} | failed",
                "tasks -> people | at most 0 rows without a parent, as before | 2 rows without a parent | failed",
            ],
        ),
    ],
    ids=lambda words: words[0],
)
def test_each_difference_is_said_in_the_words_of_the_report(
    copied: Copied, changes: list[str], words: list[str]
) -> None:
    """What had to be there and what is there instead, of each that differs."""
    for change in changes:
        copied.con.execute(change)

    assert red(copied) == words


def test_a_table_that_is_gone_does_not_end_the_look(copied: Copied) -> None:
    """Those after it are compared all the same."""
    for change in ("DROP TABLE people", "DELETE FROM tasks WHERE id = 5", "DROP TABLE own"):
        copied.con.execute(change)

    exact = compare.rows_exact(copied.compared)
    unique = compare.no_duplicates(copied.compared)
    beside = compare.neighbours(copied.compared)

    assert said(exact) == [
        "people | in the target | no such table | failed",
        "tasks <- a.db:tasks | 3 rows, DIGEST | 2 rows, DIGEST | failed",
        "log <- a.db:log | 3 rows, DIGEST | 3 rows, DIGEST | passed",
    ]
    assert [one.subject for one in unique] == ["tasks (id)", "tasks (a)", "log (no key declared)"]
    assert said(beside)[0] == "own | 2 rows, DIGEST | no such table | failed"
    assert (exact[0].holds, beside[0].holds) == (False, False)


def test_the_run_s_own_table_is_nobody_s(copied: Copied) -> None:
    """The history is not in the plan, and is none of the target's."""
    copied.con.execute(f"CREATE TABLE {history.TABLE.upper()}(run)")

    assert red(copied) == []


@pytest.mark.parametrize(
    ("policy", "settled"),
    [
        ("prefer-target", "2 rows (1 not moved, 0 replaced, as the plan says) | 1 row arrived in SECONDS"),
        ("prefer-source", "2 rows (0 not moved, 1 replaced, as the plan says) | 2 rows arrived in SECONDS"),
    ],
)
def test_rows_that_a_policy_settled(bench: Bench, policy: str, settled: str) -> None:
    """They are counted beside those that arrived; the target has what both sides bring."""
    bench.database(TARGET, "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1)")
    bench.database("a.db", "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1), (2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert said(compare.rows_counted(copied.compared)) == [
        f"a.db:t -> t | {settled} | passed",
        "target: t | 2 rows | 2 rows | passed",
    ]


def test_a_table_that_two_sources_bring_is_compared_once(bench: Bench) -> None:
    """Under the names of both; a key of two columns is named by both as well."""
    create = "CREATE TABLE t(a INT, b TEXT NOT NULL DEFAULT 'x', PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID"
    for file, row in (("a.db", "(1, 'x')"), ("b.db", "(1, 'y')")):
        bench.database(file, create, f"INSERT INTO t VALUES{row}")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))
    seen = every(copied)

    shape = "2 columns: a INT NOT NULL key 1, b TEXT NOT NULL key 2 default 'x', STRICT, WITHOUT ROWID"
    assert said(seen["tables_created"]) == [f"t | {shape} | {shape} | passed"]
    assert said(seen["rows_exact"]) == ["t <- a.db:t, b.db:t | 2 rows, DIGEST | 2 rows, DIGEST | passed"]
    assert said(seen["no_duplicates"]) == ["t (a, b) | 0 keys twice | 0 keys twice | passed"]
    assert said(seen["rows_counted"])[-1] == "target: t | 2 rows | 2 rows | passed"


def test_orphans_are_counted_under_the_names_of_the_target(bench: Bench) -> None:
    """Those of the target and of each source are added up, however the parent is spelled; each row counts once."""
    child = "CREATE TABLE child(id PRIMARY KEY, parent REFERENCES Parents(id), other REFERENCES PARENTS(id))"
    rows = "INSERT INTO child VALUES(1, 0, 0), (2, 0, NULL)"
    bench.database(TARGET, "CREATE TABLE Parents(id PRIMARY KEY)", child, rows)
    bench.database("a.db", child.replace("child", "Kids"), "INSERT INTO Kids VALUES(3, 0, NULL)")
    bench.database("b.db", child, "INSERT INTO child VALUES(4, 0, NULL), (5, 0, NULL)")

    copied = bench.copied(source("a.db", table("Kids", into="child")), source("b.db", "child"))

    assert said(compare.foreign_keys(copied.compared)) == [
        "child -> PARENTS | at most 5 rows without a parent, as before | 5 rows without a parent | passed",
    ]


def test_the_larger_mark_of_both_sides(bench: Bench) -> None:
    """The target's ids had gone further; a table that has lost all its rows does not begin with its first id again."""
    create = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)"
    bench.database(TARGET, create, "INSERT INTO t VALUES(9)", "DELETE FROM t")
    empty, new = (create.replace(" t(", f" {name}(") for name in ("empty", "new"))
    bench.database(
        "a.db", create, "INSERT INTO t VALUES(3)", empty, "INSERT INTO empty VALUES(4)", "DELETE FROM empty", new
    )

    copied = bench.copied(source("a.db", "t", "empty", "new"))

    assert said(compare.marks_carried(copied.compared)) == [
        "t: AUTOINCREMENT | at least 9 | 9 | passed",
        "empty: AUTOINCREMENT | at least 4 | 4 | passed",
        "new: AUTOINCREMENT | at least 0 | 0 | passed",
    ]


@pytest.mark.parametrize(("own", "before", "objects"), [(["CREATE TABLE own(v)"], 8192, 3), ([], 0, 2)])
def test_the_size_that_is_allowed(bench: Bench, own: list[str], before: int, objects: int) -> None:
    """What was there, twice what came, and 65,536 bytes for each table and index, and for 64 more."""
    if own:
        bench.database(TARGET, *own)
    bench.database("a.db", "CREATE TABLE t(k UNIQUE, v)")
    copied = bench.copied(source("a.db", "t"))

    limit = before + 2 * 12288 + (64 + objects) * 65536
    words = f"target | at most {limit} bytes ({before} before, 12288 in the sources)"
    assert said(compare.size_reasonable(limit, copied.found)) == [f"{words} | {limit} bytes | passed"]
    assert said(compare.size_reasonable(limit + 1, copied.found)) == [f"{words} | {limit + 1} bytes | failed"]


LOST = RowDifferences(missing=1, changed=1)


@pytest.mark.parametrize(
    ("arrival", "counts", "exact"),
    [
        (Arrival(3, 3, 0, 0, 0), "3 rows arrived | passed", "3 rows exact; 0 changed; 0 not there | passed"),
        (
            Arrival(3, 1, 1, 1, 0, differences=LOST),
            "2 rows arrived, 1 did not (or was deleted since) | failed",
            "1 row exact; 1 changed; 1 not there | failed",
        ),
        (
            Arrival(3, 1, 2, 0, 0, differing=("a",), differences=RowDifferences(changed=2)),
            "3 rows arrived | passed",
            "1 row exact; 2 changed; 0 not there | passed",
        ),
        (
            Arrival(3, 0, 3, 0, 0, differing=("a", "b"), differences=RowDifferences(changed=3)),
            "3 rows arrived | passed",
            (
                "0 rows exact; 3 changed; 0 not there; every row differs, in a, b: copied wrongly, or all changed since"
                " | failed"
            ),
        ),
        (
            Arrival(3, 0, 3, 0, 0, swapped=(("a", "b"),)),
            "3 rows arrived | passed",
            "0 rows exact; 3 changed; 0 not there; columns a and b have changed places | failed",
        ),
        (
            Arrival(3, 0, 3, 0, 0, retyped=("b",)),
            "3 rows arrived | passed",
            "0 rows exact; 3 changed; 0 not there; column b has values of another type | failed",
        ),
        (
            Arrival(3, 3, 0, 0, 0, renumbered=2),
            "3 rows arrived | passed",
            (
                "3 rows exact; 0 changed; 0 not there; 2 have another rowid, which is all that tells them from others"
                " | failed"
            ),
        ),
    ],
)
def test_arrived_rows_are_counted_and_compared(copied: Copied, arrival: Arrival, counts: str, exact: str) -> None:
    """Of a consolidation that others made, what was changed since is no fault; the rows that differ are named."""
    compared = replace(copied.compared, done=(), arrivals=[(copied.found.moves[1], arrival)])

    (count,), (rows,) = compare.rows_counted(compared), compare.rows_exact(compared)

    assert said([count]) == [f"a.db:tasks -> tasks | 3 rows arrived | {counts}"]
    assert said([rows]) == [f"a.db:tasks -> tasks | 3 rows exact, but for those changed since | {exact}"]
    assert count.rows is None
    assert rows.rows == (arrival.differences if arrival.differences.number else None)


@pytest.mark.parametrize(("doubled", "outcome"), [(0, "passed"), (2, "failed")])
def test_rows_that_arrived_twice_are_counted(copied: Copied, doubled: int, outcome: str) -> None:
    """Beside the keys, each of which is there once."""
    arrivals = [(copied.found.moves[1], Arrival(3, 3, 0, 0, doubled))]

    unique = compare.no_duplicates(replace(copied.compared, done=(), arrivals=arrivals))

    assert said(unique)[0] == f"a.db:tasks -> tasks | 0 rows doubled | {doubled} rows doubled | {outcome}"


def test_difference_is_explained_by_the_rows_of_its_table(copied: Copied) -> None:
    """Of each table that differs, and of no other."""
    compared = replace(copied.compared, explain=lambda name: RowDifferences(note=name))
    copied.con.execute("DELETE FROM log WHERE rowid = 1")
    copied.con.execute("DELETE FROM own WHERE id = 1")

    observations = [
        observation
        for criterion in (compare.rows_counted, compare.rows_exact, compare.no_duplicates, compare.neighbours)
        for observation in criterion(compared)
    ]

    notes = {observation.subject: observation.rows.note for observation in observations if observation.rows}
    assert notes == {"target: log": "log", "log <- a.db:log": "log", "log (no key declared)": "log", "own": "own"}


def test_neighbour_with_its_rows_is_not_explained(copied: Copied) -> None:
    """An index is no row."""
    copied.con.execute("DROP INDEX own_v")

    own, *_ = compare.neighbours(replace(copied.compared, explain=lambda name: RowDifferences(note=name)))

    assert (own.subject, own.holds, own.rows) == ("own", False, None)


def test_digest_that_changed_after_commit_is_explained(copied: Copied) -> None:
    """By the rows of that table."""
    before = {"log": copied.own["log"], "tasks": copied.own["log"]}
    after = before | {"tasks": copied.done[0].change}

    log, tasks = compare.final(after, before, lambda name: RowDifferences(note=name))

    assert (log.holds, log.rows, tasks.holds, tasks.rows) == (True, None, False, RowDifferences(note="tasks"))


def test_rows_that_may_be_renumbered_are_digested_without_rowid(bench: Bench) -> None:
    """Though no key tells them apart."""
    bench.database(TARGET, "CREATE TABLE t(n)", "INSERT INTO t VALUES(1)")
    bench.database("a.db", "CREATE TABLE t(n)", "INSERT INTO t VALUES(1), (2)")
    copied = bench.copied(source("a.db", table("t", rowids="renumber")))
    copied.con.execute("UPDATE t SET rowid = rowid + 10")

    assert said(compare.rows_exact(copied.compared)) == ["t <- a.db:t | 3 rows, DIGEST | 3 rows, DIGEST | passed"]


def test_absence_of_orphans_is_examined_in_each_table(copied: Copied) -> None:
    """The observation stands for all of them."""
    (none,) = compare.foreign_keys(copied.compared)

    assert none.examined == len(copied.schema.tables)


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        (["UPDATE own SET v = 'c' WHERE id = 2"], "2 rows, changed since | passed"),
        (["DELETE FROM own WHERE id = 2"], "1 row, changed since | passed"),
        (
            ["DROP INDEX own_v", "ALTER TABLE own ADD COLUMN more"],
            "2 rows, changed since, other: columns, own_v | failed",
        ),
    ],
)
def test_neighbour_may_have_other_rows_since(copied: Copied, changes: list[str], observed: str) -> None:
    """Its application goes on, and keeps to the schema."""
    for change in changes:
        copied.con.execute(change)

    own, *_ = compare.neighbours(replace(copied.compared, changed_since=True))

    assert said([own]) == [f"own | 2 rows, or changed since by its application | {observed}"]
    assert own.changed_since is True


@pytest.mark.parametrize(
    ("change", "observed"),
    [("CREATE INDEX more ON own(v, id)", "passed"), ("DROP INDEX own_v", "failed")],
)
def test_neighbour_with_its_rows_may_have_more_indexes_since(copied: Copied, change: str, observed: str) -> None:
    """It is not changed then."""
    copied.con.execute(change)

    own, *_ = compare.neighbours(replace(copied.compared, changed_since=True))

    other = ", other: own_v" if observed == "failed" else ""
    assert said([own]) == [f"own | 2 rows, DIGEST | 2 rows, DIGEST{other} | {observed}"]
    assert own.changed_since is False


@pytest.mark.parametrize(("version", "outcome"), [(6, "failed"), (7, "passed"), (8, "passed")])
def test_user_version_may_rise_since(copied: Copied, version: int, outcome: str) -> None:
    """No other field of the header may change."""
    copied.con.execute(f"PRAGMA user_version={version}")
    copied.con.execute("PRAGMA application_id=8")

    _, *header = compare.neighbours(replace(copied.compared, changed_since=True))

    assert said(header) == [
        f"target: user_version | at least 7 | {version} | {outcome}",
        "target: application_id | 0 | 8 | failed",
        "target: encoding | UTF-8 | UTF-8 | passed",
    ]

"""What each comparison says: it stands in the report as it is, for somebody who was not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from migration.engine import compare, history
from tests.engine.comparisons import consolidation, every
from tests.engine.databases import TARGET, Bench, Copied, source, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.engine.observation import Observation


AS_OFTEN = "rows, equal ones as often as before"


@pytest.fixture
def copied(bench: Bench) -> Copied:
    """A consolidation, as it is before COMMIT."""
    return consolidation(bench)


def said(seen: Iterable[Observation]) -> list[str]:
    """Return subject, expected, observed and verdict of each; of digests and seconds only that they are there."""
    lines = [f"{one.subject} | {one.expected} | {one.observed} | {one.holds}" for one in seen]
    return [re.sub(r"[0-9a-f]{64}", "DIGEST", re.sub(r"\d+\.\d\d s", "SECONDS", line)) for line in lines]


def red(copied: Copied) -> list[str]:
    """Return what the comparisons say that do not hold."""
    return [line for seen in every(copied).values() for line in said(seen) if not line.endswith(" | True")]


def test_a_faithful_copy(copied: Copied) -> None:
    """Each subject with what it had to be and what it is."""
    up, own_up = (f"CREATE TRIGGER {name}" for name in ("up AFTER UPDATE OF b ON tasks BEGIN SELECT 1; END", "own_up"))
    own_up += " AFTER INSERT ON own BEGIN UPDATE own SET v = 1 WHERE 0; END"
    own_seen, names = "CREATE VIEW own_seen AS SELECT v FROM own", "CREATE VIEW names AS SELECT name FROM people"
    by_a = "CREATE UNIQUE INDEX by_a ON tasks(a)"

    assert {name: said(seen) for name, seen in every(copied).items()} == {
        "tables_created": [
            "people | 1 columns: name TEXT key 1 | 1 columns: name TEXT key 1 | True",
            "tasks | 4 columns: id INTEGER key 1, a, b, who | 4 columns: id INTEGER key 1, a, b, who | True",
            "log | 1 columns: what | 1 columns: what | True",
            "runs | 1 columns: n | 1 columns: n | True",
        ],
        "indexes_created": [f"tasks: by_a | {by_a} | {by_a} | True"],
        "schema_as_foretold": ["target: tables | 5 | 5 | True"],
        "rows_counted": [
            "a.db:people -> people | 1 rows | 1 rows arrived in SECONDS | True",
            "a.db:tasks -> tasks | 3 rows | 3 rows arrived in SECONDS | True",
            "a.db:log -> log | 2 rows | 2 rows arrived in SECONDS | True",
            "target: people | 1 rows | 1 rows | True",
            "target: tasks | 3 rows | 3 rows | True",
            "target: log | 3 rows | 3 rows | True",
        ],
        "rows_expected": ["a.db:tasks | 3 rows | 3 rows | True"],
        "rows_exact": [
            "people <- a.db:people | 1 rows, DIGEST | 1 rows, DIGEST | True",
            "tasks <- a.db:tasks | 3 rows, DIGEST | 3 rows, DIGEST | True",
            "log <- a.db:log | 3 rows, DIGEST | 3 rows, DIGEST | True",
        ],
        "no_duplicates": [
            "people (name) | 0 keys twice | 0 keys twice | True",
            "tasks (id) | 0 keys twice | 0 keys twice | True",
            "tasks (a) | 0 keys twice | 0 keys twice | True",
            f"log (no key declared) | 3 {AS_OFTEN} | 3 {AS_OFTEN} | True",
        ],
        "foreign_keys": ["target: foreign_key_check | 0 rows without a parent | 0 rows without a parent | True"],
        "integrity": ["target: integrity_check | ok | ok | True"],
        "neighbours": [
            "own | 2 rows, DIGEST | 2 rows, DIGEST | True",
            "target: user_version | 7 | 7 | True",
            "target: application_id | 0 | 0 | True",
            "target: encoding | UTF-8 | UTF-8 | True",
        ],
        "triggers_in_place": [
            f"trigger own_up | {own_up} | {own_up} | True",
            f"trigger up | {up} | {up} | True",
            f"view own_seen | {own_seen} | {own_seen} | True",
            f"view names | {names} | {names} | True",
        ],
        "marks_carried": ["own: AUTOINCREMENT | at least 2 | 2 | True", "tasks: AUTOINCREMENT | at least 7 | 7 | True"],
    }


def test_a_plan_that_moves_nothing(bench: Bench) -> None:
    """Of each comparison it is said that there is nothing to compare; no criterion is left without evidence."""
    bench.database("a.db", "CREATE TABLE t(n)")

    copied = bench.copied(source("a.db"))

    assert {name: said(seen) for name, seen in every(copied).items()} == {
        "tables_created": [],
        "indexes_created": ["target | the indexes of the plan | the plan has no index to create | True"],
        "schema_as_foretold": ["target: tables | 0 | 0 | True"],
        "rows_counted": [],
        "rows_expected": ["plan | the counts that the plan states | the plan states none | True"],
        "rows_exact": ["target | every row of the sources | the sources bring no table | True"],
        "no_duplicates": ["target | no row twice | the sources bring no table | True"],
        "foreign_keys": ["target: foreign_key_check | 0 rows without a parent | 0 rows without a parent | True"],
        "integrity": ["target: integrity_check | ok | ok | True"],
        "neighbours": ["target | unchanged tables | there was no target before this run | True"],
        "triggers_in_place": ["target | the planned triggers and views | there are none | True"],
        "marks_carried": ["target | no id given out again | no table has AUTOINCREMENT | True"],
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["DROP TABLE runs", "CREATE TABLE extra(n)", "CREATE TABLE more(n)"],
            [
                "runs | 1 columns: n | no such table | False",
                "target: tables | 5 | 6 | False",
                "extra | not in the target | an unplanned table | False",
                "more | not in the target | an unplanned table | False",
                "runs | in the target | no such table | False",
            ],
        ),
        (
            ["DROP INDEX by_a", "DROP INDEX own_v"],
            [
                "tasks: by_a | CREATE UNIQUE INDEX by_a ON tasks(a) | no such index on this table | False",
                "own: indexes | [('own_v', 'CREATE INDEX own_v ON own(v)')] | [] | False",
                "tasks: indexes | [('by_a', 'CREATE UNIQUE INDEX by_a ON tasks(a)')] | [] | False",
                "own | 2 rows, DIGEST | 2 rows, DIGEST, with another statement or other indexes | False",
            ],
        ),
        (
            ["ALTER TABLE own ADD COLUMN more", "DROP TABLE runs", "CREATE TABLE runs(n CHECK(n > 0))"],
            [
                "own | id INTEGER key 1, v | id INTEGER key 1, v, more | False",
                "runs | CREATE TABLE runs(n) | CREATE TABLE runs(n CHECK(n > 0)) | False",
                "own | 2 rows, DIGEST | 2 rows, DIGEST, with another statement or other indexes | False",
            ],
        ),
        (
            [
                "DROP VIEW names",
                "CREATE VIEW more AS SELECT 1",
                "CREATE TRIGGER late AFTER INSERT ON log BEGIN SELECT 1; END",
            ],
            [
                "view names | CREATE VIEW names AS SELECT name FROM people | missing | False",
                "trigger late | not in the target | an unplanned trigger | False",
                "view more | not in the target | an unplanned view | False",
            ],
        ),
        (
            [
                "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'tasks'",
                "DELETE FROM sqlite_sequence WHERE name = 'own'",
            ],
            [
                "own: AUTOINCREMENT | at least 2 | 0 | False",
                "tasks: AUTOINCREMENT | at least 7 | 1 | False",
            ],
        ),
        (
            ["UPDATE tasks SET who = 'y' WHERE id < 6", "DELETE FROM log WHERE rowid = 1"],
            [
                "target: log | 3 rows | 2 rows | False",
                "tasks <- a.db:tasks | 3 rows, DIGEST | 3 rows, DIGEST | False",
                "log <- a.db:log | 3 rows, DIGEST | 2 rows, DIGEST | False",
                f"log (no key declared) | 3 {AS_OFTEN} | 2 {AS_OFTEN} | False",
                "tasks -> people | at most 0 rows without a parent, as before | 2 rows without a parent | False",
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

    exact = compare.rows_exact(copied.con, copied.own, copied.done)
    unique = compare.no_duplicates(copied.con, copied.own, copied.done)
    beside = compare.neighbours(copied.con, copied.found)

    assert said(exact) == [
        "people | in the target | no such table | False",
        "tasks <- a.db:tasks | 3 rows, DIGEST | 2 rows, DIGEST | False",
        "log <- a.db:log | 3 rows, DIGEST | 3 rows, DIGEST | True",
    ]
    assert [one.subject for one in unique] == ["tasks (id)", "tasks (a)", "log (no key declared)"]
    assert said(beside)[0] == "own | 2 rows, DIGEST | 0 rows, DIGEST, with another statement or other indexes | False"


def test_the_run_s_own_table_is_nobody_s(copied: Copied) -> None:
    """The history is not in the plan, and is none of the target's."""
    copied.con.execute(f"CREATE TABLE {history.TABLE.upper()}(run)")

    assert red(copied) == []


@pytest.mark.parametrize(
    ("policy", "settled"),
    [
        ("prefer-target", "2 rows (1 not moved, 0 replaced, as the plan says) | 1 rows arrived in SECONDS"),
        ("prefer-source", "2 rows (0 not moved, 1 replaced, as the plan says) | 2 rows arrived in SECONDS"),
    ],
)
def test_rows_that_a_policy_settled(bench: Bench, policy: str, settled: str) -> None:
    """They are counted beside those that arrived; the target has what both sides bring."""
    bench.database(TARGET, "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1)")
    bench.database("a.db", "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1), (2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert said(compare.rows_counted(copied.con, copied.own, copied.done)) == [
        f"a.db:t -> t | {settled} | True",
        "target: t | 2 rows | 2 rows | True",
    ]


def test_a_table_that_two_sources_bring_is_compared_once(bench: Bench) -> None:
    """Under the names of both; a key of two columns is named by both as well."""
    create = "CREATE TABLE t(a INT, b TEXT NOT NULL DEFAULT 'x', PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID"
    for file, row in (("a.db", "(1, 'x')"), ("b.db", "(1, 'y')")):
        bench.database(file, create, f"INSERT INTO t VALUES{row}")

    copied = bench.copied(source("a.db", "t"), source("b.db", "t"))
    seen = every(copied)

    shape = "2 columns: a INT NOT NULL key 1, b TEXT NOT NULL key 2 default 'x', STRICT, WITHOUT ROWID"
    assert said(seen["tables_created"]) == [f"t | {shape} | {shape} | True"]
    assert said(seen["rows_exact"]) == ["t <- a.db:t, b.db:t | 2 rows, DIGEST | 2 rows, DIGEST | True"]
    assert said(seen["no_duplicates"]) == ["t (a, b) | 0 keys twice | 0 keys twice | True"]
    assert said(seen["rows_counted"])[-1] == "target: t | 2 rows | 2 rows | True"


def test_orphans_are_counted_under_the_names_of_the_target(bench: Bench) -> None:
    """Those of the target and of each source are added up, however the parent is spelled, and wherever it is."""
    child = "CREATE TABLE child(id PRIMARY KEY, parent REFERENCES Parents(id), other REFERENCES PARENTS(id))"
    rows = "INSERT INTO child VALUES(1, 0, 0), (2, 0, NULL)"
    bench.database(TARGET, "CREATE TABLE Parents(id PRIMARY KEY)", child, rows)
    bench.database("a.db", child.replace("child", "Kids"), "INSERT INTO Kids VALUES(3, 0, NULL)")
    bench.database("b.db", child, "INSERT INTO child VALUES(4, 0, NULL), (5, 0, NULL)")

    copied = bench.copied(source("a.db", table("Kids", into="child")), source("b.db", "child"))

    assert sorted(said(compare.foreign_keys(copied.con, copied.found))) == [
        "child -> PARENTS | at most 6 rows without a parent, as before | 1 rows without a parent | True",
        "child -> Parents | at most 6 rows without a parent, as before | 5 rows without a parent | True",
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

    assert said(compare.marks_carried(copied.con, copied.found)) == [
        "t: AUTOINCREMENT | at least 9 | 9 | True",
        "empty: AUTOINCREMENT | at least 4 | 4 | True",
        "new: AUTOINCREMENT | at least 0 | 0 | True",
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
    assert said(compare.size_reasonable(limit, copied.found)) == [f"{words} | {limit} bytes | True"]
    assert said(compare.size_reasonable(limit + 1, copied.found)) == [f"{words} | {limit + 1} bytes | False"]

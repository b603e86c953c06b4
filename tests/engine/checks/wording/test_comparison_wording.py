"""Hold the sentences of each comparison, as the report shows them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure
from sqlite_consolidate.engine.checks.comparison.row_matching import RowMatch
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.plan.model import RequiredTable
from tests.support.databases import TARGET, Bench, Copied, source, table
from tests.support.missing.kinds import TABLES
from tests.support.rows.comparisons import all_comparisons, observation_lines

if TYPE_CHECKING:
    from pathlib import Path

AS_OFTEN = "rows, equal ones as often as before"


def red(copied: Copied) -> list[str]:
    """Return what the comparisons say that do not hold."""
    return [
        line
        for observations in all_comparisons(copied).values()
        for line in observation_lines(observations)
        if not line.endswith(" | passed")
    ]


_UP = "CREATE TRIGGER up AFTER UPDATE OF b ON tasks BEGIN SELECT 1; END"
_OWN_UP = "CREATE TRIGGER own_up AFTER INSERT ON own BEGIN UPDATE own SET v = 1 WHERE 0; END"
_OWN_SEEN = "CREATE VIEW own_seen AS SELECT v FROM own"
_NAMES = "CREATE VIEW names AS SELECT name FROM people"
_BY_A = "CREATE UNIQUE INDEX by_a ON tasks(a)"
FAITHFUL = {
    "tables_created": [
        "people | 1 column: name TEXT key 1 | 1 column: name TEXT key 1 | passed",
        "tasks | 4 columns: id INTEGER key 1, a, b, who | 4 columns: id INTEGER key 1, a, b, who | passed",
        "log | 1 column: what | 1 column: what | passed",
        "runs | 1 column: n | 1 column: n | passed",
    ],
    "indexes_created": [f"tasks: by_a | {_BY_A} | {_BY_A} | passed"],
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
        "people (name) | 0 repeated keys | 0 repeated keys | passed",
        "tasks (id) | 0 repeated keys | 0 repeated keys | passed",
        "tasks (a) | 0 repeated keys | 0 repeated keys | passed",
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
        f"trigger own_up | {_OWN_UP} | {_OWN_UP} | passed",
        f"trigger up | {_UP} | {_UP} | passed",
        f"view own_seen | {_OWN_SEEN} | {_OWN_SEEN} | passed",
        f"view names | {_NAMES} | {_NAMES} | passed",
    ],
    "marks_carried": [
        "own: AUTOINCREMENT | at least 2 | 2 | passed",
        "tasks: AUTOINCREMENT | at least 7 | 7 | passed",
    ],
}


def test_a_faithful_copy(copied: Copied) -> None:
    """Each subject with what it had to be and what it is."""
    assert {name: observation_lines(observations) for name, observations in all_comparisons(copied).items()} == FAITHFUL


def test_a_plan_that_moves_nothing(bench: Bench) -> None:
    """Each comparison states that it has nothing to compare."""
    bench.database("a.db", "CREATE TABLE t(n)")

    copied = bench.copied(source("a.db"))

    assert {
        name: observation_lines(observations)
        for name, observations in all_comparisons(copied).items()
        if name != "marks_carried"
    } == {
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
def test_each_difference_has_the_report_sentence(copied: Copied, changes: list[str], words: list[str]) -> None:
    """Each observation has the expected and the present state."""
    for change in changes:
        copied.con.execute(change)

    assert red(copied) == words


def test_missing_table_does_not_end_the_comparison(copied: Copied) -> None:
    """Those after it are compared all the same."""
    for change in ("DROP TABLE people", "DELETE FROM tasks WHERE id = 5", "DROP TABLE own"):
        copied.con.execute(change)

    exact = compare.rows_exact(copied.compared)
    unique = compare.no_duplicates(copied.compared)
    beside = compare_neighbours.neighbours(copied.compared)

    assert observation_lines(exact) == [
        "people | in the target | no such table | failed",
        "tasks <- a.db:tasks | 3 rows, DIGEST | 2 rows, DIGEST | failed",
        "log <- a.db:log | 3 rows, DIGEST | 3 rows, DIGEST | passed",
    ]
    assert [observation.subject for observation in unique] == ["tasks (id)", "tasks (a)", "log (no key declared)"]
    assert observation_lines(beside)[0] == "own | 2 rows, DIGEST | no such table | failed"
    assert (exact[0].holds, beside[0].holds) == (False, False)


def test_history_table_is_not_compared(copied: Copied) -> None:
    """The history table belongs neither to the plan nor to the target."""
    copied.con.execute(f"CREATE TABLE {history.TABLE.upper()}(run)")

    assert red(copied) == []


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (
            "prefer-target",
            ("a.db:t -> t | 2 rows (1 not moved, 0 replaced, as the plan says) | 1 row arrived in SECONDS | passed"),
        ),
        (
            "prefer-source",
            ("a.db:t -> t | 2 rows (0 not moved, 1 replaced, as the plan says) | 2 rows arrived in SECONDS | passed"),
        ),
    ],
)
def test_policy_has_its_counts(bench: Bench, policy: str, sentence: str) -> None:
    """Rows that were skipped or replaced are counted beside the copied ones."""
    bench.database(TARGET, "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1)")
    bench.database("a.db", "CREATE TABLE t(k PRIMARY KEY)", "INSERT INTO t VALUES(1), (2)")

    copied = bench.copied(source("a.db", table("t", on_conflict=policy)))

    assert observation_lines(compare.rows_counted(copied.compared)[:1]) == [sentence]


@pytest.mark.parametrize(
    ("arrival", "observed"),
    [
        (RowMatch(3, 1, 1, 1, 0), "1 row exact; 1 changed; 1 missing"),
        (
            RowMatch(3, 0, 3, 0, 0, differing=("a", "b")),
            ("0 rows exact; 3 changed; 0 missing; every row differs, in a, b: copied wrongly, or all changed since"),
        ),
        (
            RowMatch(3, 0, 3, 0, 0, swapped=(("a", "b"),)),
            "0 rows exact; 3 changed; 0 missing; columns a and b have changed places",
        ),
        (
            RowMatch(3, 0, 3, 0, 0, retyped=("b",)),
            "0 rows exact; 3 changed; 0 missing; column b has values of another type",
        ),
        (
            RowMatch(3, 3, 0, 0, 0, renumbered=2),
            ("3 rows exact; 0 changed; 0 missing; 2 have another rowid, which is all that tells them from others"),
        ),
    ],
)
def test_rows_of_another_tool_have_this_sentence(copied: Copied, arrival: RowMatch, observed: str) -> None:
    """Rows are compared one by one, because an application may have changed some since."""
    compared = replace(copied.compared, copied=(), row_matches=[(copied.inspected.mappings[1], arrival)])

    assert [observation.observed for observation in compare.rows_exact(compared)] == [observed]


def test_lost_and_doubled_rows_have_these_sentences(copied: Copied) -> None:
    """Each of the three criteria has a sentence of its own."""
    arrival = RowMatch(3, 1, 1, 1, 2)
    compared = replace(copied.compared, copied=(), row_matches=[(copied.inspected.mappings[1], arrival)])
    criteria = (compare.rows_counted, compare.rows_exact, compare.no_duplicates)

    assert [observation_lines(criterion(compared))[0] for criterion in criteria] == [
        "a.db:tasks -> tasks | 3 rows arrived | 2 rows arrived, 1 did not (or was deleted since) | failed",
        (
            "a.db:tasks -> tasks | 3 rows exact, but for those changed since | 1 row exact; 1 changed; 1"
            " missing | failed"
        ),
        "a.db:tasks -> tasks | 0 rows doubled | 2 rows doubled | failed",
    ]


def test_size_has_this_sentence(copied: Copied) -> None:
    """The limit is explained by what it is computed from."""
    assert observation_lines(compare.size_reasonable(8192, copied.inspected)) == [
        "target | at most 4796416 bytes (20480 before, 28672 in the sources) | 8192 bytes | passed",
    ]


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        (["DELETE FROM own WHERE id = 2"], "1 row, changed since"),
        (
            ["DROP INDEX own_v", "UPDATE own SET v = 'c'", "ALTER TABLE own ADD COLUMN more"],
            "2 rows, changed since, other: columns, own_v",
        ),
        (["DROP INDEX own_v"], "2 rows, DIGEST, other: own_v"),
    ],
)
def test_neighbour_changed_since_has_this_sentence(copied: Copied, changes: list[str], observed: str) -> None:
    """Its application may have gone on since another tool made the target."""
    for change in changes:
        copied.con.execute(change)

    lines = observation_lines(compare_neighbours.neighbours(replace(copied.compared, changed_since=True)))

    assert lines[0].split(" | ")[2] == observed


def test_expected_neighbour_has_these_sentences(copied: Copied) -> None:
    """Rows may change and user_version may rise."""
    copied.con.execute("DELETE FROM own WHERE id = 2")

    lines = observation_lines(compare_neighbours.neighbours(replace(copied.compared, changed_since=True)))

    assert [line.split(" | ")[1] for line in lines[:2]] == [
        "2 rows, or changed since by its application",
        "at least 7",
    ]


def test_target_of_another_tool_without_tables_has_these_sentences(bench: Bench) -> None:
    """A table that is missing differs from a plan that names none."""
    bench.database("a.db", "CREATE TABLE t(n)")
    bench.database("b.db", "CREATE TABLE t(n)")
    copied = bench.copied(source("a.db", "t"))
    copied.con.execute("DROP TABLE t")
    missing = replace(copied.compared, changed_since=True)
    (bench.root / TARGET).unlink()
    nothing = replace(bench.copied(source("b.db")).compared, changed_since=True)

    assert observation_lines(compare_structure.schema_as_planned(missing)) == [
        "target | examined | no table of the plan is in the target | not examined",
    ]
    assert observation_lines(compare_structure.schema_as_planned(nothing)) == [
        "target | nothing demanded | the plan names no table | not required",
    ]


def test_table_that_was_not_planned_has_this_sentence(copied: Copied) -> None:
    """The planned schema lacks a table of the plan."""
    plan = copied.plan.model_copy(update={"tables": [RequiredTable(name="later", create="CREATE TABLE later(n)")]})

    assert observation_lines(compare_structure.tables_created(copied.compared, plan)[-1:]) == [
        "later | a table, but none was planned | no such table | failed",
    ]


def test_violated_check_has_this_sentence(copied: Copied) -> None:
    """SQLite's own words name the table."""
    copied.con.execute("CREATE TABLE ages(age CHECK(age > 0))")
    copied.con.execute("PRAGMA ignore_check_constraints=ON")
    copied.con.execute("INSERT INTO ages VALUES(-1)")
    copied.con.execute("PRAGMA ignore_check_constraints=OFF")

    assert observation_lines(compare.integrity(copied.con)) == [
        "target: integrity_check | ok | CHECK constraint failed in ages | failed",
    ]


def test_unexamined_table_is_named_beside_the_integrity(tmp_path: Path) -> None:
    """The table needs what only its application has."""
    TABLES[1].build(tmp_path / "a.db")

    with closing(open_readonly(tmp_path / "a.db")) as con:
        (line,) = observation_lines(compare.integrity(con))

    assert line == "target: integrity_check | ok; not examined: odd | ok; not examined: odd | passed"

"""Specify that each seeded difference fails the comparison that it belongs to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_structure
from sqlite_consolidate.plan.model import RequiredTable
from tests.support.databases import Bench, Copied, failed_subjects, source
from tests.support.rows.comparisons import all_comparisons
from tests.support.thorough import sampled


def red(copied: Copied) -> dict[str, list[str]]:
    """Return the comparisons that do not hold, with their subjects."""
    return {
        name: subjects
        for name, observations in all_comparisons(copied).items()
        if (subjects := failed_subjects(observations))
    }


def test_a_faithful_copy_is_green_everywhere(copied: Copied) -> None:
    """Without a difference, each comparison has an observation, and all pass."""
    assert red(copied) == {}
    assert all(
        observation.expected and observation.observed
        for observations in all_comparisons(copied).values()
        for observation in observations
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    sampled([
        ("DELETE FROM tasks WHERE id = 5", {"rows_counted": ["target: tasks"], "rows_exact": ["tasks"]}),
        ("INSERT INTO tasks(a) VALUES('s')", {"rows_counted": ["target: tasks"], "rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = '2' WHERE id = 5", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = 2.0 WHERE id = 5", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = b * -1.0 WHERE id = 1", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET b = x'' WHERE id = 7", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET a = cast(a AS BLOB) WHERE id = 1", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET a = b, b = a", {"rows_exact": ["tasks"]}),
        ("UPDATE tasks SET id = 6 WHERE id = 5", {"rows_exact": ["tasks"]}),
        ("UPDATE log SET what = 'after' WHERE rowid = 1", {"rows_exact": ["log"]}),
        ("UPDATE log SET rowid = 42 WHERE rowid = 41", {"rows_exact": ["log"]}),
        (
            "INSERT INTO log VALUES('same')",
            {"rows_counted": ["target: log"], "rows_exact": ["log"], "no_duplicates": ["log (no key declared)"]},
        ),
        ("DROP INDEX by_a", {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["tasks: indexes"]}),
        ("UPDATE tasks SET who = 'y' WHERE id = 7", {"rows_exact": ["tasks"], "foreign_keys": ["tasks -> people"]}),
        ("UPDATE own SET v = 'c' WHERE id = 2", {"neighbours": ["own"]}),
        ("DELETE FROM own WHERE id = 2", {"neighbours": ["own"]}),
        ("DROP INDEX own_v", {"schema_as_planned": ["own: indexes"], "neighbours": ["own"]}),
        ("CREATE INDEX more ON own(v, id)", {"schema_as_planned": ["own: indexes"], "neighbours": ["own"]}),
        ("PRAGMA user_version=8", {"neighbours": ["target: user_version"]}),
        ("PRAGMA application_id=8", {"neighbours": ["target: application_id"]}),
        ("CREATE TABLE extra(n)", {"schema_as_planned": ["target: tables", "extra"]}),
        (
            "DROP TABLE runs",
            {"tables_created": ["runs"], "schema_as_planned": ["target: tables", "runs"]},
        ),
        ("DROP TRIGGER up", {"triggers_in_place": ["trigger up"]}),
        ("DROP TRIGGER own_up", {"triggers_in_place": ["trigger own_up"]}),
        ("DROP VIEW names", {"triggers_in_place": ["view names"]}),
        ("CREATE TRIGGER names AFTER INSERT ON log BEGIN SELECT 1; END", {"triggers_in_place": ["trigger names"]}),
        ("CREATE VIEW more AS SELECT 1", {"triggers_in_place": ["view more"]}),
        ("UPDATE sqlite_sequence SET seq = 6 WHERE name = 'tasks'", {"marks_carried": ["tasks: AUTOINCREMENT"]}),
        ("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'own'", {"marks_carried": ["own: AUTOINCREMENT"]}),
    ], 0, 2, 9, 11, 12, 13, 14, 18, 20, 22, 24, 27),
)  # fmt: skip
def test_one_difference_turns_its_comparisons_red(copied: Copied, change: str, expected: dict[str, list[str]]) -> None:
    """No other comparison fails, so that the report leads to the fault."""
    copied.con.execute(change)

    failures = red(copied)

    assert {name: [s.split(" <- ")[0] for s in subjects] for name, subjects in failures.items()} == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            ["DROP INDEX by_a"], ["CREATE INDEX by_a ON people(name)"],
            {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["people: indexes", "tasks: indexes"]},
        ),
        (
            ["DROP INDEX by_a"], ["CREATE UNIQUE INDEX by_a ON tasks(a DESC)"],
            {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["tasks: indexes"]},
        ),
        (
            ["DROP INDEX by_a"], ["CREATE UNIQUE INDEX by_a ON [tasks](a)"],
            {"indexes_created": ["tasks: by_a"], "schema_as_planned": ["tasks: indexes"]},
        ),
        (
            ["DROP TRIGGER own_up"],
            ["CREATE TRIGGER own_up AFTER INSERT ON own BEGIN UPDATE own SET v = 1 WHERE 1; END"],
            {"triggers_in_place": ["trigger own_up"]},
        ),
        (["DROP VIEW names"], ["CREATE VIEW names AS SELECT 1 AS name"], {"triggers_in_place": ["view names"]}),
        (
            ["ALTER TABLE own ADD COLUMN more"], [],
            {"schema_as_planned": ["own"], "neighbours": ["own"]},
        ),
        (
            ["DROP TABLE runs"], ["CREATE TABLE runs(n CHECK(n > 0))"],
            {"schema_as_planned": ["runs"]},
        ),
        (
            ["DROP TABLE runs"], ["CREATE TABLE runs(n NOT NULL)"],
            {"tables_created": ["runs"], "schema_as_planned": ["runs"]},
        ),
    ],
)  # fmt: skip
def test_something_else_in_its_place_is_noticed(
    copied: Copied, before: list[str], after: list[str], expected: dict[str, list[str]]
) -> None:
    """An index on another table, another trigger, view or table of the same name."""
    for statement in (*before, *after):
        copied.con.execute(statement)

    assert red(copied) == expected


def test_unplanned_table_of_plan_fails_tables_created(copied: Copied) -> None:
    """The plan names a table that neither the planned schema nor the target has."""
    plan = copied.plan.model_copy(update={"tables": [RequiredTable(name="later", create="CREATE TABLE later(n)")]})

    *_, observation = compare_structure.tables_created(copied.compared, plan)

    assert (observation.subject, observation.holds) == ("later", False)


def test_a_count_that_the_plan_states_is_compared(copied: Copied) -> None:
    """The number of copied rows is compared with that of the plan."""
    other = replace(copied, copied_tables=[replace(table, rows=table.rows + 1) for table in copied.copied_tables])

    assert failed_subjects(compare.rows_expected(other.compared)) == ["a.db:tasks"]
    assert failed_subjects(compare.rows_counted(other.compared)) == [
        "a.db:people -> people", "a.db:tasks -> tasks", "a.db:log -> log",
    ]  # fmt: skip


def test_a_key_that_is_there_twice_is_noticed(bench: Bench) -> None:
    """The rows of the table are read, because an inconsistent index would hide the key."""
    bench.database("a.db", "CREATE TABLE t(k TEXT, v)", "CREATE UNIQUE INDEX ix ON t(k COLLATE NOCASE)")
    copied = bench.copied(source("a.db", "t"))
    copied.con.execute("INSERT INTO t VALUES('x', 1), (NULL, 1), (NULL, 1)")
    assert failed_subjects(compare.no_duplicates(copied.compared)) == []

    copied.con.execute("PRAGMA writable_schema=ON")
    copied.con.execute("DROP INDEX ix")
    copied.con.execute("INSERT INTO t VALUES('X', 1)")
    copied.con.execute("CREATE INDEX ix ON t(k COLLATE NOCASE)")
    copied.con.execute(
        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX ix ON t(k COLLATE NOCASE)' WHERE name = 'ix'"
    )
    copied.con.execute("PRAGMA writable_schema=RESET")

    assert failed_subjects(compare.no_duplicates(copied.compared)) == ["t (k)"]


def test_damage_is_no_integrity(bench: Bench) -> None:
    """The full integrity_check finds each row that violates a CHECK."""
    bench.database(
        "a.db", "CREATE TABLE t(v CHECK(v > 0))", "INSERT INTO t VALUES(1)", "CREATE TABLE u(v CHECK(v > 0))"
    )
    copied = bench.copied(source("a.db", "t", "u"))

    copied.con.execute("PRAGMA ignore_check_constraints=ON")
    copied.con.execute("UPDATE t SET v = -1")
    copied.con.execute("INSERT INTO u VALUES(-1)")
    copied.con.execute("PRAGMA ignore_check_constraints=OFF")
    (observation,) = compare.integrity(copied.con)

    assert not observation.holds
    assert sorted(line.split()[-1] for line in observation.observed.split("; ")) == ["t", "u"]


@pytest.mark.parametrize(("damage", "holds"), [([], True), (["Page 3: never used"], False)])
def test_result_of_an_earlier_check_is_that_of_integrity(bench: Bench, damage: list[str], *, holds: bool) -> None:
    """SQLite does not check again."""
    bench.database("a.db", "CREATE TABLE t(v)")
    copied = bench.copied(source("a.db", "t"))
    statements: list[str] = []
    copied.con.set_trace_callback(statements.append)

    (observation,) = compare.integrity(copied.con, checked=damage)

    assert observation.holds is holds
    assert not [statement for statement in statements if "check" in statement]


@pytest.mark.parametrize(("damage", "holds"), [([], True), (["Page 3: never used"], False)])
def test_damage_of_quick_check_is_no_integrity(bench: Bench, damage: list[str], *, holds: bool) -> None:
    """SQLite is not asked again."""
    bench.database("a.db", "CREATE TABLE t(v)")
    copied = bench.copied(source("a.db", "t"))
    statements: list[str] = []
    copied.con.set_trace_callback(statements.append)

    (observation,) = compare.integrity(copied.con, damage)

    assert (observation.holds, statements) == (holds, [])

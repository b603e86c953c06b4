"""The target's schema is foretold in memory: what a view, a trigger or a foreign key depends on."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table
from tests.support.target_schemas import made, refusal, sql_of

TASKS = "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT)"


def test_a_view_comes_along_with_its_triggers_if_all_it_reads_does(bench: Bench) -> None:
    """An INSTEAD OF trigger belongs to the view."""
    instead = "CREATE TRIGGER put INSTEAD OF INSERT ON titles BEGIN INSERT INTO tasks(title) VALUES(new.title); END"
    bench.database("a.db", TASKS, "CREATE VIEW titles AS SELECT title FROM tasks", instead)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == [("table", "tasks"), ("view", "titles"), ("trigger", "put")]
    assert sql_of(target_schema, "put") == instead


@pytest.mark.parametrize("view", ["SELECT * FROM people", "SELECT title FROM tasks, people", "SELECT frobnicate(1)"])
def test_a_view_of_what_is_not_moved_stays_behind_with_a_reason(bench: Bench, view: str) -> None:
    """Here people is not in the plan."""
    bench.database("a.db", TASKS, "CREATE TABLE people(name)", f"CREATE VIEW seen AS {view}")

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == [("table", "tasks")]
    assert [finding.id for finding in target_schema.findings] == ["view-left"]
    assert "view seen stays in the archive" in target_schema.findings[0].text


def test_a_view_does_not_come_to_read_another_table_of_the_same_name(bench: Bench) -> None:
    """The target has a table of that name; its rows are not what the view was about."""
    bench.database(TARGET, "CREATE TABLE people(name)")
    bench.database("a.db", TASKS, "CREATE TABLE people(name)", "CREATE VIEW names AS SELECT name FROM people")

    target_schema = bench.target_schema(source("a.db", "tasks", table("people", into="persons")))

    assert ("view", "names") not in made(target_schema)
    assert [finding.id for finding in target_schema.findings] == ["view-left"]
    assert "it reads people, which is not moved from this source as it is" in target_schema.findings[0].text


def test_a_view_that_the_target_has_already_is_neither_made_nor_a_finding(bench: Bench) -> None:
    """Equal views are one."""
    ddl = (TASKS, "CREATE VIEW titles AS SELECT title FROM tasks")
    bench.database(TARGET, *ddl)
    bench.database("a.db", *ddl)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == []
    assert target_schema.findings == []


LOGGING = "CREATE TRIGGER note AFTER INSERT ON tasks BEGIN INSERT INTO log VALUES(new.title); END"


def test_a_trigger_that_writes_to_a_table_nobody_moves_is_a_refusal(bench: Bench) -> None:
    """It would come along and break every later insert into the moved table."""
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    text = refusal(target_schema)
    assert target_schema.problems[0].criterion == "nothing-left-behind"
    assert "trigger note of tasks cannot work in the target: no such table: main.log" in text


def test_a_trigger_stays_behind_with_the_table_that_the_plan_leaves(bench: Bench) -> None:
    """The plan's reason for the table is the reason for the trigger."""
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks", leave={"lo*": "unread"}))

    assert made(target_schema) == [("table", "tasks")]
    [finding] = target_schema.findings
    assert (finding.id, finding.level, finding.subject) == ("trigger-left-with-table", "note", "a.db:tasks")


def test_a_trigger_may_use_a_table_that_is_moved_later(bench: Bench) -> None:
    """Triggers are looked at when all tables are there."""
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks", "log"))

    assert ("trigger", "note") in made(target_schema)
    assert target_schema.findings == []


def test_a_trigger_that_comes_to_use_the_targets_own_table_is_a_finding(bench: Bench) -> None:
    """It works, but on other rows than before."""
    bench.database(TARGET, "CREATE TABLE log(what)")
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert ("trigger", "note") in made(target_schema)
    assert [finding.id for finding in target_schema.findings] == ["trigger-uses-target"]
    assert "now uses log of the target" in target_schema.findings[0].text


def test_a_trigger_that_the_targets_own_table_does_not_suit_is_a_refusal(bench: Bench) -> None:
    """A table of that name is there, with another number of columns."""
    bench.database(TARGET, "CREATE TABLE log(a, b)")
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    assert "has 2 columns but 1 values were supplied" in refusal(bench.target_schema(source("a.db", "tasks")))


def test_a_trigger_may_use_a_function_of_its_application(bench: Bench) -> None:
    """Only the application can say whether it is there."""
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT frobnicate(new.id); END")

    assert made(bench.target_schema(source("a.db", "tasks"))) == [("table", "tasks"), ("trigger", "up")]


CHILD = "CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parents(id))"


def test_a_foreign_key_to_a_table_that_is_not_moved_is_a_refusal(bench: Bench) -> None:
    """With foreign keys enforced SQLite would refuse every insert."""
    bench.database("a.db", CHILD, "CREATE TABLE parents(id INTEGER PRIMARY KEY)")

    target_schema = bench.target_schema(source("a.db", "child", leave={"parents": "old"}))

    assert "its foreign key refers to parents, which is not moved" in refusal(target_schema)
    assert target_schema.problems[0].criterion == "nothing-left-behind"


def test_a_child_may_come_before_its_parent(bench: Bench) -> None:
    """Foreign keys are looked at when all tables are there."""
    bench.database("a.db", CHILD, "CREATE TABLE parents(id INTEGER PRIMARY KEY)")

    assert made(bench.target_schema(source("a.db", "child", "parents"))) == [("table", "child"), ("table", "parents")]


def test_a_parent_that_the_source_lacks_as_well_is_a_finding(bench: Bench) -> None:
    """The move makes nothing worse."""
    bench.database("a.db", CHILD)

    target_schema = bench.target_schema(source("a.db", "child"))

    assert made(target_schema) == [("table", "child")]
    assert [finding.id for finding in target_schema.findings] == ["parent-absent"]
    assert "refers to parents, which the source does not have either" in target_schema.findings[0].text


def test_a_foreign_key_to_columns_that_are_no_key_any_more_is_a_refusal(bench: Bench) -> None:
    """foreign_key_check could not even be run."""
    bench.database("a.db", CHILD, "CREATE TABLE parents(id INTEGER PRIMARY KEY)")

    target_schema = bench.target_schema(
        source("a.db", "child", table("parents", create="CREATE TABLE parents(id INTEGER)"))
    )

    assert "foreign key mismatch" in refusal(target_schema)

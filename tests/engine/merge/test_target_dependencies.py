"""Test what views, triggers and foreign keys need in the target."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table
from tests.support.target_schemas import planned_objects, refusal, sql_of

TASKS = "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT)"


def test_view_is_created_with_its_triggers(bench: Bench) -> None:
    """All tables that the view reads are moved. An INSTEAD OF trigger belongs to the view."""
    instead = "CREATE TRIGGER put INSTEAD OF INSERT ON titles BEGIN INSERT INTO tasks(title) VALUES(new.title); END"
    bench.database("a.db", TASKS, "CREATE VIEW titles AS SELECT title FROM tasks", instead)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == [("table", "tasks"), ("view", "titles"), ("trigger", "put")]
    assert sql_of(target_schema, "put") == instead


@pytest.mark.parametrize(
    "view", ["SELECT * FROM people", "SELECT title FROM tasks, people", "SELECT frobnicate(name) FROM people"]
)
def test_view_of_unmoved_table_stays_in_archive(bench: Bench, view: str) -> None:
    """The plan does not move the table people."""
    bench.database("a.db", TASKS, "CREATE TABLE people(name)", f"CREATE VIEW titles AS {view}")

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == [("table", "tasks")]
    assert [finding.id for finding in target_schema.findings] == ["view-left"]
    assert "view titles " in target_schema.findings[0].text
    assert "people" in target_schema.findings[0].text


@pytest.mark.parametrize(
    "view",
    [
        "SELECT upper(frobnicate(title)) FROM tasks",
        "SELECT frobnicate(DISTINCT title) FROM tasks",
        "SELECT frobnicate(title) OVER (ORDER BY id) FROM tasks",
        "SELECT title FROM tasks ORDER BY title COLLATE frobnicate",
    ],
)
@pytest.mark.parametrize("into", ["tasks", "a_tasks"])
def test_view_with_function_of_application_is_created(bench: Bench, view: str, into: str) -> None:
    """SQLite needs functions and collations when an application reads the view."""
    bench.database("a.db", TASKS, f"CREATE VIEW titles AS {view}")

    target_schema = bench.target_schema(source("a.db", table("tasks", into=into)))

    assert [kind for kind, _ in planned_objects(target_schema)] == ["table", "view"]
    [finding] = [each for each in target_schema.findings if each.id == "view-needs"]
    assert "frobnicate" in finding.text


def test_trigger_with_function_of_application_is_renamed(bench: Bench) -> None:
    """SQLite rewrites no trigger whose function it lacks."""
    trigger = "CREATE TRIGGER own AFTER INSERT ON tasks BEGIN UPDATE tasks SET title = frobnicate(title); END"
    bench.database("a.db", TASKS, trigger)

    target_schema = bench.target_schema(source("a.db", table("tasks", into="jobs")))

    assert target_schema.problems == []
    assert 'UPDATE "jobs" SET title = frobnicate(title)' in sql_of(target_schema, "own")


def test_trigger_with_function_of_application_needs_its_table(bench: Bench) -> None:
    """What the function hides from the compiler is found nevertheless."""
    log = "CREATE TRIGGER log AFTER INSERT ON tasks BEGIN INSERT INTO people VALUES(frobnicate(new.title)); END"
    bench.database("a.db", TASKS, "CREATE TABLE people(name)", log)

    alone = bench.target_schema(source("a.db", "tasks"))
    together = bench.target_schema(source("a.db", "tasks", "people"))

    assert [problem.id for problem in alone.problems] == ["broken-trigger"]
    assert planned_objects(together) == [("table", "tasks"), ("table", "people"), ("trigger", "log")]


def test_view_never_reads_another_table_of_that_name(bench: Bench) -> None:
    """The target has a table people of its own."""
    bench.database(TARGET, "CREATE TABLE people(name)")
    bench.database("a.db", TASKS, "CREATE TABLE people(name)", "CREATE VIEW names AS SELECT name FROM people")

    target_schema = bench.target_schema(source("a.db", "tasks", table("people", into="persons")))

    assert ("view", "names") in planned_objects(target_schema)
    assert sql_of(target_schema, "names") == 'CREATE VIEW "names" AS SELECT name FROM "persons"'


def test_view_that_target_has_is_not_created_again(bench: Bench) -> None:
    """Both views are equal."""
    ddl = (TASKS, "CREATE VIEW titles AS SELECT title FROM tasks")
    bench.database(TARGET, *ddl)
    bench.database("a.db", *ddl)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == []
    assert target_schema.findings == []


LOGGING = "CREATE TRIGGER note AFTER INSERT ON tasks BEGIN INSERT INTO log VALUES(new.title); END"


def test_trigger_on_unmoved_table_is_refused(bench: Bench) -> None:
    """It would make every later insert into the moved table fail."""
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    problem = refusal(target_schema)
    assert (problem.id, problem.subject) == ("broken-trigger", "a.db:tasks")
    assert problem.criterion == "nothing-left-behind"
    assert "trigger note of tasks" in problem.what
    assert "no such table: main.log" in problem.what


def test_trigger_stays_with_table_that_plan_leaves(bench: Bench) -> None:
    """The plan's reason for the table is the reason for the trigger."""
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks", leave={"lo*": "unread"}))

    assert planned_objects(target_schema) == [("table", "tasks")]
    [finding] = target_schema.findings
    assert (finding.id, finding.level, finding.subject) == ("trigger-left-with-table", "note", "a.db:tasks")


def test_trigger_may_use_a_table_moved_later(bench: Bench) -> None:
    """Triggers are checked when all tables exist."""
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks", "log"))

    assert ("trigger", "note") in planned_objects(target_schema)
    assert target_schema.findings == []


def test_trigger_using_target_table_is_a_finding(bench: Bench) -> None:
    """It works, but on other rows than before."""
    bench.database(TARGET, "CREATE TABLE log(what)")
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert ("trigger", "note") in planned_objects(target_schema)
    assert [finding.id for finding in target_schema.findings] == ["trigger-uses-target"]
    assert "uses log " in target_schema.findings[0].text


def test_trigger_that_fails_on_target_table_is_refused(bench: Bench) -> None:
    """The target's table of that name has another number of columns."""
    bench.database(TARGET, "CREATE TABLE log(a, b)")
    bench.database("a.db", TASKS, "CREATE TABLE log(what)", LOGGING)

    problem = refusal(bench.target_schema(source("a.db", "tasks")))

    assert problem.id == "broken-trigger"
    assert "has 2 columns but 1 values were supplied" in problem.what


def test_trigger_may_use_function_of_its_application(bench: Bench) -> None:
    """This process cannot know the functions of the application."""
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT frobnicate(new.id); END")

    assert planned_objects(bench.target_schema(source("a.db", "tasks"))) == [("table", "tasks"), ("trigger", "up")]


CHILD = "CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parents(id))"


def test_foreign_key_to_unmoved_table_is_refused(bench: Bench) -> None:
    """With foreign keys enforced, SQLite would refuse every insert."""
    bench.database("a.db", CHILD, "CREATE TABLE parents(id INTEGER PRIMARY KEY)")

    target_schema = bench.target_schema(source("a.db", "child", leave={"parents": "old"}))

    problem = refusal(target_schema)
    assert (problem.id, problem.criterion) == ("parent-left", "nothing-left-behind")
    assert "refers to parents," in problem.what


def test_child_table_may_precede_its_parent(bench: Bench) -> None:
    """Foreign keys are checked when all tables exist."""
    bench.database("a.db", CHILD, "CREATE TABLE parents(id INTEGER PRIMARY KEY)")

    assert planned_objects(bench.target_schema(source("a.db", "child", "parents"))) == [
        ("table", "child"),
        ("table", "parents"),
    ]


def test_parent_missing_in_source_is_a_finding(bench: Bench) -> None:
    """The consolidation does not change the problem."""
    bench.database("a.db", CHILD)

    target_schema = bench.target_schema(source("a.db", "child"))

    assert planned_objects(target_schema) == [("table", "child")]
    assert [finding.id for finding in target_schema.findings] == ["parent-absent"]
    assert "refers to parents," in target_schema.findings[0].text


def test_parent_of_the_target_is_created_with_its_key(bench: Bench) -> None:
    """The child of the target worked as long as its parent was absent."""
    bench.database("target.db", "CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parents(name))")
    bench.database("a.db", "CREATE TABLE parents(id INTEGER PRIMARY KEY, name)")
    create = "CREATE TABLE parents(id INTEGER PRIMARY KEY, name UNIQUE)"

    problem = refusal(bench.target_schema(source("a.db", "parents")))
    assert (problem.id, problem.subject) == ("broken-foreign-key", "target.db:child")
    assert bench.target_schema(source("a.db", table("parents", create=create))).problems == []


def test_foreign_key_to_column_without_key_is_refused(bench: Bench) -> None:
    """SQLite could not even execute foreign_key_check."""
    bench.database("a.db", CHILD, "CREATE TABLE parents(id INTEGER PRIMARY KEY)")

    target_schema = bench.target_schema(
        source("a.db", "child", table("parents", create="CREATE TABLE parents(id INTEGER)"))
    )

    problem = refusal(target_schema)
    assert problem.id == "broken-foreign-key"
    assert "foreign key mismatch" in problem.what


WIDE = "CREATE TABLE log(id INTEGER PRIMARY KEY NOT NULL, what, file TEXT NOT NULL{})"
NOTING = "CREATE TRIGGER note AFTER INSERT ON tasks BEGIN {} END"


@pytest.mark.parametrize(
    ("insert", "default", "expected"),
    [
        ("INSERT INTO log(what) VALUES(new.title);", "", ["a.db:tasks"]),
        ("DELETE FROM log; INSERT OR IGNORE INTO [log] AS l(`what`) SELECT 'file';", "", ["a.db:tasks"]),
        ("INSERT INTO log(what) VALUES(new.title);", " DEFAULT 'a'", []),
        ("INSERT INTO log(what, \"File\") VALUES(new.title, 'a');", "", []),
        ("INSERT INTO log VALUES(NULL, new.title, 'a');", "", []),
    ],
)
def test_trigger_without_a_needed_column_is_a_finding(
    bench: Bench, insert: str, default: str, expected: list[str]
) -> None:
    """The plan adds a column, and each insert into the moved table would fail."""
    text = f"{TASKS}; {NOTING.format(insert)}"
    bench.database("a.db", TASKS, "CREATE TABLE log(id INTEGER PRIMARY KEY, what)")
    log = table("log", create=WIDE.format(default))

    target_schema = bench.target_schema(source("a.db", log, table("tasks", create=text), constants={"file": "a"}))

    assert ("trigger", "note") in planned_objects(target_schema)
    assert [each.subject for each in target_schema.findings if each.id == "trigger-incomplete"] == expected


def test_trigger_that_left_it_out_before_is_no_finding(bench: Bench) -> None:
    """The application cannot have used it."""
    bench.database("a.db", TASKS, WIDE.format(""), NOTING.format("INSERT INTO log(what) VALUES(new.title);"))

    target_schema = bench.target_schema(source("a.db", "tasks", "log"))

    assert ("trigger", "note") in planned_objects(target_schema)
    assert target_schema.findings == []

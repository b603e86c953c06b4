"""Test the planned schema of the target, its tables, indexes and triggers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.merge import source_ddl
from sqlite_consolidate.engine.sqlite.connections import open_memory
from tests.support.databases import TARGET, Bench, source, table
from tests.support.target_schemas import planned_objects, refusal, sql_of

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.connections import Connection
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.plan.model import TableMap
else:
    from sqlite_utils.utils import sqlite3

TASKS = "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT)"


def test_triggers_are_created_after_the_rows(bench: Bench) -> None:
    """Tables and indexes are created before the rows, so that no trigger fires."""
    trigger = "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN UPDATE tasks SET title = upper(title); END"
    bench.database("a.db", TASKS, "CREATE INDEX by_title ON tasks(title)", trigger)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == [("table", "tasks"), ("index", "by_title"), ("trigger", "up")]
    assert [statement.kind for statement in target_schema.after_rows] == ["trigger"]
    assert sql_of(target_schema, "up") == trigger
    assert target_schema.findings == []


def test_index_with_taken_name_is_renamed(bench: Bench) -> None:
    """CREATE INDEX IF NOT EXISTS would have skipped the index without an error."""
    bench.database(TARGET, "CREATE TABLE books(title)", "CREATE INDEX by_title ON books(title)")
    bench.database("a.db", TASKS, "CREATE UNIQUE INDEX by_title ON tasks(title)")

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == [("table", "tasks"), ("index", "tasks_by_title")]
    assert sql_of(target_schema, "tasks_by_title") == 'CREATE UNIQUE INDEX "tasks_by_title" ON tasks(title)'
    assert [finding.id for finding in target_schema.findings] == ["name-changed"]
    assert "by_title belongs to books " in target_schema.findings[0].text


def test_plan_can_refuse_taken_index_name(bench: Bench) -> None:
    """With index_clash = "refuse" no index is renamed."""
    bench.database(TARGET, "CREATE TABLE books(title)", "CREATE INDEX by_title ON books(title)")
    bench.database("a.db", TASKS, "CREATE INDEX by_title ON tasks(title)")

    problem = refusal(bench.target_schema(source("a.db", "tasks"), index_clash="refuse"))

    assert (problem.id, problem.subject) == ("name-taken", "a.db:tasks")
    assert "by_title belongs to books " in problem.what


def test_table_may_be_spelled_as_the_target_does(bench: Bench) -> None:
    """SQLite ignores the case of names, and one name in two spellings may be a mistake."""
    bench.database(TARGET, "CREATE TABLE cc(a)")
    bench.database("a.db", "CREATE TABLE CC(a)")

    problem = refusal(bench.target_schema(source("a.db", "CC")))

    assert (problem.id, problem.subject) == ("name-taken", "a.db:CC")
    assert 'into = "cc"' in problem.hint
    assert bench.survey(source("a.db", table("CC", into="cc"))).problems == []


def test_index_is_refused_when_both_names_are_taken(bench: Bench) -> None:
    """A table of the target has the name that the index would get."""
    bench.database(TARGET, "CREATE TABLE books(title)", "CREATE INDEX ix ON books(title)", "CREATE TABLE tasks_ix(a)")
    bench.database("a.db", TASKS, "CREATE INDEX ix ON tasks(title)")

    problem = refusal(bench.target_schema(source("a.db", "tasks")))

    assert problem.id == "name-taken"
    assert "tasks_ix is taken" in problem.what


def test_index_renamed_by_earlier_run_is_not_repeated(bench: Bench) -> None:
    """An earlier consolidation has created it under its new name."""
    bench.database(
        TARGET, "CREATE TABLE books(title)", "CREATE INDEX ix ON books(title)", TASKS,
        'CREATE INDEX "tasks_ix" ON tasks(title)',
    )  # fmt: skip
    bench.database("a.db", TASKS, "CREATE INDEX ix ON tasks(title)")

    assert planned_objects(bench.target_schema(source("a.db", "tasks"))) == []


def test_trigger_with_taken_name_is_renamed(bench: Bench) -> None:
    """All triggers of a database share one namespace."""
    bench.database(TARGET, "CREATE TABLE books(n)", "CREATE TRIGGER up AFTER INSERT ON books BEGIN SELECT 1; END")
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER DELETE ON tasks BEGIN SELECT 2; END")

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == [("table", "tasks"), ("trigger", "tasks_up")]
    assert sql_of(target_schema, "tasks_up") == 'CREATE TRIGGER "tasks_up" AFTER DELETE ON tasks BEGIN SELECT 2; END'
    assert [finding.id for finding in target_schema.findings] == ["name-changed"]
    assert "up belongs to books " in target_schema.findings[0].text


def test_two_versions_of_one_trigger_are_refused(bench: Bench) -> None:
    """Both would fire on every change, which neither application expects."""
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")
    bench.database("b.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 2; END")

    problem = refusal(bench.target_schema(source("a.db", "tasks"), source("b.db", "tasks")))

    assert (problem.id, problem.subject) == ("trigger-taken", "b.db:tasks")
    assert "trigger up " in problem.what


def test_trigger_may_have_the_name_of_a_table(bench: Bench) -> None:
    """Triggers have a namespace of their own."""
    bench.database(TARGET, "CREATE TABLE up(n)")
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")

    assert planned_objects(bench.target_schema(source("a.db", "tasks"))) == [("table", "tasks"), ("trigger", "up")]


@pytest.mark.parametrize(
    "sql", ["CREATE INDEX by_title ON tasks(title)", 'create  index "by_title" on tasks ( title )']
)
def test_equal_index_is_not_created_twice(bench: Bench, sql: str) -> None:
    """White space, quotes around names and case make no difference."""
    bench.database(TARGET, TASKS, "CREATE INDEX by_title ON tasks(title)")
    bench.database("a.db", TASKS, sql)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert planned_objects(target_schema) == []
    assert target_schema.findings == []


def test_indexes_with_different_text_literals_are_both_created(bench: Bench) -> None:
    """White space inside a text literal is data."""
    bench.database(TARGET, TASKS, "CREATE INDEX ix ON tasks(title) WHERE title = 'a b'")
    bench.database("a.db", TASKS, "CREATE INDEX ix ON tasks(title) WHERE title = 'a  b'")

    assert planned_objects(bench.target_schema(source("a.db", "tasks"))) == [("index", "tasks_ix")]


def test_two_sources_share_one_new_table(bench: Bench) -> None:
    """The table, its index and its trigger are created once."""
    ddl = (TASKS, "CREATE INDEX ix ON tasks(title)", "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")
    bench.database("a.db", *ddl)
    bench.database("b.db", *ddl)

    target_schema = bench.target_schema(source("a.db", "tasks"), source("b.db", "tasks"))

    assert planned_objects(target_schema) == [("table", "tasks"), ("index", "ix"), ("trigger", "up")]
    assert target_schema.created_tables == {"tasks"}


@pytest.mark.parametrize(
    ("target_sql", "name"),
    [
        ("CREATE VIEW tasks AS SELECT 1 AS n", "a view named tasks"),
        ("CREATE INDEX tasks ON other(n)", "an index named tasks"),
        ("CREATE TABLE Tasks(id INTEGER PRIMARY KEY, title TEXT)", "a table Tasks,"),
        ("CREATE VIRTUAL TABLE tas USING fts5(x)", ""),
    ],
)
def test_object_with_the_name_of_table_is_reported(bench: Bench, target_sql: str, name: str) -> None:
    """CREATE TABLE IF NOT EXISTS would have accepted it."""
    bench.database(TARGET, "CREATE TABLE other(n)", target_sql)
    bench.database("a.db", TASKS)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    if name:
        problem = refusal(target_schema)
        assert (problem.id, problem.subject) == ("name-taken", "a.db:tasks")
        assert name in problem.what
    else:
        assert planned_objects(target_schema) == [("table", "tasks")]


def test_table_named_like_shadow_table_is_refused(bench: Bench) -> None:
    """Its rows would become the inner state of an FTS5 index."""
    bench.database(TARGET, "CREATE VIRTUAL TABLE docs USING fts5(body)")
    bench.database("a.db", "CREATE TABLE docs_content(id INTEGER PRIMARY KEY, c0)")

    problem = refusal(bench.target_schema(source("a.db", "docs_content")))

    assert problem.id == "name-taken"
    assert "part of a virtual table named docs_content" in problem.what


def test_fts5_table_is_refused_when_shadow_name_is_taken(bench: Bench) -> None:
    """The target has a table docs_data of its own."""
    bench.database(TARGET, "CREATE TABLE docs_data(n)")
    bench.database("a.db", "CREATE VIRTUAL TABLE docs USING fts5(body)")

    problem = refusal(bench.target_schema(source("a.db", "docs")))

    assert problem.id == "cannot-create"
    assert "table docs " in problem.what


def test_virtual_table_can_be_renamed(bench: Bench) -> None:
    """Only the virtual table is planned, because it creates its shadow tables."""
    bench.database("a.db", "CREATE VIRTUAL TABLE docs USING fts5(body)")

    target_schema = bench.target_schema(source("a.db", table("docs", into="papers")))

    assert planned_objects(target_schema) == [("table", "papers")]
    assert {"papers", "papers_data"} <= set(target_schema.schema.tables)


def test_rename_is_applied_to_dependent_statements(bench: Bench) -> None:
    """These are indexes, triggers, CHECKs and foreign keys, also of other tables."""
    bench.database(
        "a.db",
        "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT CHECK(title <> ''))",
        "CREATE INDEX by_title ON tasks(lower(title)) WHERE title IS NOT NULL",
        "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN INSERT INTO log SELECT title FROM tasks; END",
        "CREATE TABLE log(what TEXT)",
        "CREATE TABLE notes(task REFERENCES tasks(id))",
    )

    target_schema = bench.target_schema(
        source("a.db", table("tasks", into="jobs", columns={"TITLE": "name"}), table("log", into="journal"), "notes")
    )

    assert planned_objects(target_schema)[0] == ("table", "jobs")
    assert (
        sql_of(target_schema, "jobs")
        == 'CREATE TABLE "jobs"(id INTEGER PRIMARY KEY, "name" TEXT CHECK("name" <> \'\'))'
    )
    assert '"jobs"(lower("name")) WHERE "name" IS NOT NULL' in sql_of(target_schema, "by_title")
    assert 'ON "jobs" BEGIN INSERT INTO "journal" SELECT "name" FROM "jobs"' in sql_of(target_schema, "up")
    assert sql_of(target_schema, "notes") == 'CREATE TABLE notes(task REFERENCES "jobs"(id))'


def test_rename_costs_only_the_tables_that_are_mentioned(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema of many tables takes no more time for each of them than a small one."""
    statements: list[str] = []

    def open_observed(*limits: Limits | None) -> Connection:
        con = open_memory(*limits)
        con.set_trace_callback(statements.append)
        return con

    monkeypatch.setattr(source_ddl, "open_memory", open_observed)
    bench.database(
        "a.db",
        "CREATE TABLE people(id INTEGER PRIMARY KEY)",
        "CREATE TABLE tasks(person REFERENCES people(id))",
        "CREATE TABLE alone(x)",
        "CREATE TABLE renamed(x)",
    )
    maps: list[str | TableMap] = [table("people", into="persons"), "tasks", "alone", table("renamed", into="r")]

    target_schema = bench.target_schema(source("a.db", *maps))

    assert sql_of(target_schema, "tasks") == 'CREATE TABLE tasks(person REFERENCES "persons"(id))'
    created = [statement.split("(")[0] for statement in statements if statement.startswith("CREATE TABLE")]
    assert created == [f"CREATE TABLE {name}" for name in ("people", "people", "tasks", "renamed")]


def test_table_of_a_doubled_quote_follows_its_rename(bench: Bench) -> None:
    """A foreign key and a trigger name it in their own quotes."""
    name = 'a "quoted" name'
    bench.database(
        "a.db",
        'CREATE TABLE "a ""quoted"" name"(id INTEGER PRIMARY KEY)',
        'CREATE TABLE child(up REFERENCES "a ""quoted"" name"(id))',
    )

    target_schema = bench.target_schema(source("a.db", table(name, into="plain"), "child"))

    assert sql_of(target_schema, "child") == 'CREATE TABLE child(up REFERENCES "plain"(id))'


def test_tables_and_columns_can_exchange_names(bench: Bench) -> None:
    """The renames do not conflict with each other."""
    bench.database("a.db", "CREATE TABLE one(a INTEGER, b TEXT)", "CREATE TABLE two(c)")

    target_schema = bench.target_schema(
        source("a.db", table("one", into="two", columns={"a": "b", "b": "a"}), table("two", into="one"))
    )

    assert planned_objects(target_schema) == [("table", "two"), ("table", "one")]
    assert sql_of(target_schema, "two") == 'CREATE TABLE "two"("b" INTEGER, "a" TEXT)'
    assert sql_of(target_schema, "one") == 'CREATE TABLE "one"(c)'


def test_table_name_matches_in_any_case(bench: Bench) -> None:
    """The source's spelling is kept unless the plan states another one."""
    bench.database("a.db", "CREATE TABLE Tasks(id)")

    assert planned_objects(bench.target_schema(source("a.db", "tasks"))) == [("table", "Tasks")]
    assert planned_objects(bench.target_schema(source("a.db", table("tasks", into="TASKS")))) == [("table", "TASKS")]


def test_create_text_replaces_the_source_schema(bench: Bench) -> None:
    """All indexes of the text are created, without IF NOT EXISTS.

    A trigger of the source that the text lacks is a finding.
    """
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")
    create = (
        "CREATE TABLE IF NOT EXISTS tasks(id INTEGER PRIMARY KEY, title TEXT NOT NULL);"
        " CREATE INDEX one ON tasks(title); CREATE INDEX two ON tasks(id, title) -- both\n;"
    )

    target_schema = bench.target_schema(source("a.db", table("tasks", create=create)))

    assert planned_objects(target_schema) == [("table", "tasks"), ("index", "one"), ("index", "two")]
    assert sql_of(target_schema, "tasks") == "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT NOT NULL)"
    assert [finding.id for finding in target_schema.findings] == ["trigger-left"]
    assert "trigger up " in target_schema.findings[0].text


def test_required_table_is_created_without_a_source(bench: Bench) -> None:
    """It is a [[table]] of the plan, with its indexes."""
    bench.database("a.db", TASKS)

    target_schema = bench.target_schema(
        source("a.db", "tasks"), required={"runs": "CREATE TABLE runs(n); CREATE INDEX by_n ON runs(n)"}
    )

    assert planned_objects(target_schema) == [("table", "tasks"), ("table", "runs"), ("index", "by_n")]


def test_existing_required_table_gets_its_missing_index(bench: Bench) -> None:
    """The table itself is not changed."""
    bench.database(TARGET, "CREATE TABLE runs(n, m)")
    bench.database("a.db", TASKS)

    target_schema = bench.survey(
        source("a.db", "tasks"), required={"runs": "CREATE TABLE runs(n); CREATE INDEX by_n ON runs(n)"}
    ).target_schema

    assert planned_objects(target_schema) == [("table", "tasks"), ("index", "by_n")]
    assert [finding.id for finding in target_schema.findings] == ["table-as-it-was"]


def test_required_table_is_not_satisfied_by_view(bench: Bench) -> None:
    """The view has the name of the required table."""
    bench.database(TARGET, "CREATE VIEW runs AS SELECT 1 AS n")
    bench.database("a.db", TASKS)

    problem = refusal(bench.target_schema(source("a.db", "tasks"), required={"runs": "CREATE TABLE runs(n)"}))

    assert problem.id == "name-taken"
    assert "a view named runs" in problem.what


@pytest.mark.parametrize(
    ("ddl", "error"),
    [
        ("CREATE INDEX ix ON t(name COLLATE german)", "no such collation sequence: german"),
        ("CREATE INDEX ix ON t(soundslike(name))", "no such function: soundslike"),
        ("CREATE TABLE u(name TEXT CHECK(soundslike(name)))", "no such function: soundslike"),
    ],
)
def test_collation_or_function_of_application_is_refused(bench: Bench, ddl: str, error: str) -> None:
    """This process does not have the collation or the function."""
    with closing(sqlite3.connect(bench.root / "a.db", isolation_level=None)) as application:
        application.create_collation("german", lambda first, second: (first > second) - (first < second))
        application.create_function("soundslike", 1, lambda name: name, deterministic=True)
        application.execute("PRAGMA writable_schema=ON")
        application.execute("CREATE TABLE t(name TEXT)")
        application.execute(ddl)

    target_schema = bench.target_schema(
        source("a.db", *(name for name in ("t", "u") if bench.schema("a.db").table(name)))
    )

    problem = refusal(target_schema)
    assert problem.id == "cannot-create"
    assert error in problem.what
    assert "application" in problem.hint


def test_module_of_application_has_to_be_left(bench: Bench) -> None:
    """SQLite reads the other tables of the source without it."""
    virtual = "INSERT INTO sqlite_schema VALUES('table', 'u', 'u', 0, 'CREATE VIRTUAL TABLE u USING maps(x)')"
    bench.database("a.db", TASKS, "PRAGMA writable_schema=ON", virtual)

    [problem] = bench.survey(source("a.db", "tasks")).problems

    assert (problem.id, problem.subject) == ("left-behind", "a.db:u")
    assert "the module maps" in problem.what
    assert bench.problems(source("a.db", "tasks", leave={"u": "the application creates it"})) == []

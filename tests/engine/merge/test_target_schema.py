"""The target's schema is foretold in memory: tables, indexes and triggers, under which names."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table
from tests.support.target_schemas import made, refusal, sql_of

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

TASKS = "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT)"


def test_a_table_brings_its_indexes_and_triggers_and_triggers_come_last(bench: Bench) -> None:
    """Rows are copied between the early and the late statements, so that nothing fires."""
    trigger = "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN UPDATE tasks SET title = upper(title); END"
    bench.database("a.db", TASKS, "CREATE INDEX by_title ON tasks(title)", trigger)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == [("table", "tasks"), ("index", "by_title"), ("trigger", "up")]
    assert [one.kind for one in target_schema.after_rows] == ["trigger"]
    assert sql_of(target_schema, "up") == trigger
    assert target_schema.findings == []


def test_an_index_name_that_another_table_has_taken_is_changed_and_said(bench: Bench) -> None:
    """CREATE INDEX IF NOT EXISTS would have skipped the index without a word."""
    bench.database(TARGET, "CREATE TABLE books(title)", "CREATE INDEX by_title ON books(title)")
    bench.database("a.db", TASKS, "CREATE UNIQUE INDEX by_title ON tasks(title)")

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == [("table", "tasks"), ("index", "tasks_by_title")]
    assert sql_of(target_schema, "tasks_by_title") == 'CREATE UNIQUE INDEX "tasks_by_title" ON tasks(title)'
    assert [finding.id for finding in target_schema.findings] == ["name-changed"]
    assert "by_title belongs to books" in target_schema.findings[0].text


def test_the_plan_can_refuse_a_taken_index_name(bench: Bench) -> None:
    """With index_clash = "refuse" nothing is renamed."""
    bench.database(TARGET, "CREATE TABLE books(title)", "CREATE INDEX by_title ON books(title)")
    bench.database("a.db", TASKS, "CREATE INDEX by_title ON tasks(title)")

    text = refusal(bench.target_schema(source("a.db", "tasks"), index_clash="refuse"))

    assert "a.db:tasks" in text
    assert "the index name by_title belongs to books" in text


def test_a_second_name_that_is_taken_as_well_is_a_refusal(bench: Bench) -> None:
    """The name that would be chosen is looked up too."""
    bench.database(TARGET, "CREATE TABLE books(title)", "CREATE INDEX ix ON books(title)", "CREATE TABLE tasks_ix(a)")
    bench.database("a.db", TASKS, "CREATE INDEX ix ON tasks(title)")

    assert "tasks_ix is taken as well" in refusal(bench.target_schema(source("a.db", "tasks")))


def test_an_index_that_was_renamed_by_an_earlier_run_is_not_made_again(bench: Bench) -> None:
    """A second consolidation into the same table finds its index under the name that it got."""
    bench.database(
        TARGET, "CREATE TABLE books(title)", "CREATE INDEX ix ON books(title)", TASKS,
        'CREATE INDEX "tasks_ix" ON tasks(title)',
    )  # fmt: skip
    bench.database("a.db", TASKS, "CREATE INDEX ix ON tasks(title)")

    assert made(bench.target_schema(source("a.db", "tasks"))) == []


def test_a_trigger_name_that_another_table_has_taken_is_changed_and_said(bench: Bench) -> None:
    """Triggers have one namespace in a database, as indexes have."""
    bench.database(TARGET, "CREATE TABLE books(n)", "CREATE TRIGGER up AFTER INSERT ON books BEGIN SELECT 1; END")
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER DELETE ON tasks BEGIN SELECT 2; END")

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == [("table", "tasks"), ("trigger", "tasks_up")]
    assert sql_of(target_schema, "tasks_up") == 'CREATE TRIGGER "tasks_up" AFTER DELETE ON tasks BEGIN SELECT 2; END'
    assert [finding.id for finding in target_schema.findings] == ["name-changed"]
    assert "the trigger name up belongs to books" in target_schema.findings[0].text


def test_two_versions_of_one_trigger_are_a_refusal(bench: Bench) -> None:
    """Both would fire on every change: neither the application's nor the other's behaviour."""
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")
    bench.database("b.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 2; END")

    text = refusal(bench.target_schema(source("a.db", "tasks"), source("b.db", "tasks")))

    assert "b.db:tasks" in text
    assert "has a trigger up in the target that does something else" in text


def test_a_trigger_may_have_the_name_of_a_table(bench: Bench) -> None:
    """Triggers do not share the names of tables and indexes."""
    bench.database(TARGET, "CREATE TABLE up(n)")
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")

    assert made(bench.target_schema(source("a.db", "tasks"))) == [("table", "tasks"), ("trigger", "up")]


@pytest.mark.parametrize(
    "sql", ["CREATE INDEX by_title ON tasks(title)", 'create  index "by_title" on tasks ( title )']
)
def test_an_equal_index_of_the_same_table_is_not_made_twice(bench: Bench, sql: str) -> None:
    """White space, quotes around names and capitals do not make another index."""
    bench.database(TARGET, TASKS, "CREATE INDEX by_title ON tasks(title)")
    bench.database("a.db", TASKS, sql)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert made(target_schema) == []
    assert target_schema.findings == []


def test_two_indexes_that_differ_inside_a_text_are_two(bench: Bench) -> None:
    """White space counts where it is data."""
    bench.database(TARGET, TASKS, "CREATE INDEX ix ON tasks(title) WHERE title = 'a b'")
    bench.database("a.db", TASKS, "CREATE INDEX ix ON tasks(title) WHERE title = 'a  b'")

    assert made(bench.target_schema(source("a.db", "tasks"))) == [("index", "tasks_ix")]


def test_two_sources_share_one_new_table(bench: Bench) -> None:
    """The table, its index and its trigger are made once."""
    ddl = (TASKS, "CREATE INDEX ix ON tasks(title)", "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")
    bench.database("a.db", *ddl)
    bench.database("b.db", *ddl)

    target_schema = bench.target_schema(source("a.db", "tasks"), source("b.db", "tasks"))

    assert made(target_schema) == [("table", "tasks"), ("index", "ix"), ("trigger", "up")]
    assert target_schema.created_tables == {"tasks"}


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("CREATE VIEW tasks AS SELECT 1 AS n", "a view named tasks"),
        ("CREATE INDEX tasks ON other(n)", "an index named tasks"),
        ("CREATE TABLE Tasks(id INTEGER PRIMARY KEY, title TEXT)", "a table Tasks, which differs only in case"),
        ("CREATE VIRTUAL TABLE tas USING fts5(x)", ""),
    ],
)
def test_whatever_stands_in_the_way_of_a_table_is_named(bench: Bench, there: str, words: str) -> None:
    """CREATE TABLE IF NOT EXISTS would have been content with it."""
    bench.database(TARGET, "CREATE TABLE other(n)", there)
    bench.database("a.db", TASKS)

    target_schema = bench.target_schema(source("a.db", "tasks"))

    assert not words or words in refusal(target_schema)
    assert words or made(target_schema) == [("table", "tasks")]


def test_a_table_named_like_an_inner_table_of_fts5_is_a_refusal(bench: Bench) -> None:
    """Rows in it would be the index's inner state."""
    bench.database(TARGET, "CREATE VIRTUAL TABLE docs USING fts5(body)")
    bench.database("a.db", "CREATE TABLE docs_content(id INTEGER PRIMARY KEY, c0)")

    text = refusal(bench.target_schema(source("a.db", "docs_content")))

    assert "part of a virtual table named docs_content" in text


def test_an_fts5_table_whose_inner_tables_have_no_room_is_a_refusal(bench: Bench) -> None:
    """The table docs_data of the target belongs to somebody else."""
    bench.database(TARGET, "CREATE TABLE docs_data(n)")
    bench.database("a.db", "CREATE VIRTUAL TABLE docs USING fts5(body)")

    assert "table docs cannot be created in the target" in refusal(bench.target_schema(source("a.db", "docs")))


def test_a_virtual_table_can_be_renamed(bench: Bench) -> None:
    """Only the virtual table itself is planned: it makes its inner tables."""
    bench.database("a.db", "CREATE VIRTUAL TABLE docs USING fts5(body)")

    target_schema = bench.target_schema(source("a.db", table("docs", into="papers")))

    assert made(target_schema) == [("table", "papers")]
    assert {"papers", "papers_data"} <= set(target_schema.schema.tables)


def test_a_rename_is_followed_by_everything_that_mentions_the_table(bench: Bench) -> None:
    """Indexes, triggers, CHECKs and foreign keys, also those of the source's other tables."""
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

    assert made(target_schema)[0] == ("table", "jobs")
    assert (
        sql_of(target_schema, "jobs")
        == 'CREATE TABLE "jobs"(id INTEGER PRIMARY KEY, "name" TEXT CHECK("name" <> \'\'))'
    )
    assert '"jobs"(lower("name")) WHERE "name" IS NOT NULL' in sql_of(target_schema, "by_title")
    assert 'ON "jobs" BEGIN INSERT INTO "journal" SELECT "name" FROM "jobs"' in sql_of(target_schema, "up")
    assert sql_of(target_schema, "notes") == 'CREATE TABLE notes(task REFERENCES "jobs"(id))'


def test_tables_and_columns_may_change_places(bench: Bench) -> None:
    """Renames do not stumble over each other's names."""
    bench.database("a.db", "CREATE TABLE one(a INTEGER, b TEXT)", "CREATE TABLE two(c)")

    target_schema = bench.target_schema(
        source("a.db", table("one", into="two", columns={"a": "b", "b": "a"}), table("two", into="one"))
    )

    assert made(target_schema) == [("table", "two"), ("table", "one")]
    assert sql_of(target_schema, "two") == 'CREATE TABLE "two"("b" INTEGER, "a" TEXT)'
    assert sql_of(target_schema, "one") == 'CREATE TABLE "one"(c)'


def test_a_name_in_other_capitals_than_the_source_has_is_the_same_table(bench: Bench) -> None:
    """SQLite compares names without case; the source's spelling is kept unless the plan states another."""
    bench.database("a.db", "CREATE TABLE Tasks(id)")

    assert made(bench.target_schema(source("a.db", "tasks"))) == [("table", "Tasks")]
    assert made(bench.target_schema(source("a.db", table("tasks", into="TASKS")))) == [("table", "TASKS")]


def test_the_text_of_the_plan_takes_the_place_of_the_sources_schema(bench: Bench) -> None:
    """With all its indexes; IF NOT EXISTS is not kept, and what the source had beside it is a finding."""
    bench.database("a.db", TASKS, "CREATE TRIGGER up AFTER INSERT ON tasks BEGIN SELECT 1; END")
    create = (
        "CREATE TABLE IF NOT EXISTS tasks(id INTEGER PRIMARY KEY, title TEXT NOT NULL);"
        " CREATE INDEX one ON tasks(title); CREATE INDEX two ON tasks(id, title) -- both\n;"
    )

    target_schema = bench.target_schema(source("a.db", table("tasks", create=create)))

    assert made(target_schema) == [("table", "tasks"), ("index", "one"), ("index", "two")]
    assert sql_of(target_schema, "tasks") == "CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT NOT NULL)"
    assert [finding.id for finding in target_schema.findings] == ["trigger-left"]
    assert "trigger up stays in the archive" in target_schema.findings[0].text


def test_a_required_table_is_made_if_nobody_brings_it(bench: Bench) -> None:
    """A [[table]] of the plan, with its indexes."""
    bench.database("a.db", TASKS)

    target_schema = bench.target_schema(
        source("a.db", "tasks"), required={"runs": "CREATE TABLE runs(n); CREATE INDEX by_n ON runs(n)"}
    )

    assert made(target_schema) == [("table", "tasks"), ("table", "runs"), ("index", "by_n")]


def test_a_required_table_that_is_there_gets_its_missing_index(bench: Bench) -> None:
    """The target must have the table as the plan requires it, as far as that needs no change of the table."""
    bench.database(TARGET, "CREATE TABLE runs(n, m)")
    bench.database("a.db", TASKS)

    target_schema = bench.target_schema(
        source("a.db", "tasks"), required={"runs": "CREATE TABLE runs(n); CREATE INDEX by_n ON runs(n)"}
    )

    assert made(target_schema) == [("table", "tasks"), ("index", "by_n")]
    assert [finding.id for finding in target_schema.findings] == ["table-as-it-was"]


def test_a_required_table_is_not_satisfied_by_a_view(bench: Bench) -> None:
    """Something of that name is there, but it is no table."""
    bench.database(TARGET, "CREATE VIEW runs AS SELECT 1 AS n")
    bench.database("a.db", TASKS)

    text = refusal(bench.target_schema(source("a.db", "tasks"), required={"runs": "CREATE TABLE runs(n)"}))

    assert "the target has a view named runs" in text


@pytest.mark.parametrize(
    ("ddl", "words"),
    [
        ("CREATE INDEX ix ON t(name COLLATE german)", "no such collation sequence: german"),
        ("CREATE INDEX ix ON t(soundslike(name))", "no such function: soundslike"),
        ("CREATE TABLE u(name TEXT CHECK(soundslike(name)))", "no such function: soundslike"),
    ],
)
def test_what_only_the_application_has_is_refused_in_words(bench: Bench, ddl: str, words: str) -> None:
    """A collation or a function that this process does not know."""
    with closing(sqlite3.connect(bench.root / "a.db", isolation_level=None)) as application:
        application.create_collation("german", lambda one, other: (one > other) - (one < other))
        application.create_function("soundslike", 1, lambda name: name, deterministic=True)
        application.execute("PRAGMA writable_schema=ON")
        application.execute("CREATE TABLE t(name TEXT)")
        application.execute(ddl)

    target_schema = bench.target_schema(
        source("a.db", *(name for name in ("t", "u") if bench.schema("a.db").table(name)))
    )

    assert words in refusal(target_schema)
    assert "only the application has" in refusal(target_schema)


def test_a_module_that_only_the_application_has_is_refused_in_words(bench: Bench) -> None:
    """The source cannot even be read."""
    virtual = "INSERT INTO sqlite_schema VALUES('table', 'u', 'u', 0, 'CREATE VIRTUAL TABLE u USING maps(x)')"
    bench.database("a.db", TASKS, "PRAGMA writable_schema=ON", virtual)

    (problem,) = bench.problems(source("a.db", "tasks"))

    assert problem.startswith("sources-readable: a.db: cannot be read (no such module: maps)")

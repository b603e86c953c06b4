"""Specify that no trigger of a table kept apart reaches rows of other databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases

PROJECT = "CREATE TABLE project(id TEXT PRIMARY KEY)"
SESSION = "CREATE TABLE session(id TEXT PRIMARY KEY, project TEXT)"
GONE = "CREATE TRIGGER gone AFTER DELETE ON project BEGIN DELETE FROM session WHERE project = old.id; END"


def shop(bench: Bench, file: str, rows: int = 1) -> None:
    """Create a database with a project, its sessions and the trigger."""
    name = file.removesuffix(".db")
    sessions = [f"INSERT INTO session VALUES ('{name}{number}', 'global')" for number in range(rows)]
    bench.database(file, PROJECT, SESSION, GONE, "INSERT INTO project VALUES ('global')", *sessions)


def triggers(inspected: InspectedDatabases) -> list[tuple[str, str]]:
    """Return name and table of each trigger that the target will have."""
    return [(trigger.name, trigger.table) for trigger in inspected.target_schema.schema.triggers]


def left(inspected: InspectedDatabases) -> list[tuple[str, str]]:
    """Return level and subject of each finding about a trigger that stays behind."""
    return [(finding.level, finding.subject) for finding in inspected.findings if finding.id == "trigger-left"]


def test_trigger_stays_behind_if_its_table_is_kept_apart(bench: Bench) -> None:
    """It would delete sessions of the target whenever a project of the source is deleted."""
    shop(bench, TARGET)
    shop(bench, "b.db")
    inspected = bench.survey(source("b.db", table("project", into="b_project"), "session"))

    assert inspected.problems == []
    assert triggers(inspected) == [("gone", "project")]
    assert left(inspected) == [("attention", "b.db:project")]
    assert [finding.id for finding in inspected.findings if finding.id == "name-changed"] == []


def test_finding_names_trigger_table_and_other_database(bench: Bench) -> None:
    """A reader has to find the trigger, and whose rows it would use."""
    shop(bench, TARGET)
    shop(bench, "b.db")
    inspected = bench.survey(source("b.db", table("project", into="b_project"), "session"))

    (text,) = [finding.text for finding in inspected.findings if finding.id == "trigger-left"]
    assert all(word in text for word in ("trigger b_project_gone of b_project", "session", TARGET))


def test_trigger_stays_behind_if_another_source_has_rows_there(bench: Bench) -> None:
    """The target is new. Both sources bring sessions, and keep their projects apart."""
    shop(bench, "a.db")
    shop(bench, "b.db")
    inspected = bench.survey(
        source("a.db", table("project", into="a_project"), "session"),
        source("b.db", table("project", into="b_project"), "session"),
    )

    assert triggers(inspected) == []
    assert left(inspected) == [("attention", "a.db:project"), ("attention", "b.db:project")]


def test_trigger_goes_with_tables_kept_apart_together(bench: Bench) -> None:
    """It uses rows of its own source only, under their new name."""
    shop(bench, TARGET)
    shop(bench, "b.db")
    inspected = bench.survey(source("b.db", table("project", into="b_project"), table("session", into="b_session")))

    assert triggers(inspected) == [("gone", "project"), ("b_project_gone", "b_project")]
    assert left(inspected) == []


def test_trigger_goes_with_merged_tables(bench: Bench) -> None:
    """Both tables hold rows of both sources."""
    shop(bench, "a.db")
    bench.database(
        "b.db",
        PROJECT,
        SESSION,
        GONE,
        "INSERT INTO project VALUES ('other')",
        "INSERT INTO session VALUES ('b', 'other')",
    )
    inspected = bench.survey(source("a.db", "project", "session"), source("b.db", "project", "session"))

    assert triggers(inspected) == [("gone", "project")]
    assert left(inspected) == []


def test_trigger_goes_where_no_other_database_has_rows(bench: Bench) -> None:
    """The target has the table of sessions, without rows."""
    bench.database(TARGET, SESSION)
    shop(bench, "b.db")
    inspected = bench.survey(source("b.db", table("project", into="b_project"), "session"))

    assert triggers(inspected) == [("gone", "b_project")]
    assert left(inspected) == []


def test_trigger_in_a_create_text_is_created(bench: Bench) -> None:
    """The operator has written it down."""
    shop(bench, TARGET)
    shop(bench, "b.db")
    trigger = GONE.replace("gone", "b_gone").replace("ON project", "ON b_project")
    create = f"{PROJECT.replace('project', 'b_project')}; {trigger}"
    inspected = bench.survey(source("b.db", table("project", into="b_project", create=create), "session"))

    assert ("b_gone", "b_project") in triggers(inspected)


COUNTS = "CREATE TABLE counts(name TEXT PRIMARY KEY, rows INTEGER)"


@pytest.mark.parametrize(
    ("statements", "is_left"),
    [
        ("UPDATE counts SET rows = rows + 1 WHERE lower(name) = lower('lake');", False),
        ("DELETE FROM counts WHERE name = 'lake' AND rows = 0;", False),
        ("UPDATE counts SET rows = 0 WHERE name = 'lake'; DELETE FROM counts WHERE rows > 5;", True),
        ("UPDATE counts SET rows = rows + 1 WHERE name <> '';", True),
        ("UPDATE counts SET rows = rows + 1;", True),
        ("UPDATE counts SET rows = 1 WHERE name = new.name;", True),
        ("UPDATE counts SET rows = (SELECT count(*) FROM counts) WHERE name = 'lake';", True),
        ("UPDATE counts SET rows = rows + ('town' IN all_names) WHERE name = 'lake';", True),
        ("UPDATE counts SET rows = 1 WHERE name = 'lake' OR name IN (SELECT name FROM all_names);", True),
        ("INSERT OR REPLACE INTO counts VALUES ('lake', 1);", True),
    ],
)
def test_trigger_goes_where_it_finds_no_row_of_others(bench: Bench, statements: str, is_left: bool) -> None:
    """A condition with values of its own finds the rows of its source in a shared table."""
    bench.database(TARGET, COUNTS, "INSERT INTO counts VALUES ('town', 7)")
    trigger = f"CREATE TRIGGER counting AFTER INSERT ON lake BEGIN {statements} END"
    bench.database(
        "b.db",
        COUNTS,
        "CREATE VIEW all_names AS SELECT name FROM counts",
        "CREATE TABLE lake(id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO counts VALUES ('lake', 1)",
        "INSERT INTO lake VALUES (1, 'a')",
        trigger,
    )

    inspected = bench.survey(source("b.db", "counts", "lake"))

    assert inspected.problems == []
    assert triggers(inspected) == ([] if is_left else [("counting", "lake")])
    assert left(inspected) == ([("attention", "b.db:lake")] if is_left else [])


def test_trigger_stays_behind_if_another_database_has_its_row(bench: Bench) -> None:
    """Names of both databases differ in case only, which the condition of the trigger ignores."""
    bench.database(TARGET, COUNTS, "INSERT INTO counts VALUES ('LAKE', 7)")
    bench.database(
        "b.db",
        COUNTS,
        "CREATE TABLE lake(id INTEGER PRIMARY KEY)",
        "INSERT INTO counts VALUES ('lake', 1)",
        "CREATE TRIGGER counting AFTER INSERT ON lake BEGIN"
        " UPDATE counts SET rows = rows + 1 WHERE lower(name) = lower('lake'); END",
    )

    inspected = bench.survey(source("b.db", "counts", "lake"))

    assert triggers(inspected) == []
    assert left(inspected) == [("attention", "b.db:lake")]

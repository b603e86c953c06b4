"""Specify that views and triggers on what SQLite keeps for a whole file stay behind."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table

MARKED = "CREATE TABLE m(id INTEGER PRIMARY KEY AUTOINCREMENT, b)"
RESET = "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'm'"
OBJECTS = {
    "marks in a trigger": f"CREATE TRIGGER own AFTER DELETE ON m BEGIN {RESET}; END",
    "statistics in a trigger": "CREATE TRIGGER own AFTER DELETE ON m BEGIN DELETE FROM sqlite_stat1; END",
    "the schema in a condition": (
        "CREATE TRIGGER own AFTER DELETE ON m WHEN (SELECT count(*) FROM sqlite_schema) > 1 BEGIN SELECT 1; END"
    ),
    "marks in a view": "CREATE VIEW own AS SELECT seq FROM Sqlite_Sequence WHERE name = 'm'",
    "the schema in a view": "CREATE VIEW own AS SELECT count(*) AS n FROM main.sqlite_master WHERE name = 'm'",
    "the schema beside rows": "CREATE VIEW own AS SELECT b, (SELECT count(*) FROM sqlite_schema) AS n FROM m",
    "statistics in a view": "CREATE VIEW own AS SELECT stat FROM sqlite_stat1",
}


@pytest.mark.parametrize("into", ["m", "mm"])
@pytest.mark.parametrize("statement", OBJECTS.values(), ids=OBJECTS)
def test_object_on_the_whole_file_stays_behind(bench: Bench, statement: str, into: str) -> None:
    """It names tables as text, and the target's own m would answer."""
    bench.database(TARGET, "CREATE TABLE other(id INTEGER PRIMARY KEY AUTOINCREMENT)")
    bench.database("a.db", MARKED, statement, "INSERT INTO m(b) VALUES(1)", "ANALYZE")

    inspected = bench.survey(source("a.db", table("m", into=into)))

    assert inspected.problems == []
    assert [(finding.id, finding.level) for finding in inspected.findings if finding.id.endswith("-left")] == [
        ("view-left" if "VIEW" in statement else "trigger-left", "attention")
    ]
    schema = inspected.target_schema.schema
    assert [entry.name for entry in (*schema.views, *schema.triggers)] == []


def test_object_that_only_mentions_such_a_name_is_moved(bench: Bench) -> None:
    """A text is no table, and AUTOINCREMENT is no use of the trigger."""
    bench.database(TARGET, "CREATE TABLE other(v)")
    bench.database(
        "a.db",
        MARKED,
        "CREATE VIEW own AS SELECT b FROM m WHERE b <> 'sqlite_sequence'",
        "CREATE TRIGGER up AFTER UPDATE ON m BEGIN INSERT INTO m(b) VALUES('sqlite_schema'); END",
    )

    inspected = bench.survey(source("a.db", "m"))

    assert inspected.problems == []
    schema = inspected.target_schema.schema
    assert [entry.name for entry in (*schema.views, *schema.triggers)] == ["own", "up"]


def test_same_view_of_the_target_stays_without_a_finding(bench: Bench) -> None:
    """The target's own view is not touched."""
    view = "CREATE VIEW own AS SELECT count(*) AS n FROM sqlite_schema"
    bench.database(TARGET, MARKED, view)
    bench.database("a.db", MARKED, view)

    inspected = bench.survey(source("a.db", "m"))

    assert inspected.problems == []
    assert [finding.id for finding in inspected.findings if finding.id.endswith("-left")] == []


def test_trigger_of_a_required_table_is_created(bench: Bench) -> None:
    """The operator wrote it for the target."""
    bench.database(TARGET, "CREATE TABLE other(v)")
    bench.database("a.db", "CREATE TABLE t(v)")

    text = f"{MARKED}; CREATE TRIGGER own AFTER DELETE ON m BEGIN {RESET}; END"
    inspected = bench.survey(source("a.db", "t"), required={"m": text})

    assert inspected.problems == []
    assert [trigger.name for trigger in inspected.target_schema.schema.triggers] == ["own"]

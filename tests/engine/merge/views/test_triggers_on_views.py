"""Specify that triggers follow the views that they use, as they follow tables."""

from __future__ import annotations

import pytest

from sqlite_consolidate.plan.model import Leave, Source
from tests.support.databases import TARGET, Bench, source, table
from tests.support.target_schemas import planned_objects, refusal, sql_of

M = "CREATE TABLE m(id INTEGER PRIMARY KEY, b)"
FEW = "CREATE VIEW few AS SELECT id, b FROM m WHERE id < 100"
PRUNE = "CREATE TRIGGER prune AFTER UPDATE ON m BEGIN DELETE FROM m WHERE id IN (SELECT id FROM few); END"


@pytest.mark.parametrize("ddl", [(M, FEW, PRUNE), (M, PRUNE, FEW)], ids=["view-first", "trigger-first"])
def test_trigger_follows_renamed_table_beside_its_view(bench: Bench, ddl: tuple[str, ...]) -> None:
    """SQLite renames no table while the view of a trigger is missing."""
    bench.database("a.db", *ddl)

    target_schema = bench.target_schema(source("a.db", table("m", into="x")))

    assert planned_objects(target_schema) == [("table", "x"), ("view", "few"), ("trigger", "prune")]
    assert 'ON "x" BEGIN DELETE FROM "x" WHERE id IN (SELECT id FROM few)' in sql_of(target_schema, "prune")


def test_trigger_reads_view_under_its_other_name(bench: Bench) -> None:
    """The first source has a view and a trigger of these names."""
    for file in ("a.db", "b.db"):
        bench.database(file, M, FEW, PRUNE)

    target_schema = bench.target_schema(source("a.db", "m"), source("b.db", table("m", into="b_m")))

    assert [name for _, name in planned_objects(target_schema)] == ["m", "b_m", "few", "b_few", "prune", "b_m_prune"]
    assert '(SELECT id FROM "b_few")' in sql_of(target_schema, "b_m_prune")


def test_trigger_follows_renamed_column_beside_its_view(bench: Bench) -> None:
    """The view keeps its columns."""
    bench.database("a.db", M, FEW, PRUNE.replace("UPDATE", "UPDATE OF b"))

    target_schema = bench.target_schema(source("a.db", table("m", columns={"b": "c"})))

    assert 'UPDATE OF "c" ON' in sql_of(target_schema, "prune")


def test_instead_trigger_reads_later_view_under_other_name(bench: Bench) -> None:
    """Its own view does not read that one, and is planned before it."""
    drop = "CREATE TRIGGER dropped INSTEAD OF DELETE ON few BEGIN DELETE FROM m WHERE id IN (SELECT id FROM later); END"
    for file in ("a.db", "b.db"):
        bench.database(file, M, FEW, "CREATE VIEW later AS SELECT id FROM m", drop)

    target_schema = bench.target_schema(source("a.db", "m"), source("b.db", table("m", into="b_m")))

    assert 'DELETE FROM "b_m" WHERE id IN (SELECT id FROM "b_later")' in sql_of(target_schema, "b_few_dropped")
    assert [finding.id for finding in target_schema.findings] == ["name-changed"] * 3


def leaving(leave: Leave, *tables: str) -> Source:
    """Return a source that moves the table m with others, and leaves an object behind."""
    return source("a.db", "m", *tables).model_copy(update={"leave": [leave]})


OTHER = "CREATE VIEW few AS SELECT 1 AS id, 2 AS b"
GUARD = "CREATE TRIGGER guard BEFORE DELETE ON m WHEN EXISTS (SELECT 1 FROM few) BEGIN SELECT RAISE(IGNORE); END"
ALL = "CREATE VIEW every AS SELECT id FROM m"
CUT = "CREATE TRIGGER cut INSTEAD OF DELETE ON every BEGIN DELETE FROM m WHERE id IN (SELECT id FROM few); END"


@pytest.mark.parametrize("ddl", [(PRUNE,), (GUARD,), (ALL, CUT)], ids=["body", "when", "instead-of"])
@pytest.mark.parametrize("views", [(), ("few",)], ids=["by-name", "by-plan"])
def test_trigger_stays_if_its_view_is_another_one(bench: Bench, ddl: tuple[str, ...], views: tuple[str, ...]) -> None:
    """It would read the target's view."""
    bench.database(TARGET, OTHER)
    bench.database("a.db", M, FEW, *ddl)

    target_schema = bench.target_schema(leaving(Leave(views=views, tables=("none",), reason="unused")))

    assert [name for kind, name in planned_objects(target_schema) if kind == "trigger"] == []
    assert "trigger-left" in [finding.id for finding in target_schema.findings]


def test_equal_triggers_on_different_views_are_told_apart(bench: Bench) -> None:
    """The target has the trigger of the first source, which reads its view."""
    bench.database("a.db", M, FEW, PRUNE)
    bench.database("b.db", M, FEW.replace("100", "5"), PRUNE)

    target_schema = bench.target_schema(source("a.db", "m"), source("b.db", "m"))

    assert [name for kind, name in planned_objects(target_schema) if kind == "trigger"] == ["prune"]
    assert [(finding.id, finding.subject) for finding in target_schema.findings] == [
        ("view-left", "b.db"),
        ("trigger-left", "b.db:m"),
    ]


PUT = "CREATE TRIGGER put INSTEAD OF INSERT ON few BEGIN INSERT INTO m(b) VALUES(new.b); END"
FILL = "CREATE TRIGGER fill AFTER INSERT ON k BEGIN INSERT INTO few(b) VALUES(1); END"


def test_trigger_that_changes_an_unchangeable_view_is_refused(bench: Bench) -> None:
    """Its INSTEAD OF trigger is left behind, so each change of its table would fail."""
    bench.database("a.db", M, FEW, PUT, "CREATE TABLE k(id)", FILL)

    problem = refusal(bench.target_schema(leaving(Leave(triggers=("put",), reason="unused"), "k")))

    assert (problem.id, problem.subject) == ("broken-trigger", "a.db:k")
    assert problem.criterion == "nothing-left-behind"


def test_trigger_may_change_a_view_by_its_trigger(bench: Bench) -> None:
    """The INSTEAD OF trigger is created after it."""
    bench.database("a.db", M, FEW, PUT, "CREATE TABLE k(id)", FILL)

    assert ("trigger", "fill") in planned_objects(bench.target_schema(source("a.db", "m", "k")))


def test_trigger_reaches_rows_of_others_through_view(bench: Bench) -> None:
    """Its table is kept apart, and the view reads a table that also holds the target's rows."""
    reads = "CREATE VIEW few AS SELECT id FROM k"
    bench.database(TARGET, "CREATE TABLE k(id)", "INSERT INTO k VALUES(1)")
    bench.database("a.db", M, "CREATE TABLE k(id)", reads, PRUNE, "INSERT INTO k VALUES(2)")

    inspected = bench.survey(source("a.db", table("m", into="x"), "k"))

    assert inspected.target_schema.schema.triggers == ()
    assert "trigger-left" in [finding.id for finding in inspected.findings]

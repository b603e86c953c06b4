"""Specify that triggers follow the views that they use, as they follow tables."""

from __future__ import annotations

import pytest

from tests.support.databases import Bench, source, table
from tests.support.target_schemas import planned_objects, sql_of

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

"""Specify which index replaces a planned one, and which triggers are added."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.comparison.compare_structure import SchemaComparison
from sqlite_consolidate.engine.checks.comparison.compare_triggers import triggers_in_place
from sqlite_consolidate.engine.checks.comparison.indexes import (
    added_indexes,
    added_unique_indexes,
    find_replacement,
)
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.databases import TARGET, Bench, source

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

LOGS = "CREATE TRIGGER {} AFTER INSERT ON own BEGIN SELECT {}; END"
ADDED = ("not in the target", "an unplanned trigger")


def table(*statements: str) -> Table:
    """Return the table ``t`` that the statements create."""
    con = open_memory()
    for statement in statements:
        con.execute(statement)
    return read_schema(con).tables["t"]


def replacement(*indexes: str) -> str:
    """Return the name of the index that replaces the planned index ``i`` of column ``a``."""
    planned, present = table("CREATE TABLE t(a, b)", "CREATE INDEX i ON t(a)"), table("CREATE TABLE t(a, b)", *indexes)
    index = find_replacement(planned.indexes[0], planned, present)
    return index.name if index else ""


def test_replacement_has_name_or_columns_of_index() -> None:
    """The name comes first. An index of other columns under another name replaces nothing."""
    other, same = "CREATE INDEX i ON t(b)", "CREATE UNIQUE INDEX j ON t(a)"

    assert replacement(other, same) == replacement(same, other) == "i"
    assert replacement(same) == "j"
    assert replacement("CREATE INDEX k ON t(b)") == ""


def test_index_of_a_primary_key_is_not_added() -> None:
    """The columns of a table say that it has another key."""
    planned = table("CREATE TABLE t(a, b UNIQUE)")
    present = table("CREATE TABLE t(a PRIMARY KEY, b UNIQUE)", "CREATE INDEX i ON t(a)")

    assert [index.name for index in added_indexes(planned, present)] == ["i"]


def test_unique_index_beside_narrower_key_is_not_added() -> None:
    """The key counts with its collation."""
    planned = table("CREATE TABLE t(a UNIQUE, b)")
    present = table(
        "CREATE TABLE t(a UNIQUE, b)",
        "CREATE UNIQUE INDEX backwards ON t(a DESC)",
        "CREATE INDEX plain ON t(b)",
        "CREATE UNIQUE INDEX wider ON t(a, b)",
        "CREATE UNIQUE INDEX folds ON t(a COLLATE NOCASE)",
        "CREATE UNIQUE INDEX other ON t(b)",
        "CREATE UNIQUE INDEX computed ON t(abs(b))",
    )

    assert {index.name for index in added_unique_indexes(planned, present)} == {"folds", "other", "computed"}


def test_equivalent_trigger_beside_the_planned_one_is_added(bench: Bench) -> None:
    """The one with the planned name is the planned one, wherever it stands in the schema."""
    path = bench.database(TARGET, "CREATE TABLE own(v)", LOGS.format("planned", 1))
    bench.database("a.db", "CREATE TABLE t(v)")
    inspected = bench.survey(source("a.db", "t"))
    bench.resources.close()
    with closing(open_existing(path)) as con:
        con.execute("DROP TRIGGER planned")
        for name, value in (("early", 1), ("planned", 1), ("late", 1), ("more", 2)):
            con.execute(LOGS.format(name, value))
        comparison = SchemaComparison(schema=read_schema(con), inspected=inspected, changed_since=True)

    by_name = triggers_in_place(replace(comparison, changed_since=False))
    assert [observation.subject for observation in by_name if observation.holds is False] == [
        "trigger early", "trigger late", "trigger more",
    ]  # fmt: skip
    added = [observation for observation in triggers_in_place(comparison) if observation.holds is False]
    assert [observation.subject for observation in added] == ["trigger early", "trigger late", "trigger more"]
    assert {(observation.expected, observation.observed) for observation in added} == {ADDED}

"""Move a schema whole by ``tables = "*"``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from tests.support.databases import table, whole_source

if TYPE_CHECKING:
    from tests.support.databases import Bench

SHOP = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE bill (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer)",
    "CREATE TABLE log (text)",
    "CREATE INDEX by_customer ON bill (customer)",
    "CREATE VIEW open_bills AS SELECT name FROM bill JOIN customer ON customer.id = bill.customer",
    "CREATE TRIGGER logs AFTER INSERT ON bill BEGIN INSERT INTO log VALUES (new.id); END",
)
NAMES = {"customer", "bill", "log", "by_customer", "open_bills", "logs"}


def test_schema_without_rows_arrives_whole(bench: Bench) -> None:
    """Views, indexes and triggers work, because the tables that they use are there."""
    bench.database("a.db", *SHOP)

    copied = bench.copied(whole_source("a.db"))

    assert {name for (name,) in copied.rows("SELECT name FROM sqlite_schema")} >= NAMES
    copied.con.execute("INSERT INTO customer VALUES (1, 'Ada')")
    copied.con.execute("INSERT INTO bill VALUES (1, 1)")
    assert copied.rows("SELECT name FROM open_bills") == [("Ada",)]
    assert copied.rows("SELECT text FROM log") == [(1,)]


def test_renumbered_source_moves_all_tables(bench: Bench) -> None:
    """A listed table has its own keys, and the default of the source holds for the others."""
    bench.database("target.db", *SHOP[:2], "INSERT INTO customer VALUES (1, 'Bo')")
    rows = "INSERT INTO customer VALUES (1, 'Ada')", "INSERT INTO bill VALUES (4, 1)", "INSERT INTO log VALUES ('x')"
    bench.database("a.db", *SHOP[:5], *rows)

    copied = bench.copied(whole_source("a.db", table("bill", keys="keep"), keys_="renumber"))

    joined = copied.rows("SELECT bill.id, customer, name FROM bill JOIN customer ON customer.id = bill.customer")
    assert joined == [(4, 2, "Ada")]
    assert copied.rows("SELECT text FROM log") == [("x",)]


def test_left_table_is_no_part_of_all(bench: Bench) -> None:
    """A table that is left has its finding, and none of the others is left behind."""
    bench.database("a.db", "CREATE TABLE t (a)", "CREATE TABLE tmp_x (a)", "INSERT INTO tmp_x VALUES (1)")

    inspected = bench.survey(whole_source("a.db", leave={"tmp_*": "rebuilt"}))

    assert inspected.problems == []
    assert [mapping.into.name for mapping in inspected.mappings] == ["t"]
    assert [finding.subject for finding in inspected.findings if finding.id == "rows-left"] == ["a.db:tmp_x"]


@pytest.mark.parametrize("statements", [[], ["CREATE TABLE tmp_x (a)"]])
def test_source_without_table_to_move_is_refused(bench: Bench, statements: list[str]) -> None:
    """A database without a table is hardly the right file."""
    bench.database("a.db", "PRAGMA user_version = 1", *statements)

    problems = bench.survey(whole_source("a.db", leave={"tmp_*": "rebuilt"})).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("no-such-table", "a.db")]


def test_history_of_a_source_is_refused(bench: Bench) -> None:
    """The run names the history that a source has as the target of an earlier run."""
    bench.database("a.db", "CREATE TABLE t (a)", "CREATE TABLE _consolidation_history (run)")

    problems = bench.survey(whole_source("a.db")).problems

    assert [problem.id for problem in problems] == ["history-taken"]


def test_files_of_a_pattern_bring_different_tables(bench: Bench) -> None:
    """A table that only some files have is no finding, because no entry of the plan names it."""
    bench.database("x1.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    bench.database("x2.db", "CREATE TABLE t (a)", "CREATE TABLE u (a)", "INSERT INTO u VALUES (2)")
    stated = bench.plan(whole_source("x.db").model_copy(update={"file": "x*.db"}))

    inspected = bench.survey_of(expand_by_files(stated, bench.root))

    assert inspected.problems == []
    assert [(mapping.source.file, mapping.into.name) for mapping in inspected.mappings] == [
        ("x1.db", "t"),
        ("x2.db", "t"),
        ("x2.db", "u"),
    ]
    assert [finding.id for finding in inspected.findings] == []

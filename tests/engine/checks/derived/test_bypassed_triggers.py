"""Test that a trigger which could refuse a row, and is not asked, is a finding."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.databases import TARGET, Bench, source, table

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body)"
OLD = "INSERT INTO t VALUES(1, 'one'), (2, 'two')"
CHECKS = "CREATE TRIGGER checks BEFORE INSERT ON t WHEN new.body = 'x' BEGIN SELECT RAISE(ABORT, 'no x'); END"
ALONE = (
    "CREATE TRIGGER alone AFTER INSERT ON t BEGIN"
    " SELECT raise (IGNORE) WHERE EXISTS(SELECT 1 FROM t WHERE body = new.body AND id <> new.id); END"
)


def bypassed(bench: Bench, *sources: Any) -> list[tuple[str, int]]:
    """Return the findings about triggers that are not asked. There must be no problem."""
    inspected = bench.survey(*sources)
    assert inspected.problems == []
    return [(each.subject, each.count) for each in inspected.findings if each.id == "trigger-bypassed"]


@pytest.mark.parametrize("trigger", [CHECKS, CHECKS.replace("BEFORE", "AFTER"), ALONE])
def test_trigger_that_could_refuse_a_row_is_a_finding(bench: Bench, trigger: str) -> None:
    """It counts the rows that arrive, not those that are skipped."""
    bench.database(TARGET, ROWS, OLD, trigger)
    bench.database("a.db", ROWS, "INSERT INTO t VALUES(1, 'one'), (3, 'x'), (4, 'y')")

    assert bypassed(bench, source("a.db", table("t", on_conflict="skip-identical"))) == [("target.db:t", 2)]


@pytest.mark.parametrize(
    ("event", "count"), [("BEFORE UPDATE", 1), ("AFTER DELETE", 1), ("UPDATE OF body", 1), ("INSERT", 2)]
)
def test_trigger_that_protects_rows_is_a_finding(bench: Bench, event: str, count: int) -> None:
    """A replaced row is one that it could have kept."""
    bench.database(TARGET, ROWS, OLD, f"CREATE TRIGGER keeps {event} ON t BEGIN SELECT RAISE(FAIL, 'read only'); END")
    bench.database("a.db", ROWS, "INSERT INTO t VALUES(1, 'ONE'), (2, 'two'), (3, 'three')")

    assert bypassed(bench, source("a.db", table("t", on_conflict="prefer-source"))) == [("target.db:t", count)]


def test_trigger_that_another_one_fires_is_a_finding(bench: Bench) -> None:
    """The first sets a column of its row, and the second refuses that."""
    sets = "CREATE TRIGGER sets AFTER INSERT ON t BEGIN UPDATE t SET body = 1 WHERE id = new.id; END"
    bench.database(
        TARGET, ROWS, sets, CHECKS.replace("INSERT", "UPDATE"), CHECKS.replace("checks BEFORE INSERT", "no DELETE")
    )
    bench.database("a.db", ROWS, OLD)

    assert bypassed(bench, source("a.db", "t")) == [("target.db:t", 2)]


@pytest.mark.parametrize(
    "schema",
    [
        CHECKS.replace("INSERT", "DELETE"),
        CHECKS.replace("ON t", "ON other"),
        CHECKS.replace("RAISE(ABORT, 'no x')", "'raise(abort)'"),
    ],
    ids=["at DELETE", "other table", "only a text"],
)
def test_trigger_that_no_row_concerns_is_no_finding(bench: Bench, schema: str) -> None:
    """It does not fire at INSERT, its table receives nothing, or it cannot refuse."""
    bench.database(TARGET, ROWS, "CREATE TABLE other(body)", schema)
    bench.database("a.db", ROWS, OLD)

    assert bypassed(bench, source("a.db", "t")) == []


def test_trigger_of_each_source_has_judged_the_rows(bench: Bench) -> None:
    """The rows of each source have passed the same trigger."""
    bench.database("a.db", ROWS, CHECKS, ALONE, OLD)
    assert bypassed(bench, source("a.db", "t")) == []

    bench.resources.close()
    bench.database("b.db", ROWS, CHECKS, "INSERT INTO t VALUES(3, 'three')")

    assert bypassed(bench, source("a.db", table("t")), source("b.db", "t")) == [("target.db:t", 3)]


def test_source_without_the_trigger_makes_it_a_finding(bench: Bench) -> None:
    """Nothing has judged the rows of the second source."""
    bench.database("a.db", ROWS, CHECKS, OLD)
    bench.database("b.db", ROWS, "INSERT INTO t VALUES(3, 'x')")

    assert bypassed(bench, source("a.db", "t"), source("b.db", "t")) == [("target.db:t", 3)]

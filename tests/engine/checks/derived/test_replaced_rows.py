"""Test that derived data is judged by the rows that the copy really adds or replaces."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.sqlite.schema.derivations import reads_rows, trigger_event
from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
from sqlite_consolidate.plan.parts.derived import Rebuild, Stale
from tests.support.databases import TARGET, Bench, source, table
from tests.support.observations import numbers_in
from tests.support.thorough import thorough

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body, name UNIQUE)"
WITHOUT_ROWID = "CREATE TABLE t(id INTEGER PRIMARY KEY, body, name UNIQUE) WITHOUT ROWID"
LOG = "CREATE TABLE log(of INTEGER)"
FTS5 = "CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id)"
OLD = "INSERT INTO t VALUES(1, 'one', 'a'), (2, 'two', 'b'), (3, 'three', 'c')"
SAME = "INSERT INTO t VALUES(1, 'one', 'a'), (2, 'two', 'b')"
OTHER = "INSERT INTO t VALUES(1, 'one', 'a'), (2, 'TWO', 'b')"
FURTHER = "INSERT INTO t VALUES(1, 'one', 'a'), (4, 'four', 'd')"
REFUSED = ("derived-undeclared", "target.db:log")


def fires(event: str, body: str = "INSERT INTO log VALUES(1)") -> str:
    """Return a trigger of the target."""
    return f"CREATE TRIGGER fires {event} ON t BEGIN {body}; END"


def judged(bench: Bench, policy: str, **keys: Any) -> tuple[list[tuple[str, str]], list[tuple[str, int]]]:
    """Return the problems, and the findings about triggers and derived data with their counts."""
    inspected = bench.survey(source("a.db", table("t", on_conflict=policy)), **keys)
    ids = ("derived-stale", "trigger-not-fired", "trigger-bypassed")
    findings = [(each.id, each.count) for each in inspected.findings if each.id in ids]
    return [(each.id, each.subject) for each in inspected.problems], findings


@pytest.mark.parametrize("rows", [ROWS, WITHOUT_ROWID], ids=["rowid", "without rowid"])
@pytest.mark.parametrize(
    "event",
    [
        "AFTER DELETE",
        "AFTER UPDATE",
        *thorough("BEFORE UPDATE OF body", "AFTER INSERT", "BEFORE DELETE", "UPDATE OF id"),
    ],
)
def test_replaced_rows_make_every_trigger_stale(bench: Bench, rows: str, event: str) -> None:
    """The copy deletes and inserts. An application could have updated the row as well."""
    bench.database(TARGET, rows, LOG, OLD, fires(event))
    bench.database("a.db", rows, OTHER)

    assert judged(bench, "prefer-source") == ([REFUSED], [])
    stale = [Stale(name="log", reason="none reads it")]
    assert judged(bench, "prefer-source", stale=stale) == ([], [("derived-stale", 1)])


@pytest.mark.parametrize("policy", ["skip-identical", "prefer-source", *thorough("prefer-target")])
@pytest.mark.parametrize("event", ["AFTER DELETE", *thorough("AFTER UPDATE", "AFTER INSERT")])
def test_rows_that_change_nothing_make_nothing_stale(bench: Bench, policy: str, event: str) -> None:
    """Each row is skipped, or replaces an identical one."""
    bench.database(TARGET, ROWS, LOG, FTS5, OLD, fires(event))
    bench.database("a.db", ROWS, SAME)

    assert judged(bench, policy) == ([], [])
    assert bench.survey(source("a.db", table("t", on_conflict=policy))).without_added_rows == ["t"]


@pytest.mark.parametrize("event", ["AFTER DELETE", "AFTER UPDATE"])
def test_row_that_is_only_added_fires_no_other_trigger(bench: Bench, event: str) -> None:
    """No row of the target is replaced by a different one."""
    bench.database(TARGET, ROWS, LOG, OLD, fires(event))
    bench.database("a.db", ROWS, FURTHER)

    assert judged(bench, "prefer-source") == ([], [])
    assert judged(bench, "skip-identical") == ([], [])


def test_only_rows_that_arrive_are_counted(bench: Bench) -> None:
    """One is identical, one is added, and one replaces the two rows whose keys it has."""
    bench.database(TARGET, ROWS, LOG, FTS5, OLD, fires("AFTER DELETE"))
    bench.database("a.db", ROWS, FURTHER, "INSERT INTO t VALUES(2, 'TWO', 'c')")
    stale = [Stale(name="log", reason="none reads it"), Stale(name="words", reason="rebuilt")]

    assert judged(bench, "prefer-source", stale=stale) == ([], [("derived-stale", 2), ("derived-stale", 2)])


def test_row_that_an_earlier_source_brought_can_be_replaced(bench: Bench) -> None:
    """The second source replaces a row that the target did not have before."""
    bench.database(TARGET, ROWS, LOG, fires("AFTER UPDATE"))
    bench.database("a.db", ROWS, OTHER)
    bench.database("b.db", ROWS, SAME)

    inspected = bench.survey(source("a.db", "t"), source("b.db", table("t", on_conflict="prefer-source")))

    assert [(problem.id, problem.subject) for problem in inspected.problems] == [REFUSED]


def test_search_index_knows_identical_rows_by_rowid(bench: Bench) -> None:
    """A replaced row of a table with a text key can get another implicit rowid."""
    rows = "CREATE TABLE t(name TEXT PRIMARY KEY, body)"
    bench.database(TARGET, rows, "INSERT INTO t VALUES('b', 2), ('a', 1)", FTS5.replace(", content_rowid=id", ""))
    bench.database("a.db", rows, "INSERT INTO t VALUES('a', 1)")

    assert judged(bench, "prefer-source") == ([("derived-undeclared", "target.db:words")], [])
    assert judged(bench, "skip-identical") == ([], [])


INDEXES = {
    "FTS5": FTS5,
    "FTS5 over a view": FTS5.replace("content=t", "content=v"),
    "FTS4": 'CREATE VIRTUAL TABLE words USING fts4(body, content="t")',
}


@pytest.mark.parametrize("index", INDEXES)
def test_matched_row_that_is_updated_makes_an_index_stale(bench: Bench, index: str) -> None:
    """No row is added, and the row that stands gets another text."""
    view, other = "CREATE VIEW v AS SELECT id, body FROM t", "INSERT INTO t VALUES(7, 'ONE', 'a'), (8, 'two', 'b')"
    bench.database(TARGET, ROWS, OLD, view, INDEXES[index], "INSERT INTO words(words) VALUES('rebuild')")
    bench.database("a.db", ROWS, other)

    def derived(policy: str, **keys: Any) -> list[tuple[str, str, int]]:
        inspected = bench.survey(source("a.db", table("t", match=["name"], on_conflict=policy)), **keys)
        findings = [(each.id, each.subject, each.count) for each in inspected.findings if each.id == "derived-stale"]
        return [(each.id, each.subject, 0) for each in inspected.problems] + findings

    stale = [Stale(name="words", reason="rebuilt by hand")]
    assert derived("prefer-source") == [("derived-undeclared", "target.db:words", 0)]
    accepted = ("derived-undeclared", 0) if index == "FTS4" else ("derived-stale", 1)
    assert [(id_, count) for id_, _, count in derived("prefer-source", stale=stale)] == [accepted]
    assert derived("prefer-source", rebuilds=[Rebuild(table="words")]) == []
    assert derived("prefer-target") == []


def test_stale_table_may_get_no_row_this_time(bench: Bench) -> None:
    """The plan accepts it whether rows are added or all of them stand already."""
    bench.database(TARGET, ROWS, LOG, OLD, fires("AFTER INSERT"))
    bench.database("a.db", ROWS, SAME)

    assert judged(bench, "skip-identical", stale=[Stale(name="log", reason="none reads it")]) == ([], [])


def test_refusal_counts_added_and_replaced_rows(bench: Bench) -> None:
    """It tells the rows that are added from those that are replaced."""
    bench.database(TARGET, ROWS, LOG, OLD, fires("AFTER INSERT"), fires("AFTER DELETE").replace("fires", "clears"))
    bench.database("a.db", ROWS, FURTHER, "INSERT INTO t VALUES(2, 'TWO', 'b')")

    [problem] = bench.survey(source("a.db", table("t", on_conflict="prefer-source"))).problems

    assert problem.id == "derived-undeclared"
    assert numbers_in(problem.what) == [2, 1]


@pytest.mark.parametrize(
    ("body", "problems", "findings"),
    [
        ("UPDATE t SET body = 'now' WHERE id = old.id", [], [("trigger-not-fired", 1)]),
        ("UPDATE t SET body = 'now' WHERE id = new.id AND new.body IS DISTINCT FROM 1", [], [("trigger-not-fired", 1)]),
        ("UPDATE t SET body = (SELECT count(*) FROM t) WHERE id = old.id", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 'now' WHERE id <> old.id", [("derived-undeclared", "target.db:t")], []),
    ],
)
def test_update_trigger_of_its_own_row_derives_nothing(
    bench: Bench, body: str, problems: list[Any], findings: list[Any]
) -> None:
    """A value that other rows determine is another one in the target."""
    bench.database(TARGET, ROWS, OLD, fires("AFTER UPDATE OF body", body))
    bench.database("a.db", ROWS, OTHER)

    assert judged(bench, "prefer-source") == (problems, findings)


@pytest.mark.parametrize(
    "further",
    [
        "CREATE TRIGGER next AFTER UPDATE ON t BEGIN UPDATE t SET name = 0 WHERE id <> new.id; END",
        "CREATE TRIGGER next AFTER UPDATE ON t BEGIN UPDATE other SET x = 1; END",
    ],
    ids=["by the table's trigger", "by a trigger of another table"],
)
def test_own_row_trigger_that_fires_another_one_is_refused(bench: Bench, further: str) -> None:
    """What it changes in its own row lets another trigger change further rows of the table."""
    back = "CREATE TRIGGER back AFTER UPDATE ON other BEGIN UPDATE t SET name = 0 WHERE id = new.id; END"
    other = "CREATE TABLE other(id INTEGER PRIMARY KEY, x)"
    sets = fires("AFTER INSERT", "UPDATE t SET body = lower(body) WHERE id = new.id")
    bench.database(TARGET, ROWS, other, sets, further, back)
    bench.database("a.db", ROWS, SAME)

    problems, _ = judged(bench, "refuse")

    assert ("derived-undeclared", "target.db:t") in problems


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('"update of" AFTER INSERT', "INSERT"),
        ("[x] UPDATE OF id, body", "UPDATE"),
        ("insert_log BEFORE/* insert */DELETE", "DELETE"),
        ("before\nupdate", "UPDATE"),
    ],
)
def test_event_of_a_trigger_is_read_from_its_text(text: str, event: str) -> None:
    """Names, comments and the statements of the trigger do not count."""
    sql = f"CREATE TRIGGER {text} ON t BEGIN INSERT INTO log VALUES(1); DELETE FROM log; UPDATE log SET of = 1; END"

    assert trigger_event(TriggerOrView("x", "t", sql)) == event


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("UPDATE t SET n = (SELECT(1)FROM u) WHERE id = new.id", True),
        ("UPDATE t SET n = new.n IN u WHERE id = new.id", True),
        ('UPDATE t SET n = new.n NOT IN"u" WHERE id = new.id', True),
        ("UPDATE t SET n = (SELECT 'from u') WHERE id = new.id", False),
        ("UPDATE t SET n = new.n IN (1, 2) WHERE id = new.id AND n IS DISTINCT  FROM 1 -- in u", False),
    ],
)
def test_statement_that_reads_other_rows_is_known(sql: str, *, reads: bool) -> None:
    """It has a query, or compares with a whole table."""
    assert reads_rows(sql) is reads

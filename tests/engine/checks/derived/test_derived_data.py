"""Test that derived data which would be stale is refused, or accepted by the plan."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours
from sqlite_consolidate.plan.parts.derived import Stale
from tests.support.databases import TARGET, Bench, failed_subjects, source, table

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body)"
LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, of INTEGER)"
SUM = "CREATE TABLE total(name TEXT PRIMARY KEY, n)"
APPENDS = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN INSERT INTO log(of) VALUES(new.id); END"
COUNTS = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN UPDATE total SET n = n + 1; END"
FTS5 = "CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id)"
FTS4 = 'CREATE VIRTUAL TABLE words USING fts4(body, content="t")'
CONTENTLESS = "CREATE VIRTUAL TABLE words USING fts5(body, content='')"
INDEXES = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END"
UPSERT = "log VALUES(1, new.id) ON CONFLICT(id) DO UPDATE SET of = new.id"
CHAIN = "CREATE TRIGGER next AFTER INSERT ON log BEGIN DELETE FROM words; END"
ARRIVE = "INSERT INTO t VALUES(1, 'one'), (2, 'two')"


def stale(name: str) -> dict[str, Any]:
    """Return the keys of a plan that accepts derived data as stale."""
    return {"stale": [Stale(name=name, reason="rebuilt by the application")]}


def judged(bench: Bench, *tables: Any, **keys: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str, int]]]:
    """Return the problems and the findings about derived data by id and subject."""
    inspected = bench.survey(source("a.db", *tables), **keys)
    problems = [(each.id, each.subject) for each in inspected.problems if each.criterion == "derived-declared"]
    assert len(problems) == len(inspected.problems)
    ids = ("derived-stale", "trigger-not-fired", "index-unexplained")
    return problems, [(each.id, each.subject, each.count) for each in inspected.findings if each.id in ids]


REFUSED = [("derived-undeclared", "target.db:words")]


@pytest.mark.parametrize(
    "schema",
    [
        (FTS5,),
        (FTS5, INDEXES),
        (FTS4,),
        (CONTENTLESS, INDEXES),
        ("CREATE VIEW v AS SELECT id, body FROM t", FTS5.replace("content=t", "content=v")),
        ("CREATE VIRTUAL TABLE words USING fts5(body)", INDEXES),
        ("CREATE TABLE words(body)", INDEXES.replace("new.id", "f(new.id)").replace("AFTER", "BEFORE")),
        ("CREATE TABLE words(body)", LOG, APPENDS, CHAIN),
    ],
    ids=["external", "kept by a trigger", "FTS4", "contentless", "view", "content of its own", "function", "chain"],
)
def test_rows_that_nothing_derives_from_are_refused(bench: Bench, schema: tuple[str, ...]) -> None:
    """The target derives the table from rows that arrive without a trigger."""
    bench.database(TARGET, ROWS, *schema)
    bench.database("a.db", ROWS, ARRIVE)

    problems, findings = judged(bench, "t")

    assert REFUSED[0] in problems
    assert findings == []


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TRIGGER fires AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'no') WHERE new.body IS NULL; END",
        "CREATE TRIGGER fires AFTER DELETE ON t BEGIN DELETE FROM other; END",
        "CREATE TRIGGER fires AFTER INSERT ON other BEGIN DELETE FROM t; END",
        "CREATE VIRTUAL TABLE words USING fts5(x, content=other)",
    ],
    ids=["checks only", "not at INSERT", "other table", "other content"],
)
def test_what_no_arriving_row_changes_is_accepted(bench: Bench, schema: str) -> None:
    """The trigger writes nothing, does not fire at INSERT, or its table receives nothing."""
    bench.database(TARGET, ROWS, "CREATE TABLE other(x)", schema)
    bench.database("a.db", ROWS, ARRIVE)

    assert judged(bench, "t") == ([], [])


def test_empty_source_makes_nothing_stale(bench: Bench) -> None:
    """The [[stale]] of the plan has its effect as soon as rows arrive."""
    bench.database(TARGET, ROWS, FTS5)
    bench.database("a.db", ROWS)

    assert judged(bench, "t") == ([], [])
    assert judged(bench, "t", **stale("words")) == ([], [])


@pytest.mark.parametrize("name", ["total", "TOTAL", "fires"])
def test_plan_accepts_what_a_trigger_writes(bench: Bench, name: str) -> None:
    """It names the table or the trigger."""
    bench.database(TARGET, ROWS, SUM, COUNTS)
    bench.database("a.db", ROWS, ARRIVE)

    assert judged(bench, "t") == ([("derived-undeclared", "target.db:total")], [])
    assert judged(bench, "t", **stale(name)) == ([], [("derived-stale", "target.db:total", 2)])


@pytest.mark.parametrize("name", ["other", "t"])
def test_stale_without_effect_is_a_mistake(bench: Bench, name: str) -> None:
    """It names neither an index or a trigger that would be stale, nor what a trigger writes."""
    bench.database(TARGET, ROWS, "CREATE TABLE other(x)", FTS5)
    bench.database("a.db", ROWS, ARRIVE)

    problems, _ = judged(bench, "t", **stale(name))

    assert problems == [*REFUSED, ("no-effect", f"[[stale]] {name}")]


def test_accepted_search_index_is_not_compared(bench: Bench) -> None:
    """It shows the rows of its content table, and integrity_check finds no error in it."""
    bench.database(TARGET, ROWS, "INSERT INTO t VALUES(7, 'seven')", FTS5, INDEXES, "CREATE TABLE other(x)")
    bench.database("a.db", ROWS, ARRIVE)

    copied = bench.copied(source("a.db", "t"), **stale("words"))

    neighbours = {each.subject: each for each in compare_neighbours.neighbours(copied.compared)}
    assert neighbours["words"].observed == compare_neighbours.STALE_INDEX
    assert neighbours["words"].examined == 0
    assert neighbours["other"].holds
    assert failed_subjects(compare.integrity(copied.con)) == []


def test_stale_fts4_index_is_refused_all_the_same(bench: Bench) -> None:
    """SQLite reports an FTS4 index that differs from its content as malformed."""
    bench.database(TARGET, ROWS, FTS4)
    bench.database("a.db", ROWS, ARRIVE)

    assert judged(bench, "t", **stale("words")) == (REFUSED, [])


def test_derived_rows_of_one_source_come_along(bench: Bench) -> None:
    """Both tables are new, so they are those of the source, whatever the trigger does."""
    bench.database("a.db", ROWS, SUM, "INSERT INTO total VALUES('t', 0)", COUNTS, ARRIVE)

    assert judged(bench, "t", "total") == ([], [])
    assert judged(bench, table("t", into="u"), table("total", into="sums")) == ([], [])
    assert judged(bench, table("t", into="u", columns={"body": "text"}), "total") == ([], [])


@pytest.mark.parametrize(
    ("derived", "trigger", "problems"),
    [
        ((SUM, "INSERT INTO total VALUES('t', 0)"), COUNTS, [("derived-undeclared", "target.db:total")]),
        (("CREATE VIRTUAL TABLE words USING fts5(body)",), INDEXES, REFUSED),
        ((LOG,), APPENDS, []),
    ],
    ids=["sum", "search index", "log"],
)
def test_derived_rows_of_left_rows_do_not_come_along(
    bench: Bench, derived: tuple[str, ...], trigger: str, problems: list[tuple[str, str]]
) -> None:
    """A sum counts the rows that ``where`` leaves behind, and a search finds them."""
    bench.database("a.db", ROWS, *derived, trigger, ARRIVE)
    name = derived[0].split("(")[0].split()[2 if "VIRTUAL" not in derived[0] else 3]

    assert judged(bench, table("t", where="id > 0", reason="all"), name)[0] == []
    assert judged(bench, table("t", where="id = 1", reason="one is enough"), name)[0] == problems


FORUM = (
    "CREATE TABLE topic(id INTEGER PRIMARY KEY, posts INTEGER, open INTEGER)",
    "CREATE TABLE post(id INTEGER PRIMARY KEY, topic INTEGER REFERENCES topic)",
    "CREATE TRIGGER counts AFTER INSERT ON post BEGIN UPDATE topic SET posts = posts + 1 WHERE id = new.topic; END",
    "INSERT INTO topic VALUES(1, 0, 1), (2, 0, 0)",
    "INSERT INTO post(topic) VALUES(1), (2), (2)",
)


def test_sums_come_along_when_rows_follow_them(bench: Bench) -> None:
    """The posts of a topic stay behind together with the topic that counts them."""
    bench.database("a.db", *FORUM)
    topic = table("topic", where="open", reason="closed ones stay")

    assert judged(bench, topic, table("post", follows="topic")) == ([], [])


def test_sums_of_two_sources_are_refused(bench: Bench) -> None:
    """The sum of one source does not count the rows of the other."""
    for name, key in (("a.db", 1), ("b.db", 2)):
        bench.database(name, ROWS, SUM, f"INSERT INTO total VALUES('{name}', 0)", COUNTS)
        bench.database(name, f"INSERT INTO t VALUES({key}, 'x')")

    inspected = bench.survey(source("a.db", "t", "total"), source("b.db", "t", "total"))

    [problem] = inspected.problems
    assert (problem.id, problem.subject) == ("derived-undeclared", "target.db:total")
    assert problem.others == ("a.db:t", "b.db:t")


@pytest.mark.parametrize(
    ("trigger", "log", "policy", "appends"),
    [
        (APPENDS, LOG, "refuse", True),
        (APPENDS, LOG, "skip-identical", True),
        (APPENDS, LOG, "prefer-target", True),
        (APPENDS, LOG, "prefer-source", True),
        (APPENDS.replace("INSERT INTO log", "INSERT OR REPLACE INTO log"), LOG, "refuse", False),
        (APPENDS.replace("INSERT INTO log", "REPLACE INTO log"), LOG, "refuse", False),
        (APPENDS.replace("new.id);", "replace(new.id, 1, 2));"), LOG, "refuse", True),
        (APPENDS, LOG.replace("of INTEGER", "of INTEGER UNIQUE ON CONFLICT REPLACE"), "refuse", False),
        (APPENDS.replace("log(of) VALUES(new.id)", UPSERT), LOG, "refuse", False),
    ],
)
def test_appended_log_of_all_sources_is_complete(
    bench: Bench, trigger: str, log: str, policy: str, appends: bool
) -> None:
    """A trigger that can change rows of others is no log."""
    bench.database(TARGET, ROWS, log, trigger, "INSERT INTO t VALUES(7, 'seven')")
    bench.database("a.db", ROWS, log, trigger, "INSERT INTO log VALUES(100, 100)", ARRIVE)
    bench.database("a.db", "DELETE FROM log WHERE id < 100")

    problems, findings = judged(bench, "t", table("log", on_conflict=policy))

    assert problems == ([] if appends else [("derived-undeclared", "target.db:log")])
    assert findings == ([("trigger-not-fired", "target.db:t", 2)] if appends else [])


@pytest.mark.parametrize(
    ("policy", "match", "stands", "appends"),
    [
        ("prefer-target", [], "101, 5", False),
        ("prefer-source", [], "101, 5", False),
        ("prefer-target", [], "101, 1", True),
        ("prefer-target", ["of"], "9, 5", True),
    ],
)
def test_log_is_complete_unless_a_row_stays_behind(
    bench: Bench, policy: str, match: list[str], stands: str, appends: bool
) -> None:
    """A policy that prefers one of two rows leaves nothing out where no two rows differ."""
    for file in (TARGET, "a.db"):
        bench.database(file, ROWS, LOG, APPENDS)
    bench.execute(TARGET, f"INSERT INTO log VALUES({stands})")
    bench.execute("a.db", "INSERT INTO log VALUES(100, 0)", "INSERT INTO t VALUES(1, 'one'), (2, 'two')")

    problems, _ = judged(bench, "t", table("log", on_conflict=policy, match=match))

    assert problems == ([] if appends else [("derived-undeclared", "target.db:log")])


PLACES = "CREATE VIRTUAL TABLE place USING rtree(id, low, high)"


@pytest.mark.parametrize(
    ("body", "appends"),
    [
        ("INSERT OR REPLACE INTO place VALUES(NEW.id, f(NEW.body), 9);", True),
        ('REPLACE INTO "place"(high, id, low) VALUES(9, "new"."id", 1);', True),
        ("INSERT OR REPLACE INTO place VALUES(NEW.id + 1, 1, 9);", False),
        ("INSERT OR REPLACE INTO place VALUES(1, NEW.id, 9);", False),
        ("INSERT OR REPLACE INTO place VALUES(NEW.id, (SELECT max(id) FROM t), 9);", False),
        ("INSERT OR REPLACE INTO place VALUES(NEW.id, 1, 9); REPLACE INTO place VALUES(1, 1, 9);", False),
    ],
)
def test_index_row_under_its_own_key_is_appended(bench: Bench, body: str, appends: bool) -> None:
    """The statement replaces no row but that of the new row, as in a GeoPackage."""
    trigger = f"CREATE TRIGGER fires AFTER INSERT ON t WHEN NEW.body NOTNULL BEGIN {body} END"
    bench.database(TARGET, ROWS, PLACES, trigger)
    bench.database("a.db", ROWS, PLACES, ARRIVE, trigger, "INSERT INTO place VALUES(1, 1, 9), (2, 2, 9)")

    problems, findings = judged(bench, "t", "place")

    assert problems == ([] if appends else [("derived-undeclared", "target.db:place")])
    assert findings == ([("trigger-not-fired", "target.db:t", 2)] if appends else [])


def test_log_is_incomplete_when_a_source_has_no_trigger(bench: Bench) -> None:
    """Nothing was written for the rows of that source."""
    bench.database(TARGET, ROWS, LOG, APPENDS)
    bench.database("a.db", ROWS, LOG, ARRIVE)

    assert judged(bench, "t", "log") == ([("derived-undeclared", "target.db:log")], [])


@pytest.mark.parametrize(
    ("body", "problems", "findings"),
    [
        ("UPDATE t SET body = lower(body) WHERE id = new.id", [], [("trigger-not-fired", "target.db:t", 2)]),
        ('UPDATE "t" SET body = 1 WHERE NEW."id" = "t"."id" AND 1', [], [("trigger-not-fired", "target.db:t", 2)]),
        ("UPDATE t SET body = 1 WHERE rowid = new.rowid", [], [("trigger-not-fired", "target.db:t", 2)]),
        ("UPDATE t SET body = 1 WHERE _rowid_ = new.oid", [], [("trigger-not-fired", "target.db:t", 2)]),
        ("UPDATE t SET body = 1 WHERE new.rowid == t.id", [], [("trigger-not-fired", "target.db:t", 2)]),
        ("UPDATE t SET body = 1 WHERE t.id IS new.id AND body IS NULL", [], [("trigger-not-fired", "target.db:t", 2)]),
        ("UPDATE t SET body = 0 WHERE id IS NOT new.id", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 0 WHERE id = new.body", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 0 WHERE id <> new.id", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 0 WHERE id = new.id OR 1", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 0 WHERE id = new.id AND 1 OR 1", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 0 WHERE body = new.body", [("derived-undeclared", "target.db:t")], []),
        ("UPDATE t SET body = 0", [("derived-undeclared", "target.db:t")], []),
        ("DELETE FROM t WHERE id = new.id - 9", [("derived-undeclared", "target.db:t")], []),
    ],
)
def test_trigger_that_changes_its_new_row_derives_nothing(
    bench: Bench, body: str, problems: list[Any], findings: list[Any]
) -> None:
    """Other rows of its own table are derived data."""
    bench.database(TARGET, ROWS, f"CREATE TRIGGER fires AFTER INSERT ON t BEGIN {body}; END")
    bench.database("a.db", ROWS, ARRIVE)

    assert judged(bench, "t") == (problems, findings)


@pytest.mark.parametrize(("equals", "derives"), [("=", False), ("IS", True)])
def test_trigger_that_compares_nulls_finds_several_rows(bench: Bench, equals: str, derives: bool) -> None:
    """A key of text may be NULL in any number of rows."""
    rows = "CREATE TABLE t(name TEXT PRIMARY KEY, body)"
    bench.database(
        TARGET,
        rows,
        f"CREATE TRIGGER fires AFTER INSERT ON t BEGIN UPDATE t SET body = 1 WHERE name {equals} new.name; END",
    )
    bench.database("a.db", rows, "INSERT INTO t VALUES('a', 1)")

    assert judged(bench, "t")[0] == ([("derived-undeclared", "target.db:t")] if derives else [])


def test_index_over_another_index_is_stale_as_well(bench: Bench) -> None:
    """SQLite cannot rebuild it, and reads the other one whenever a query reads it."""
    inner, outer = "CREATE VIRTUAL TABLE t USING fts5(body)", "CREATE VIRTUAL TABLE words USING fts5(body, content=t)"
    bench.database(TARGET, inner, outer)
    bench.database("a.db", inner, "INSERT INTO t VALUES('one')")

    assert judged(bench, "t") == (REFUSED, [])
    assert judged(bench, "t", **stale("words")) == ([], [("derived-stale", "target.db:words", 1)])


def test_contentless_index_that_nothing_explains_is_a_finding(bench: Bench) -> None:
    """An application fills it, or a trigger of a table that receives nothing does."""
    other = "CREATE TABLE other(id INTEGER PRIMARY KEY, body)"
    bench.database(TARGET, ROWS, other, CONTENTLESS)
    bench.database("a.db", ROWS, ARRIVE)
    assert judged(bench, "t") == ([], [("index-unexplained", "target.db:words", 1)])

    bench.resources.close()
    bench.database(TARGET, INDEXES.replace("ON t", "ON other"))

    assert judged(bench, "t") == ([], [])


NAMED = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN UPDATE total SET n = n + 1 WHERE name = 't'; END"
REFUSES = "CREATE TRIGGER checks BEFORE UPDATE ON total BEGIN SELECT RAISE(ABORT, 'no') WHERE new.n < 0; END"
WRITES = "CREATE TRIGGER adds AFTER UPDATE ON total BEGIN UPDATE total SET n = 0 WHERE name = 'u'; END"


@pytest.mark.parametrize("is_moved", [True, False])
def test_trigger_that_finds_no_row_of_others_is_right(bench: Bench, is_moved: bool) -> None:
    """Its row arrives with its table, or the target has no row that it would change."""
    bench.database(TARGET, SUM, REFUSES, "INSERT INTO total VALUES ('u', 7)")
    bench.database("a.db", ROWS, SUM, ARRIVE, NAMED, "INSERT INTO total VALUES ('t', 2)")

    left = {} if is_moved else {"leave": {"total": "counted again"}}
    inspected = bench.survey(source("a.db", "t", *(["total"] if is_moved else []), **left))

    assert inspected.problems == []
    assert "fires" in [trigger.name for trigger in inspected.target_schema.schema.triggers]


def test_further_trigger_that_changes_rows_of_others_is_refused(bench: Bench) -> None:
    """The trigger of the source fires one of the target, which changes another row."""
    bench.database(TARGET, SUM, WRITES, "INSERT INTO total VALUES ('u', 7)")
    bench.database("a.db", ROWS, SUM, ARRIVE, NAMED)

    problems, _ = judged(bench, "t")

    assert problems == [("derived-undeclared", "target.db:total")]

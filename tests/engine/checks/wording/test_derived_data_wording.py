"""Hold the sentences about derived data that would be stale."""

from __future__ import annotations

import pytest

from sqlite_consolidate.plan.parts.derived import Rebuild
from tests.support.databases import TARGET, Bench, source, table

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body)"
SUM = "CREATE TABLE total(name TEXT PRIMARY KEY, n)"
COUNTS = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN UPDATE total SET n = n + 1; END"
FTS5 = "CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id)"
FTS4 = 'CREATE VIRTUAL TABLE words USING fts4(body, content="t")'
CONTENTLESS = "CREATE VIRTUAL TABLE words USING fts5(body, content='')"
INDEXES = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END"
ARRIVE = "INSERT INTO t VALUES(1, 'one'), (2, 'two')"

FIRED = (("fires", "INSERT"), ("clears", "DELETE"))
WORDED = {
    (FTS5, INDEXES): (
        "target.db:words: this search index does not receive 2 rows of t. Paste these lines into the plan, and the run "
        'rebuilds it. Or accept that words is stale: [[stale]] with name = "words" and a reason.\n[[rebuild]]\n'
        'table = "words" [derived-undeclared]'
    ),
    (FTS4,): (
        "target.db:words: this search index does not receive 2 rows of t. SQLite's integrity_check reports a stale "
        "FTS4 index as malformed, so a [[stale]] cannot accept it. Paste these lines into the plan, and the run "
        'rebuilds it:\n[[rebuild]]\ntable = "words" [derived-undeclared]'
    ),
    (CONTENTLESS, INDEXES): (
        "target.db:words: trigger fires does not fire for 2 rows of t, so what it would write here is missing. Paste "
        "these lines into the plan, and the run rebuilds it. Or accept that words is stale: [[stale]] with name = "
        '"words" and a reason.\n[[rebuild]]\ntable = "words"\n'
        'from = "SELECT new.id, new.body FROM t AS new" [derived-undeclared]'
    ),
    (CONTENTLESS, INDEXES.replace("VALUES(new.id, new.body)", "SELECT id, body FROM t WHERE id = new.id")): (
        "target.db:words: trigger fires does not fire for 2 rows of t, so what it would write here is missing. Paste "
        "these lines into the plan with the query of rowid and body, and the run rebuilds it. Or accept that words is "
        'stale: [[stale]] with name = "words" and a reason.\n[[rebuild]]\ntable = "words"\n'
        'from = "SELECT ..." [derived-undeclared]'
    ),
    (SUM, COUNTS): (
        "target.db:total: trigger fires does not fire for 2 rows of t, so what it would write here is missing. Paste "
        "these lines into the plan with the queries of these columns. Or move the rows into a table of another name "
        '(into), or accept that total is stale: [[stale]] with name = "total" and a reason.\n[[refresh]]\n'
        'table = "total"\ncolumns = ["n"]\nset = "n = (SELECT ...)"\nreason = "kept by trigger fires" '
        "[derived-undeclared]"
    ),
    (SUM, COUNTS, COUNTS.replace("fires", "more")): (
        "target.db:total: triggers fires and more do not fire for 2 rows of t, so what they would write here is "
        "missing. Paste these lines into the plan with the queries of these columns. Or move the rows into a table of "
        'another name (into), or accept that total is stale: [[stale]] with name = "total" and a reason.\n'
        '[[refresh]]\ntable = "total"\ncolumns = ["n"]\nset = "n = (SELECT ...)"\n'
        'reason = "kept by triggers fires and more" [derived-undeclared]'
    ),
    (SUM, COUNTS.replace("UPDATE total SET n = n + 1", "INSERT INTO total VALUES(new.id, 1)")): (
        "target.db:total: trigger fires does not fire for 2 rows of t, so what it would write here is missing. Move "
        "the rows into a table of another name (into), or accept that total is stale: [[stale]] with name = "
        '"total" and a reason. [derived-undeclared]'
    ),
}


@pytest.mark.parametrize(("schema", "sentence"), WORDED.items())
def test_refusals_of_stale_data_are_worded(bench: Bench, schema: tuple[str, ...], sentence: str) -> None:
    """Each names the table, the number of rows and the ways out."""
    bench.database(TARGET, ROWS, *schema)
    bench.database("a.db", ROWS, ARRIVE)

    [problem] = bench.survey(source("a.db", "t")).problems

    assert str(problem) == sentence


def test_replaced_rows_have_a_sentence_of_their_own(bench: Bench) -> None:
    """Rows that are added are told from those that are replaced."""
    log = "INSERT INTO log VALUES(1)"
    triggers = [f"CREATE TRIGGER {name} AFTER {event} ON t BEGIN {log}; END" for name, event in FIRED]
    bench.database(TARGET, ROWS, "CREATE TABLE log(of)", *triggers, "INSERT INTO t VALUES(1, 'one'), (2, 'two')")
    bench.database("a.db", ROWS, "INSERT INTO t VALUES(2, 'TWO'), (4, 'four')")

    [problem] = bench.survey(source("a.db", table("t", on_conflict="prefer-source"))).problems

    assert problem.what == (
        "trigger fires does not fire for 2 rows of t, and trigger clears does not fire for 1 replaced row"
        " of t, so what they would write here is missing."
    )


def test_bypassed_trigger_has_this_sentence(bench: Bench) -> None:
    """It names the trigger and the number of rows."""
    checks = "CREATE TRIGGER checks BEFORE INSERT ON t WHEN new.body = 'x' BEGIN SELECT RAISE(ABORT, 'no x'); END"
    bench.database(TARGET, ROWS, checks)
    bench.database("a.db", ROWS, "INSERT INTO t VALUES(3, 'x')")

    [finding] = bench.survey(source("a.db", "t")).findings

    assert (
        finding.sentence
        == "target.db:t: trigger checks can refuse a row (RAISE), and does not fire for 1 row that arrives."
    )


def test_index_apart_from_its_content_is_worded(bench: Bench) -> None:
    """The sentence names the table that the index reads."""
    bench.database("a.db", ROWS, FTS5, ARRIVE)

    problems = bench.survey(source("a.db", "words", leave={"t": "old"}), rebuilds=[Rebuild(table="words")]).problems

    [sentence] = [str(each) for each in problems if each.id == "index-apart"]
    assert sentence == (
        "a.db:words: this search index reads its content from t, but the plan does not move t as it is. "
        "Give it a create text for the target, or leave it behind with a reason. [index-apart]"
    )

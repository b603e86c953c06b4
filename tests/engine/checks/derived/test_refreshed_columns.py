"""Test that columns are set again after the copy, and that this is proved."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_triggers
from sqlite_consolidate.engine.checks.derived.derived_right import derived_right
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.plan.parts.derived import Rebuild, Refresh, Stale
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table

CHAT = "CREATE TABLE chat(id INTEGER PRIMARY KEY, subject TEXT UNIQUE, messages INT NOT NULL DEFAULT 0, last INT)"
MESSAGE = "CREATE TABLE message(id INTEGER PRIMARY KEY, chat INT REFERENCES chat(id), body)"
COUNTS = """CREATE TRIGGER counts AFTER INSERT ON message
BEGIN UPDATE chat SET messages = messages + 1, last = max(ifnull(last, 0), new.id) WHERE id = new.chat; END"""
CHATS = "INSERT INTO chat(id, subject) VALUES(1, 'family'), (2, 'work')"
HELD = "INSERT INTO message VALUES(1, 1, 'held'), (2, 1, 'held as well')"
ARRIVE = "INSERT INTO message VALUES(11, 1, 'first'), (12, 2, 'second'), (13, 2, 'third')"
SET = """messages = (SELECT count(*) FROM message WHERE chat = chat.id),
last = (SELECT max(id) FROM message WHERE chat = chat.id) -- of both"""
RIGHT = [(1, 3, 11), (2, 2, 13)]
WRONG = [(1, 2, 2), (2, 0, None)]


def refresh(**keys: Any) -> Refresh:
    """Return the [[refresh]] of the two columns, with other keys."""
    values = {"table": "chat", "columns": ["messages", "last"], "set_": SET, "reason": "kept by a trigger"}
    return Refresh(**(values | keys))


def databases(bench: Bench, *schema: str) -> None:
    """Create a target whose trigger counts messages, and a source with three more."""
    bench.database(TARGET, CHAT, MESSAGE, COUNTS, *schema, CHATS, HELD)
    bench.database("a.db", CHAT, MESSAGE, COUNTS, CHATS, ARRIVE)


UPSERT = """CREATE TRIGGER counts AFTER INSERT ON message BEGIN INSERT INTO sums(chat, n) VALUES(new.chat, 1)
ON CONFLICT(chat) DO UPDATE SET n = n + 1; END"""


def test_values_that_an_upsert_keeps_are_set_again(bench: Bench) -> None:
    """A refresh sets the rows that exist, and the plan accepts that the run adds none."""
    sums = "CREATE TABLE sums(chat INTEGER PRIMARY KEY, n INT)"
    bench.database(TARGET, sums, MESSAGE, UPSERT, HELD)
    bench.database("a.db", MESSAGE, ARRIVE)
    plan = source("a.db", "message")
    (problem,) = bench.survey(plan).problems
    again = refresh(
        table="sums", columns=["n"], set_="n = (SELECT count(*) FROM message AS m WHERE m.chat = sums.chat)"
    )
    accepted = Stale(name="sums", reason="counts would add rows as well")

    copied = bench.copied(plan, refreshes=[again], stale=[accepted])

    assert problem.id == "derived-undeclared"
    assert ["[[refresh]]" in problem.hint, "[[stale]]" in problem.hint, 'columns = ["n"]' in problem.hint] == [True] * 3
    assert copied.rows("SELECT * FROM sums") == [(1, 3)]
    assert failed_subjects(derived_right(copied.compared)) == []


@pytest.mark.parametrize("where", ["body = 'first'", "body = 'none'"])
def test_sum_of_rows_that_stay_behind_is_refused(bench: Bench, where: str) -> None:
    """The counts of the source arrive, of which some or all messages stay behind."""
    bench.database("a.db", CHAT, MESSAGE, COUNTS, CHATS, ARRIVE)
    tables = "chat", table("message", where=where, reason="not needed")

    assert [p.id for p in bench.survey(source("a.db", *tables)).problems] == ["derived-undeclared"]
    assert bench.survey(source("a.db", *tables), refreshes=[refresh()]).problems == []


CHAT_LEFT = {"chat": "the target has all chats"}


def copied(bench: Bench, *schema: str, **keys: Any) -> Copied:
    """Copy the messages, and set the counts again."""
    databases(bench, *schema)
    return bench.copied(source("a.db", "message", leave=CHAT_LEFT), refreshes=[refresh(**keys)])


def counts(result: Copied) -> list[tuple[Any, ...]]:
    """Return the columns that are set again."""
    return result.rows("SELECT id, messages, last FROM chat ORDER BY id")


def failures(result: Copied) -> dict[str, list[str]]:
    """Return the subjects that failed, by check."""
    compared = result.compared
    checks = (
        compare.rows_exact,
        compare.rows_counted,
        compare_neighbours.neighbours,
        compare_triggers.triggers_in_place,
        derived_right,
    )
    failed = {check.__name__: [each.subject for each in check(compared) if not each.holds] for check in checks}
    return {name: subjects for name, subjects in failed.items() if subjects}


def test_counts_are_those_of_all_rows(bench: Bench) -> None:
    """Triggers are in place again, and every other column is proved unchanged."""
    result = copied(bench)

    assert counts(result) == RIGHT
    assert failures(result) == {}
    assert result.transaction is not None
    assert result.transaction.refreshed_rows == [2]
    subjects = [each.subject for each in compare_neighbours.neighbours(result.compared)]
    assert {"chat", "chat without messages, last"} <= set(subjects)


def test_condition_limits_the_rows_that_change(bench: Bench) -> None:
    """Other rows keep their values, and a second refresh finds nothing to change."""
    result = copied(bench, where="subject = 'work' -- only")

    assert counts(result) == [WRONG[0], RIGHT[1]]
    assert failures(result) == {}
    assert result.transaction is not None
    assert result.transaction.refreshed_rows == [1]


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("UPDATE chat SET messages = messages + 1 WHERE id = 1", {"derived_right": ["chat", "chat (messages, last)"]}),
        ("UPDATE chat SET subject = 'x' WHERE id = 1", {"neighbours": ["chat without messages, last"]}),
        ("DELETE FROM chat WHERE id = 2", {"neighbours": ["chat without messages, last"]}),
    ],
    ids=["a sum", "another column", "a row"],
)
def test_later_changes_of_a_refreshed_table_are_noticed(
    bench: Bench, change: str, failed: dict[str, list[str]]
) -> None:
    """A sum that is off by one differs from what a second refresh gives."""
    result = copied(bench)
    result.con.execute(change)

    assert failed.items() <= ({"derived_right": failures(result).get("derived_right")} | failures(result)).items()


@pytest.mark.parametrize(("where", "failed"), [("", 2), ("id = 1", 1)])
def test_value_that_differs_has_a_next_step(bench: Bench, where: str, failed: int) -> None:
    """Two digests alone say nothing about a plan."""
    result = copied(bench, where=where)
    holding = derived_right(result.compared)
    result.con.execute("UPDATE chat SET messages = 7 WHERE id = 2")

    observed = derived_right(result.compared)

    assert {each.todo for each in holding} == {""}
    assert [bool(each.todo) for each in observed] == [not each.holds for each in observed]
    assert sum(bool(each.todo) for each in observed) == failed


def test_value_that_no_refresh_sets_is_noticed(bench: Bench) -> None:
    """It is outside of the condition, so a second refresh does not change it."""
    result = copied(bench, where="id = 2")
    result.con.execute("UPDATE chat SET messages = 7 WHERE id = 1")

    assert failures(result) == {"derived_right": ["chat"]}


def test_refresh_that_depends_on_itself_is_noticed(bench: Bench) -> None:
    """Set a second time, the columns have other values."""
    result = copied(bench, set_="messages = messages + 1, last = 0")

    assert failures(result) == {"derived_right": ["chat (messages, last)"]}


def test_receiving_table_is_exact_before_its_refresh(bench: Bench) -> None:
    """Its rows are compared before, and its other columns once more afterwards."""
    bench.database(
        TARGET,
        CHAT,
        MESSAGE,
        COUNTS,
        "INSERT INTO chat VALUES(9, 'old', 0, NULL)",
        "INSERT INTO message VALUES(1, 9, 'x')",
    )
    bench.database("a.db", CHAT, MESSAGE, CHATS, ARRIVE)

    result = bench.copied(source("a.db", "chat", "message"), refreshes=[refresh()])

    assert counts(result) == [(1, 1, 11), (2, 2, 13), (9, 1, 1)]
    assert failures(result) == {}
    result.con.execute("UPDATE chat SET subject = 'x' WHERE id = 1")
    assert failures(result)["rows_exact"] == ["chat without messages, last"]


def test_parents_are_the_same_whatever_is_set_again(bench: Bench) -> None:
    """The policy keeps a row that differs in its counts only, and children reach it."""
    databases(bench)
    chats = table("chat", on_conflict="prefer-target")

    result = bench.copied(source("a.db", chats, "message"), refreshes=[refresh()])

    assert counts(result) == RIGHT
    assert failures(result) == {}
    assert failed_subjects(references_kept(result.compared)) == []


def test_new_keys_and_derived_values_go_together(bench: Bench) -> None:
    """A derived reference is not compared with that of the source."""
    chat = CHAT.replace("last INT", "last INT REFERENCES message(id)")
    bench.database(TARGET, chat, MESSAGE, COUNTS, CHATS, HELD)
    bench.database("a.db", chat, MESSAGE, COUNTS, CHATS.replace("('", "('a ").replace(", '", ", 'a "), ARRIVE)

    result = bench.copied(source("a.db", "chat", "message", keys="renumber"), refreshes=[refresh()])

    assert counts(result) == [(1, 2, 2), (2, 0, None), (3, 1, 13), (4, 2, 15)]
    assert failures(result) == {}
    assert failed_subjects(references_kept(result.compared)) == []
    assert failed_subjects(keys_mapped(result.compared)) == []


@pytest.mark.parametrize("policy", ["skip-identical", "prefer-target", "prefer-source"])
def test_matched_rows_differ_in_refreshed_columns_only(bench: Bench, policy: str) -> None:
    """They are identical, and children follow the row that stands."""
    bench.database(TARGET, CHAT, MESSAGE, COUNTS, CHATS, HELD)
    bench.database("a.db", CHAT, MESSAGE, COUNTS, CHATS.replace("(1,", "(5,"), ARRIVE.replace(", 1,", ", 5,"))
    chats = table("chat", match=["subject"], on_conflict=policy)

    result = bench.copied(source("a.db", chats, "message"), refreshes=[refresh()])

    assert counts(result) == RIGHT
    assert failures(result) == {}
    assert failed_subjects(references_kept(result.compared)) == []
    assert failed_subjects(keys_mapped(result.compared)) == []


def test_column_by_which_rows_match_cannot_be_refreshed(bench: Bench) -> None:
    """Matched rows could not be found again."""
    databases(bench)
    keys = {"columns": ["messages", "last", "subject"], "set_": f"subject = 'x', {SET}"}

    problems = bench.survey(
        source("a.db", table("chat", match=["subject"]), "message"), refreshes=[refresh(**keys)]
    ).problems

    assert ("match-impossible", "a.db:chat") in [(each.id, each.subject) for each in problems]


def test_triggers_of_a_refreshed_neighbour_do_not_fire(bench: Bench) -> None:
    """What they would have written is judged like any other derived data."""
    log = "CREATE TABLE log(x)"
    logs = "CREATE TRIGGER logs AFTER UPDATE OF last ON chat BEGIN INSERT INTO log VALUES(new.id); END"
    databases(bench, log, logs)
    keys: dict[str, Any] = {"refreshes": [refresh()]}
    moved = source("a.db", "message", leave=CHAT_LEFT)
    assert [(each.id, each.subject) for each in bench.survey(moved, **keys).problems] == [
        ("derived-undeclared", "target.db:log")
    ]

    result = bench.copied(moved, stale=[Stale(name="log", reason="only for debugging")], **keys)

    assert result.rows("SELECT count(*) FROM log") == [(2,)]  # those of the rows that the target had
    assert failures(result) == {}


def test_index_over_refreshed_columns_has_to_be_rebuilt(bench: Bench) -> None:
    """One that reads other columns is not stale."""
    words = "CREATE VIRTUAL TABLE words USING fts5(subject, content=chat, content_rowid=id)"
    numbers = words.replace("words", "numbers").replace("subject", "last")
    databases(bench, words, numbers)
    moved, keys = source("a.db", "message", leave=CHAT_LEFT), {"refreshes": [refresh()]}
    problems = bench.survey(moved, **keys).problems
    assert [(each.id, each.subject) for each in problems] == [("derived-undeclared", "target.db:numbers")]

    result = bench.copied(moved, rebuilds=[Rebuild(table="numbers")], **keys)

    assert result.rows("SELECT rowid FROM numbers WHERE numbers MATCH '13'") == [(2,)]
    assert failures(result) == {}


@pytest.mark.parametrize(
    "keys",
    [
        {"table": "missing"},
        {"table": "chats"},
        {"table": "words"},
        {"table": "_consolidation_history", "columns": ["run"], "set_": "run = 1"},
        {"columns": ["messages", "total"]},
        {"columns": ["id"], "set_": "id = id + 1"},
        {"columns": ["twice"], "set_": "twice = 1"},
        {"columns": ["messages"]},
        {"columns": ["messages", "last", "subject"]},
        {"set_": "messages = 0, last = (SELECT missing FROM message)"},
        {"set_": "messages = 0, last = random()"},
        {"set_": "messages = 0, last = strftime('%s', 'now')"},
        {"set_": "messages = 0, last = (SELECT count(*) FROM pragma_table_info('chat'))"},
        {"set_": "messages = 0, last = 0; DELETE FROM message"},
        {"where": "missing = 1"},
        {"where": "id = 1) OR (1"},
    ],
)
def test_refresh_that_cannot_be_right_is_a_mistake(bench: Bench, keys: dict[str, Any]) -> None:
    """It is compiled on an empty copy of the target."""
    chat = CHAT.replace(", last INT", ", last INT, twice AS (messages * 2)")
    bench.database(
        TARGET, chat, MESSAGE, "CREATE VIEW chats AS SELECT * FROM chat", "CREATE VIRTUAL TABLE words USING fts5(x)"
    )
    bench.database("a.db", MESSAGE, "INSERT INTO message VALUES(1, NULL, 'x')")

    problems = bench.survey(source("a.db", "message"), refreshes=[refresh(**keys)]).problems

    stated = f"[[refresh]] {keys.get('table', 'chat')}"
    assert [(each.id, each.subject) for each in problems if each.id == "bad-refresh"] == [("bad-refresh", stated)]


def test_refresh_needs_each_column_of_the_trigger(bench: Bench) -> None:
    """The other one would be stale."""
    databases(bench)
    only = refresh(columns=["messages"], set_="messages = 0")

    problems = bench.survey(source("a.db", "message", leave=CHAT_LEFT), refreshes=[only]).problems

    assert ("derived-undeclared", "target.db:chat") in [(each.id, each.subject) for each in problems]


def test_value_that_a_constraint_refuses_is_reported(bench: Bench) -> None:
    """A sum over no row is NULL."""
    with pytest.raises(ProblemError) as refusal:
        copied(bench, set_="messages = (SELECT sum(1) FROM message WHERE chat = -1), last = 0")

    assert refusal.value.ids == ("refresh-refused",)


@pytest.mark.parametrize(
    ("declared", "changed"),
    [
        ("name TEXT PRIMARY KEY COLLATE NOCASE, messages INT, last) WITHOUT ROWID", 1),
        ("rowid, _rowid_, oid, name, messages INT, last)", 2),
        ("name, messages INT, last)", 1),
    ],
    ids=["key of text", "no identity", "rowid"],
)
def test_changed_rows_are_counted_by_their_identity(bench: Bench, declared: str, changed: int) -> None:
    """One of two rows has its value already."""
    bench.database(TARGET, f"CREATE TABLE sums({declared}", "INSERT INTO sums(name, messages) VALUES('a', 0), ('b', 3)")
    bench.database("a.db", MESSAGE, "INSERT INTO message VALUES(1, NULL, 'x'), (2, NULL, 'y'), (3, NULL, 'z')")
    counted = refresh(table="sums", columns=["messages"], set_="messages = (SELECT count(*) FROM message)")

    result = bench.copied(source("a.db", "message"), required={"chat": CHAT}, refreshes=[counted])

    assert result.rows("SELECT name, messages FROM sums ORDER BY name") == [("a", 3), ("b", 3)]
    assert result.transaction is not None
    assert result.transaction.refreshed_rows == [changed]
    assert failures(result) == {}

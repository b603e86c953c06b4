"""Specify which rows move by ``where`` and ``follows``, and how that is proved."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.chosen.rows_chosen import rows_chosen
from sqlite_consolidate.engine.checks.comparison import compare
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.engine.merge.rows.left_rows import LEFT_ROWS
from sqlite_consolidate.plan.model import Refers
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.observations import numbers_in
from tests.support.rows.copied_rows import rows_are_exact
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from tests.support.databases import Copied

LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, level TEXT COLLATE NOCASE, n INT)"
LINES = "INSERT INTO log VALUES(1, 'debug', 5), (2, 'INFO', NULL), (3, NULL, 7), (4, 'info', 1)"


def ids(copied: Copied, name: str, column: str = "id") -> list[Any]:
    """Return the values of a column, in order."""
    return [value for (value,) in copied.rows(f"SELECT {column} FROM {name} ORDER BY 1")]


def is_proved(copied: Copied) -> bool:
    """Return whether each comparison before COMMIT holds."""
    checks = (compare.rows_counted, compare.rows_exact, rows_chosen)
    return [failed_subjects(check(copied.compared)) for check in checks] == [[], [], []]


def problems(bench: Bench, *tables: Any) -> list[tuple[str, str]]:
    """Return id and subject of each problem."""
    return [(problem.id, problem.subject) for problem in bench.survey(source("a.db", *tables)).problems]


def listed(bench: Bench) -> list[tuple[str, str, list[str]]]:
    """Return the lines of the list of rows that were left behind."""
    lines = [json.loads(line) for line in (bench.root / LEFT_ROWS).read_text("ascii").splitlines()]
    return [(line["from"], line["by"], line["key"]) for line in lines]


@pytest.mark.parametrize(
    ("where", "moved"),
    [
        pytest.param("level <> 'debug'", [2, 4], id="null-counts-as-no"),
        pytest.param("level = 'info'", [2, 4], id="collation-of-the-column"),
        pytest.param("n > '3'", [1, 3], id="affinity-of-the-column"),
        pytest.param("n", [1, 3, 4], id="number"),
        pytest.param('"level" IS NULL OR log.n = 1 -- a comment', [3, 4], id="quoted-and-qualified"),
        pytest.param("0", [], id="none"),
    ],
)
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"], ids=["read-directly", "staged"])
def test_where_moves_the_rows_for_which_it_holds(bench: Bench, where: str, moved: list[int], encoding: str) -> None:
    """The columns have their declarations also where the rows are gathered first."""
    bench.database(TARGET, LOG, "INSERT INTO log VALUES(9, 'own', 9)")
    bench.database("a.db", f"PRAGMA encoding = '{encoding}'", LOG, LINES)

    copied = bench.copied(source("a.db", table("log", where=where, reason="short", rows=4)))

    assert ids(copied, "log") == [*moved, 9]
    assert is_proved(copied)
    (copied_table,) = copied.copied_tables
    assert (copied_table.rows, copied_table.inserted, copied_table.left.rows) == (4, len(moved), 4 - len(moved))
    assert listed(bench) == [("a.db:log", "where", [str(n)]) for n in (1, 2, 3, 4) if n not in moved]
    (finding,) = [finding for finding in copied.inspected.findings if finding.id == "rows-left-out"]
    assert (finding.subject, finding.count) == ("a.db:log", 4 - len(moved))


@pytest.mark.parametrize(
    "where",
    [
        "id IN (SELECT id FROM log)",
        "n > random()",
        "level < CURRENT_TIMESTAMP",
        "missing = 1",
        '"missing" = 1',
        "count(*) > 1",
        "rowid % 2 = 0",
        "n = ?",
        "n = 1; DELETE FROM log",
        "n = 1) OR (1",
    ],
)
def test_where_reads_its_own_row_only(bench: Bench, where: str) -> None:
    """The preflight refuses everything else."""
    bench.database("a.db", LOG, LINES)

    assert problems(bench, table("log", where=where, reason="short")) == [("bad-where", "a.db:log")]


def test_where_that_fails_on_a_row_is_a_problem(bench: Bench) -> None:
    """SQLite reports it, and the run is refused."""
    bench.database("a.db", LOG, LINES)

    moved = table("log", where="json_extract(level, '$') = 1", reason="short")
    assert problems(bench, moved) == [("condition-fails", "a.db:log")]


def test_left_rows_cannot_clash(bench: Bench) -> None:
    """Their keys, their values and their CHECKs do not count."""
    bench.database(
        TARGET, "CREATE TABLE log(id INTEGER PRIMARY KEY, level, n CHECK(n > 5))", "INSERT INTO log(id) VALUES(4)"
    )
    bench.database("a.db", LOG, LINES)

    copied = bench.copied(source("a.db", table("log", where="n > 5", reason="short")))

    assert ids(copied, "log") == [3, 4]
    assert is_proved(copied)


@pytest.mark.parametrize("policy", ["skip-identical", "prefer-target", "prefer-source", "prefer-newer"])
def test_policy_decides_between_rows_that_move(bench: Bench, policy: str) -> None:
    """A row that is left behind replaces none."""
    bench.database(TARGET, LOG, "INSERT INTO log VALUES(1, 'debug', 0), (3, NULL, 7)")
    bench.database("a.db", LOG, LINES)
    keys = {"newer": "n"} if policy == "prefer-newer" else {}

    copied = bench.copied(source("a.db", table("log", where="id > 1", reason="short", on_conflict=policy, **keys)))

    assert copied.rows("SELECT * FROM log WHERE id = 1") == [(1, "debug", 0)]
    assert ids(copied, "log") == [1, 2, 3, 4]
    assert is_proved(copied)


def test_keys_of_moved_rows_are_renumbered(bench: Bench) -> None:
    """The AUTOINCREMENT mark covers the rows that are left behind as well."""
    create = LOG.replace("PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT")
    bench.database(TARGET, create, "INSERT INTO log VALUES(2, 'own', 9)")
    bench.database("a.db", create, LINES)

    copied = bench.copied(source("a.db", table("log", where="id < 4 AND n", reason="short", keys="renumber")))

    assert ids(copied, "log") == [2, 3, 5]
    assert is_proved(copied)
    assert copied.rows("SELECT seq FROM sqlite_sequence") == [(6,)]


TREE = (
    "CREATE TABLE session(id INTEGER PRIMARY KEY, ok)",
    "CREATE TABLE note(id INTEGER PRIMARY KEY, s REFERENCES session(id), up REFERENCES note(id))",
    "CREATE TABLE tag(note REFERENCES note(id), name TEXT, PRIMARY KEY(note, name)) WITHOUT ROWID",
    "INSERT INTO session VALUES(1, 1), (2, 0), (3, 1)",
    "INSERT INTO note VALUES(1, 1, NULL), (2, 2, NULL), (3, NULL, 2), (4, 3, 1), (5, 99, NULL), (6, 1, 7), (7, 1, 6)",
    "INSERT INTO note VALUES(8, 1, 9), (9, 2, 8), (10, 0, NULL)",
    "INSERT INTO tag VALUES(1, 'a'), (2, 'a'), (3, 'b'), (4, 'b'), (9, 'x')",
)
SESSION = table("session", where="ok", reason="short")


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_rows_follow_from_table_to_table(bench: Bench, encoding: str) -> None:
    """A row that refers to a row that stays behind stays behind, and a circle of rows moves."""
    bench.database(TARGET, "CREATE TABLE other(x)")
    bench.database("a.db", f"PRAGMA encoding = '{encoding}'", *TREE)
    notes, tags = table("note", follows=("Session", "note")), table("tag", follows=("note",))

    copied = bench.copied(source("a.db", SESSION, notes, tags))

    assert ids(copied, "session") == [1, 3]
    assert ids(copied, "note") == [1, 4, 6, 7, 10]
    assert ids(copied, "tag", "note") == [1, 4]
    assert is_proved(copied)
    assert ("a.db:note", "follows", ["8"]) in listed(bench)
    assert [(f.subject, f.count) for f in copied.inspected.findings if f.id == "rows-left-out"] == [
        ("a.db:session", 1),
        ("a.db:note", 5),
        ("a.db:tag", 3),
    ]


def test_rows_that_follow_get_new_keys(bench: Bench) -> None:
    """The numbers are computed a second time for exactly these rows."""
    bench.database(TARGET, *TREE[:3], "INSERT INTO session VALUES(1, 'own')", "INSERT INTO note VALUES(4, 1, NULL)")
    bench.database("a.db", *TREE)
    notes, tags = table("note", follows=("session", "note")), table("tag", follows=("note",))

    copied = bench.copied(source("a.db", SESSION, notes, tags, keys="renumber"))

    reached = copied.rows("SELECT note.id - 4, ok FROM note LEFT JOIN session ON session.id = s ORDER BY 1")
    assert [row for row in reached if row[0] > 0] == [(1, 1), (4, 1), (6, 1), (7, 1), (10, None)]
    assert is_proved(copied)
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_child_of_a_row_that_stays_is_refused(bench: Bench) -> None:
    """The hint names the key that leaves the child behind as well."""
    bench.database("a.db", *TREE)
    (problem,) = bench.survey(source("a.db", SESSION, "note", leave={"tag": "short"})).problems

    assert (problem.id, problem.subject, problem.criterion) == ("parents-left-out", "a.db:note", "parents-follow")
    assert numbers_in(problem.what) == [2, 2]
    assert 'follows = "session"' in problem.hint


def test_child_may_reach_an_identical_row(bench: Bench) -> None:
    """The row that stays behind is in the target already."""
    bench.database(TARGET, *TREE[:2], "INSERT INTO session VALUES(2, 0)")
    bench.database("a.db", *TREE[:4], "INSERT INTO note VALUES(2, 2, NULL)")

    copied = bench.copied(source("a.db", SESSION, "note"))

    assert ids(copied, "note") == [2]


def test_stated_reference_is_enough_to_follow(bench: Bench) -> None:
    """The hint names it, because a FOREIGN KEY of the target would need another table."""
    bench.database("a.db", "CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(p INTEGER)")
    followed = source("a.db", "p", table("c", follows="p"))

    (problem,) = bench.survey(followed).problems

    assert problem.id == "follows-no-reference"
    assert "refers" in problem.hint
    stated = table("c", follows="p", refers=[Refers(column="p", to="p.id")])
    assert bench.survey(source("a.db", "p", stated)).problems == []


def test_follows_needs_a_reference(bench: Bench) -> None:
    """A misunderstood key is refused and does not move everything."""
    bench.database("a.db", *TREE)

    assert problems(bench, table("session", follows=("tag",)), "note", "tag") == [
        ("follows-no-reference", "a.db:session")
    ]


@pytest.mark.parametrize(
    "older", ["note(id INTEGER PRIMARY KEY)", "note(id INTEGER PRIMARY KEY, session INT, kind TEXT)"]
)
@pytest.mark.parametrize("value", [0, 9])
def test_older_file_may_have_nothing_to_follow(bench: Bench, older: str, value: int) -> None:
    """A program that grew has the followed table or the column later.

    A number that could mean a row of the table is refused.
    """
    session, note = (
        "CREATE TABLE session(id INTEGER PRIMARY KEY)",
        "CREATE TABLE note(id INTEGER PRIMARY KEY, session INT, kind TEXT)",
    )
    bench.database(TARGET, note)
    bench.database("p0.db", session, note, "INSERT INTO note VALUES (1, 9, 's'), (2, 1, 't')")
    bench.database("p1.db", f"CREATE TABLE {older}")
    bench.execute(
        "p1.db",
        f"INSERT INTO note VALUES (5, {value}, 's'), (6, 9, 't')" if "," in older else "INSERT INTO note VALUES (5)",
    )
    refers = Refers(column="session", to="session.id", when="kind = 's'")
    tables = [table("session"), table("note", follows=("session",), refers=[refers])]

    inspected = bench.survey_of(expand(plan_of_pattern("p*.db", TARGET, tables=tables), lambda _: ["p0.db", "p1.db"]))

    ids = {problem.id for problem in inspected.problems}
    assert ids == ({"follows-no-reference", "refers-unknown"} if value and "," in older else set())
    assert ids or [left.unfollowed for left in inspected.left_rows.values()] == [1, 0]


@pytest.mark.parametrize("change", ["one more", "one less"])
def test_proof_notices_another_choice(bench: Bench, change: str) -> None:
    """The digest of the rows that moved is that of other rows."""
    bench.database("a.db", LOG, LINES)
    copied = bench.copied(source("a.db", table("log", where="n > 3", reason="short")))
    (table_before,) = copied.copied_tables
    digest = copied.inspected.sources["a"].digests["log"]

    moved = digest if change == "one more" else table_before.moved - table_before.moved
    copied.copied_tables[0] = replace(table_before, moved=moved)

    assert failed_subjects(rows_chosen(copied.compared)) == ["a.db:log -> log"]


def test_rows_without_a_key_are_listed_by_rowid(bench: Bench) -> None:
    """Their rowids stay, as those of all rows without a key."""
    bench.database("a.db", "CREATE TABLE t(x)", "INSERT INTO t VALUES(1), (1), (2)")

    copied = bench.copied(source("a.db", table("t", where="x = 1", reason="short")))

    assert ids(copied, "t", "rowid") == [1, 2]
    assert rows_are_exact(copied)
    assert listed(bench) == [("a.db:t", "where", ["3"])]

"""Specify what a plan may do with tables that need what this SQLite lacks."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison.compare_neighbours import neighbours
from sqlite_consolidate.engine.checks.lacking_objects import UNEXAMINED
from sqlite_consolidate.plan.model import Leave
from tests.support.databases import TARGET, Bench, source, table
from tests.support.missing.kinds import INDEXES, KINDS, PLAIN, READERS, TABLES, VIRTUAL_TABLES, Kind
from tests.support.thorough import sampled

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.problem import Problem
else:
    from sqlite_consolidate.sqlite_library import sqlite3

LACKING = (*TABLES, *VIRTUAL_TABLES)
ROW = "INSERT INTO {} VALUES(11, 'x', 1)"


def problems(bench: Bench, *sources: object, **keys: object) -> list[Problem]:
    """Return the problems of a plan."""
    return bench.survey(*sources, **keys).problems  # type: ignore[arg-type]


def expected_id(kind: Kind) -> str:
    """Return the id of the problem for rows of a kind."""
    return f"own-{kind.name.split()[0]}" if kind.name.split()[0] in ("collation", "function") else "virtual-table"


@pytest.mark.parametrize("kind", sampled([*LACKING, *INDEXES], 1, 4, 7, 11, 14), ids=lambda kind: kind.name)
def test_moving_what_sqlite_lacks_is_refused(bench: Bench, kind: Kind) -> None:
    """The problem names the table, and proposes the setup."""
    kind.build(bench.root / "a.db")

    [problem] = problems(bench, source("a.db", "plain", "odd"))

    assert (problem.id, problem.subject) == (expected_id(kind), "a.db:odd")
    assert "[connection]" in problem.hint


@pytest.mark.parametrize("kind", sampled(LACKING, 2, 7, 8), ids=lambda kind: kind.name)
def test_leaving_it_with_a_reason_is_enough(bench: Bench, kind: Kind) -> None:
    """The other table is moved, and a finding states the limit."""
    kind.build(bench.root / "a.db")

    copied = bench.copied(source("a.db", "plain", leave={"odd": "the application creates it again"}))

    assert copied.rows("SELECT id FROM plain ORDER BY id") == [(1,), (2,)]
    assert [f.subject for f in copied.inspected.findings if f.id == UNEXAMINED] == ["a.db:odd"]


@pytest.mark.parametrize("kind", INDEXES, ids=lambda kind: kind.name)
def test_table_without_its_index_moves_under_another_name(bench: Bench, kind: Kind) -> None:
    """The index that SQLite cannot create is left behind under the new name as well."""
    kind.build(bench.root / "a.db")
    plan = source("a.db", "plain", table("odd", into="other_odd"))
    plan = plan.model_copy(update={"leave": [Leave(indexes=("odd_i",), reason="the application creates it again")]})

    copied = bench.copied(plan)

    assert copied.rows("SELECT id, name FROM other_odd ORDER BY id") == [(1, "Ä"), (2, "ö")]
    assert copied.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%odd_i%'") == []


@pytest.mark.parametrize("kind", sampled(LACKING, 2, 7, 8), ids=lambda kind: kind.name)
def test_forgotten_table_is_left_behind(bench: Bench, kind: Kind) -> None:
    """Its rows count, or may be there."""
    kind.build(bench.root / "a.db")

    [problem] = problems(bench, source("a.db", "plain"))

    assert (problem.id, problem.subject) == ("left-behind", "a.db:odd")


@pytest.mark.parametrize("kind", sampled([*TABLES, *INDEXES], 1, 8), ids=lambda kind: kind.name)
def test_target_table_that_receives_rows_is_refused(bench: Bench, kind: Kind) -> None:
    """SQLite cannot add a row without what it lacks."""
    kind.build(bench.root / TARGET)
    bench.database(
        "a.db", "CREATE TABLE odd(id INTEGER PRIMARY KEY, name TEXT, n INT)", "INSERT INTO odd VALUES(9, 'x', 1)"
    )

    ids = {(problem.id, problem.subject) for problem in problems(bench, source("a.db", "odd"))}

    assert (expected_id(kind), f"{TARGET}:odd") in ids


@pytest.mark.parametrize(
    "kind", sampled([*LACKING, *INDEXES, *READERS[:2]], 0, 5, 8, 13, 15), ids=lambda kind: kind.name
)
def test_target_table_beside_it_receives_rows(bench: Bench, kind: Kind) -> None:
    """No other table of the target changes."""
    if "external" in kind.name:
        pytest.skip("it shows the rows of the table that receives some")
    kind.build(bench.root / TARGET)
    bench.database("a.db", *PLAIN.split(";")[:2], ROW.format("plain"))

    copied = bench.copied(source("a.db", "plain"))

    assert copied.rows("SELECT id FROM plain ORDER BY id") == [(1,), (2,), (11,)]
    assert copied.compared.schema.lacking == copied.inspected.target_schema.schema.lacking
    assert all(each.holds for each in neighbours(copied.compared))


PARENTS = {
    "table": "CREATE TABLE odd(id INTEGER PRIMARY KEY, name TEXT, m AS ({}(id)))",
    "child": "CREATE TABLE child(id INTEGER PRIMARY KEY, parent INT REFERENCES odd(id))",
}


@pytest.mark.parametrize("role", ["source", "target"])
def test_child_of_unreadable_rows_is_refused(bench: Bench, role: str) -> None:
    """SQLite cannot compare the parents that the two databases have under one key."""
    for file, number in ((TARGET, 1), ("a.db", 11)):
        function = "twice" if (file == TARGET) == (role == "target") else "abs"
        with closing(sqlite3.connect(bench.root / file, isolation_level=None)) as con:
            con.create_function("twice", 1, abs, deterministic=True)
            con.execute(PARENTS["table"].format(function))
            con.execute(PARENTS["child"])
            con.execute("INSERT INTO odd(id, name) VALUES(1, ?)", (file,))
            con.execute("INSERT INTO child VALUES(?, 1)", (number,))

    ids = [(each.id, each.subject) for each in problems(bench, source("a.db", "child", leave={"odd": "not needed"}))]

    assert ("own-function", "a.db:child") in ids


def test_name_of_unknown_virtual_table_is_taken(bench: Bench) -> None:
    """Neither its name nor those of its inner tables can be used again."""
    VIRTUAL_TABLES[0].build(bench.root / TARGET)
    bench.database(
        "a.db", "CREATE TABLE t(x)", "INSERT INTO t VALUES(1)", "CREATE TABLE u(x)", "INSERT INTO u VALUES(1)"
    )

    plan = source("a.db", table("t", into="odd"), table("u", into="odd_data"))

    assert {problem.subject for problem in problems(bench, plan)} >= {f"{TARGET}:odd", "a.db:u"}


def test_other_statement_of_unreadable_table_is_noticed(bench: Bench) -> None:
    """Its rows cannot show it."""
    VIRTUAL_TABLES[0].build(bench.root / TARGET)
    bench.database("a.db", *PLAIN.split(";")[:2], ROW.format("plain"))
    copied = bench.copied(source("a.db", "plain"))
    copied.con.execute("PRAGMA writable_schema=ON")
    copied.con.execute("UPDATE sqlite_schema SET sql = replace(sql, 'body', 'text') WHERE name = 'odd'")

    assert [each.subject for each in neighbours(copied.compared) if not each.holds] == ["odd"]


def test_search_index_without_tokenizer_is_not_rebuilt(bench: Bench) -> None:
    """The hint proposes the tokenizer or a stale index, and not a rebuild that fails."""
    external = next(kind for kind in KINDS if "external" in kind.name)
    external.build(bench.root / TARGET)
    bench.database("a.db", *PLAIN.split(";")[:2], ROW.format("plain"))

    [problem] = problems(bench, source("a.db", "plain"))

    assert (problem.id, problem.subject) == ("derived-undeclared", f"{TARGET}:odd")
    assert "[[rebuild]]" not in problem.hint
    assert "[connection]" in problem.hint

"""Specify that preflight refuses what would prevent the use of the history table."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.backup import history
from tests.support.databases import TARGET, Bench, source, table

RESERVED = f"{TARGET}:{history.TABLE}"


def refusals(bench: Bench, *sources: str) -> list[tuple[str, str, str]]:
    """Return criterion, id and subject of each problem of moving table t of these sources."""
    problems = bench.survey(*(source(file, "t") for file in sources)).problems
    return [(problem.criterion, problem.id, problem.subject) for problem in problems]


@pytest.mark.parametrize("columns", ["a, b", ", ".join(history.COLUMNS)], ids=["two columns", "no key"])
def test_foreign_table_of_the_name_is_refused(bench: Bench, columns: str) -> None:
    """A user's own table could take no row of history."""
    bench.database(TARGET, f"CREATE TABLE {history.TABLE}({columns})")
    bench.database("a.db", "CREATE TABLE t(v)")

    assert refusals(bench, "a.db") == [("names-free", "history-taken", RESERVED)]


def test_unreadable_row_is_refused(bench: Bench) -> None:
    """A row that was edited by hand is named before anything is done."""
    values = ", ".join("'1'" for _ in history.COLUMNS)
    bench.database(TARGET, history.CREATE, f"INSERT INTO {history.TABLE} VALUES({values})")
    bench.database("a.db", "CREATE TABLE t(v)")

    assert refusals(bench, "a.db") == [("names-free", "history-unreadable", RESERVED)]


def test_source_table_of_the_name_is_not_moved(bench: Bench) -> None:
    """The history of a former target is left behind or moved under another name."""
    bench.database("a.db", history.CREATE)

    [problem] = bench.survey(source("a.db", history.TABLE)).problems
    renamed = bench.survey(source("a.db", table(history.TABLE, into="old_history"))).problems

    assert (problem.criterion, problem.id) == ("names-free", "history-taken")
    assert problem.subject == f"a.db:{history.TABLE}"
    assert renamed == []


def test_required_table_of_the_name_is_refused(bench: Bench) -> None:
    """The plan cannot create it either, in any case of letters."""
    bench.database("a.db", "CREATE TABLE t(v)")
    name = history.TABLE.upper()

    problems = bench.survey(source("a.db", "t"), required={name: f"CREATE TABLE {name}(v)"}).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("history-taken", name)]

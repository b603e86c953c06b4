"""Specify what happens to tables with rows that a plan does not move."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.preflight import find_unmapped_tables
from sqlite_consolidate.engine.content.inspection import InspectedDatabase, inspect_database
from sqlite_consolidate.engine.sqlite.connections import open_new
from sqlite_consolidate.plan.model import Leave, Source, TableMap
from tests.support.databases import Bench, source
from tests.support.observations import numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[InspectedDatabase]:
    """Hold five tables of a database, one of them without rows."""
    con = open_new(tmp_path / "a.db")
    for table, rows in {"empty": 0, "Moved": 1, "cache_a": 1, "cache_b": 2, "notes": 3}.items():
        con.execute(f"CREATE TABLE {table}(v)")
        con.executemany(f"INSERT INTO {table} VALUES(?)", [(number,) for number in range(rows)])
    con.close()
    with ExitStack() as write_locks:
        facts = inspect_database("a", "a.db", tmp_path, write_locks, 60.0)
        assert isinstance(facts, InspectedDatabase)
        yield facts


def planned(*leave: Leave) -> Source:
    """Return a source whose plan moves one table."""
    return Source(name="a", file="a.db", tables=[TableMap(name="moved")], leave=list(leave))


def test_forgotten_rows_are_a_problem_of_each_table(facts: InspectedDatabase) -> None:
    """A table without rows is not a problem, and names are compared without case."""
    problems, findings = find_unmapped_tables(planned(), facts.rows)

    assert findings == []
    assert [(problem.id, problem.subject, problem.criterion) for problem in problems] == [
        ("left-behind", "a.db:cache_a", "nothing-left-behind"),
        ("left-behind", "a.db:cache_b", "nothing-left-behind"),
        ("left-behind", "a.db:notes", "nothing-left-behind"),
    ]
    assert [numbers_in(problem.what) for problem in problems] == [[1], [2], [3]]
    assert all("[[source.leave]]" in problem.hint for problem in problems)


def test_rows_left_by_plan_are_findings_with_reason(facts: InspectedDatabase) -> None:
    """The first matching pattern gives the reason, also for a table without rows.

    Patterns ignore upper and lower case as SQLite does.
    """
    leave = (
        Leave(tables=("x", "cache_*"), reason="cached."),
        Leave(tables=("cache_b", "EMPTY"), reason="generated"),
    )

    problems, findings = find_unmapped_tables(planned(*leave), facts.rows)

    assert [problem.subject for problem in problems] == ["a.db:notes"]
    assert [
        (finding.id, finding.subject, finding.count, finding.noun, finding.text.split()[-1]) for finding in findings
    ] == [
        ("rows-left", "a.db:empty", 0, "row", "generated."),
        ("rows-left", "a.db:cache_a", 1, "row", "cached."),
        ("rows-left", "a.db:cache_b", 2, "row", "cached."),
    ]


def test_table_that_is_moved_is_not_left(facts: InspectedDatabase) -> None:
    """A pattern may fit it as well."""
    problems, findings = find_unmapped_tables(planned(Leave(tables=("*",), reason="old")), facts.rows)

    assert problems == []
    assert "a.db:Moved" not in {finding.subject for finding in findings}
    assert len(findings) == 4


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_absent_optional_source_is_a_finding(bench: Bench, names: str) -> None:
    """Nothing is moved from it, and the other source is read."""
    bench.database("a.db", "CREATE TABLE t(n)")

    inspected = bench.survey(*[source(f"{name}.db", "t", optional=name == "b") for name in names])

    assert [(finding.id, finding.subject) for finding in inspected.findings] == [("source-absent", "b.db")]
    assert inspected.sources.keys() == {"a"}

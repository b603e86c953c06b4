"""Specify which numbers of a log of changes may be ids, because their row names a column."""

from __future__ import annotations

import pytest

from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table

TABLES = (
    "CREATE TABLE person(id INTEGER PRIMARY KEY)",
    "INSERT INTO person VALUES (1), (2), (3), (4), (5)",
    "CREATE TABLE bug(name TEXT PRIMARY KEY, qa INT, assignee INT, votes INT)",
    "CREATE TABLE change(nr INTEGER PRIMARY KEY, kind TEXT, old, new)",
)
OF_QA = Refers(column="qa", to="person.id")


@pytest.mark.parametrize(
    ("rows", "refers", "expected"),
    [
        ("('qa', '1', '5'), ('qa', NULL, '2'), ('votes', '7', '8')", [OF_QA], [("old", 1), ("new", 2)]),
        ("('QA', 1, 5), ('assignee', 'x', '2')", [OF_QA], [("old", 1), ("new", 2)]),
        ("('qa', 'x', '6')", [OF_QA], []),
        ("('votes', '1', '5')", [OF_QA], []),
        ("('qa', '1', '5')", [], []),
    ],
    ids=["texts", "numbers", "no keys", "other column", "no reference"],
)
def test_log_of_changes_has_ids_of_named_columns(
    bench: Bench, rows: str, refers: list[Refers], expected: list[tuple[str, int]]
) -> None:
    """The plan states to what one column refers, and a finding is about the other one."""
    for file in (TARGET, "b.db"):
        bench.database(file, *TABLES)
    bench.execute("b.db", "INSERT INTO bug VALUES ('a', 2, 3, 1)", f"INSERT INTO change(kind, old, new) VALUES {rows}")
    inspected = bench.survey(source("b.db", table("person", keys="renumber"), table("bug", refers=refers), "change"))

    assert inspected.problems == []
    findings = [(each.column, each.count) for each in inspected.findings if each.subject == "b.db:change"]
    assert findings == expected

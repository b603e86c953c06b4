"""Specify which statements use a literal number with a column."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.renumbering.unfollowed.compared_literals import uses_of_literals

NAMES = {"id", "p", "rowid"}


@pytest.mark.parametrize(
    "condition",
    [
        "id = 1", "1 = x.id", "id <> 1", "id >= 1", "id IS NOT 1", "id BETWEEN 1 AND 5", "id NOT IN (0, 1)", "+id = 1",
        "(id) = (1)", "(id, n) = (1, 'a')", "id = 0x1F", "id = '1'", "CASE p.id WHEN 1 THEN n END", "rowid = 1",
        "[id] = 1", "id = CAST(1 AS INT)", "max(id) > 5", "id = (1)", "n = 0 AND p.id=1",
        "id IN (SELECT x FROM k JOIN (VALUES(1)))",
    ],
)  # fmt: skip
def test_comparison_with_a_number_is_found(condition: str) -> None:
    """The column is on either side, in a group or in a row value."""
    assert uses_of_literals(f"CREATE VIEW v AS SELECT n FROM p x WHERE {condition}", NAMES - {"p"}) == {"compared"}


@pytest.mark.parametrize(
    ("sql", "use"),
    [
        ("CREATE TABLE c(id INTEGER PRIMARY KEY, dbl AS (p * 2))", "computed"),
        ("CREATE VIEW v AS SELECT 100 + id FROM p WHERE id - 1 = 0", "computed"),
        ("CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER DEFAULT 5)", "set"),
        ("CREATE TRIGGER t AFTER INSERT ON k BEGIN UPDATE c SET p = 5 WHERE id = new.id; END", "set"),
    ],
)
def test_use_without_comparison_is_told_apart(sql: str, use: str) -> None:
    """A value that is computed, a DEFAULT, and a column that is set."""
    assert uses_of_literals(sql, NAMES) == {use}


@pytest.mark.parametrize(
    "condition",
    [
        "id = 0", "p = -1", "id = new.id", "active = 1 AND id = old.id", "count(id) > 1", "n = 1", "length(n) > 3",
        "substr(id, 1, 2) = n", "id = n LIMIT 5", "id IN (SELECT n FROM k WHERE n > 5)", "n IN (1, 2) AND id > n",
        "CASE WHEN id = n THEN 1 ELSE 2 END", "id IN (-1, 0)", "n LIKE '%5%' OR id = 1.5",
    ],
)  # fmt: skip
def test_other_numbers_are_no_comparison(condition: str) -> None:
    """They belong to another column, or mean no row."""
    assert not uses_of_literals(f"CREATE VIEW v AS SELECT n FROM k WHERE {condition}", NAMES)


@pytest.mark.parametrize(("values", "expected"), [("1, 'x'", {"set"}), ("new.p, 1", set())])
def test_inserted_number_counts_for_its_column(values: str, expected: set[str]) -> None:
    """A trigger that inserts a literal reference means a row."""
    sql = f"CREATE TRIGGER t AFTER UPDATE ON m BEGIN INSERT INTO c(p, n) VALUES({values}); END"

    assert uses_of_literals(sql, NAMES) == expected

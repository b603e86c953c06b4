"""Specify which columns that code compares with a renumbered key are findings."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.renumbering.joined_columns import joined_column_findings
from sqlite_consolidate.engine.code.tables.compared_columns import comparisons_in
from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table

LEDGER = (
    "CREATE TABLE account(id INTEGER PRIMARY KEY)",
    "CREATE TABLE entry(memo TEXT PRIMARY KEY, debit INTEGER, account_id INTEGER)",
    "INSERT INTO account VALUES (1), (2), (3)",
)
STATED = Refers(column="debit", to="account.id")


@pytest.mark.parametrize(
    ("column", "row", "refers", "keys", "expected"),
    [
        ("debit", "2, NULL", [], "renumber", [("b.db:entry", "debit", 1)]),
        ("debit", "2, NULL", [STATED], "renumber", []),
        ("debit", "2, NULL", [], "keep", []),
        ("debit", "7, NULL", [], "renumber", []),
        ("account_id", "NULL, 2", [], "renumber", []),
    ],
    ids=["loose", "stated", "kept keys", "no keys", "reported"],
)
def test_compared_column_that_stays_is_a_finding(
    bench: Bench, column: str, row: str, refers: list[Refers], keys: str, expected: list[tuple[str, str, int]]
) -> None:
    """Its numbers would be those of rows of the target.

    A column that is named after the table has a finding already.
    """
    bench.database(TARGET, *LEDGER)
    bench.database("b.db", *LEDGER, f"INSERT INTO entry VALUES ('b', {row})")
    if keys == "keep":
        bench.execute(TARGET, "DELETE FROM account")
    inspected = bench.survey(source("b.db", table("account", keys=keys), table("entry", refers=refers)))
    sql = f"SELECT 1 FROM entry e JOIN account a ON a.id = e.{column}"

    findings = list(joined_column_findings(inspected, CodeJoins([("a.py:7", each) for each in comparisons_in(sql)])))

    assert [(each.subject, each.column, each.count) for each in findings] == expected
    assert all("a.py:7" in each.text for each in findings)

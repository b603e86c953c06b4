"""Test what sqlite-utils counts of the columns of a database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.plan_writer import render_plan
from sqlite_consolidate.inventory.references import column_statistics
from tests.support.workspaces.inventory_folder import proposal_of
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SCHEMA = (
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT);"
    "CREATE TABLE invoice(id INTEGER PRIMARY KEY, customer_id INTEGER, total REAL);"
)
ROWS = (
    "INSERT INTO customer VALUES (1, 'a@example.org', 'Ada'), (2, NULL, 'Ada'), (3, 'c@example.org', 'Cleo');"
    "INSERT INTO invoice VALUES (1, 1, 9.5), (2, 1, 9.5), (3, NULL, 1.0), (4, 3, 2.0)"
)


def counts(root: Path) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return rows, NULLs and different values of each column of the one database of a folder."""
    [candidate] = discover(root).candidates
    statistics = inspect_file(root, candidate).statistics
    return {(each.table, each.column): (each.rows, each.nulls, each.distinct) for each in statistics}


def test_values_of_unique_columns_and_references_are_counted(tmp_path: Path) -> None:
    """Other columns cannot match rows, and are not read."""
    execute(tmp_path / "shop.db", SCHEMA + ROWS)

    assert counts(tmp_path) == {("customer", "email"): (3, 1, 2), ("invoice", "customer_id"): (4, 1, 2)}


def test_values_of_a_relation_stand_in_its_decision(tmp_path: Path) -> None:
    """They help a person to judge whether its numbers are keys."""
    staff = "CREATE TABLE staff(id INTEGER PRIMARY KEY, name); INSERT INTO staff VALUES (1, '{0}'), (2, '{0}x');"
    notes = "CREATE TABLE note(id INTEGER PRIMARY KEY, written_by INTEGER);"
    notes += "INSERT INTO note VALUES (1, 1), (2, 2), (3, 1), (4, NULL);"
    refined = proposal_of(tmp_path, main=staff.format("a") + notes, b=staff.format("b") + notes)

    [question] = [text for source in refined.proposal.sources for text in source.questions if "written_by" in text]
    assert re.findall(r"\d+", question.partition("The column has")[2]) == ["2", "4", "1"]  # values, rows, NULL


def test_values_of_a_large_table_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting different values takes longer than counting rows."""
    monkeypatch.setattr(column_statistics, "MAX_ROWS", 3)
    execute(tmp_path / "shop.db", SCHEMA + ROWS)

    assert list(counts(tmp_path)) == [("customer", "email")]


def test_odd_names_and_missing_modules_are_read(tmp_path: Path) -> None:
    """The statistics are evidence only, and nothing depends on them."""
    execute(
        tmp_path / "odd.db",
        """CREATE TABLE "a ""b] '"(id INTEGER PRIMARY KEY, "x ""y" TEXT UNIQUE, [] TEXT);
        INSERT INTO "a ""b] '" VALUES (1, 'x', ''), (2, 'y', '');
        PRAGMA writable_schema=ON;
        INSERT INTO sqlite_schema VALUES ('table', 'area', 'area', 0, 'CREATE VIRTUAL TABLE area USING nowhere(a)');""",
    )

    assert counts(tmp_path) == {("a \"b] '", 'x "y'): (2, 0, 2)}


def test_numbers_of_values_are_beside_what_is_proposed(tmp_path: Path) -> None:
    """The operator reads them before the decision."""
    other = "INSERT INTO customer VALUES (1, 'x@example.org', 'Xaver'), (2, 'a@example.org', 'Ada');"
    other += "INSERT INTO invoice VALUES (1, 2, 3.5), (2, 2, 4.5), (3, 1, 5.5)"

    plan = render_plan(proposal_of(tmp_path, main=SCHEMA + ROWS, second=SCHEMA + other).proposal, "today")

    lines = [line.strip() for line in plan.splitlines()]
    [match] = [number for number, line in enumerate(lines) if line.startswith("match = ")]
    [refers] = [number for number, line in enumerate(lines) if line.startswith("[[source.table.refers]]")]
    assert lines[match - 1].startswith("# email: 2 ")
    assert lines[refers - 1].startswith("# customer_id: 2 ")

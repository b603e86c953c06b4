"""Specify after which tables a column is named."""

from __future__ import annotations

import pytest

from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import forms_of
from tests.support.databases import TARGET, Bench, source, table


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("kunden", "kunde", True),
        ("rechnungen", "rechnung", True),
        ("belege", "beleg", True),
        ("PersonTable", "person", True),
        ("Person_Table", "person", True),
        ("person_table", "person", True),
        ("tblOrders", "order", True),
        ("tbl_order", "orders", True),
        ("order_items", "order_item", True),
        ("ChildTable", "child", False),
        ("timetable", "time", False),
        ("plane", "plan", False),
        ("tbl", "", False),
    ],
)
def test_table_has_a_plain_singular(name: str, column: str, expected: bool) -> None:
    """Its name may be a German plural, or say that it is a table."""
    assert (column in forms_of(name)) == expected


def test_column_means_the_table_it_is_named_after(bench: Bench) -> None:
    """Another table of its own database has its numbers as keys by chance."""
    for file in (TARGET, "b.db"):
        bench.database(file, "CREATE TABLE PersonTable(id INTEGER PRIMARY KEY, x)")
        bench.execute(file, f"INSERT INTO PersonTable VALUES (1, '{file}'), (2, '{file}'), (3, 0)")
    bench.database("kit.db", "CREATE TABLE part(id INTEGER PRIMARY KEY)", "INSERT INTO part VALUES (1), (2), (3)")
    bench.execute("kit.db", "CREATE TABLE kit(nr TEXT PRIMARY KEY, person INT)", "INSERT INTO kit VALUES ('a', 2)")

    inspected = bench.survey(source("b.db", table("PersonTable", keys="renumber")), source("kit.db", "kit", "part"))

    asked = [(each.subject, each.column) for each in inspected.findings if each.id == "id-unfollowed"]
    assert asked == [("kit.db:kit", "person")]

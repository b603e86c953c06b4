"""Specify when united rows mean rows of tables that are kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

PRODUCT = "CREATE TABLE product(sku {0} PRIMARY KEY, name TEXT)"
SALE = "CREATE TABLE sale(id INTEGER PRIMARY KEY, {0})"


def found(bench: Bench, *sources: Source, sku: str = "TEXT", column: str = "sku", value: str = "'a'") -> list[object]:
    """Return subject, column and rows of each finding about products that are kept apart."""
    for number, file in enumerate((TARGET, "a.db", "b.db")):
        rows = f"INSERT INTO sale VALUES ({number}1, {value}), ({number}2, NULL)"
        key = value if value != "'?'" else "'a'"
        bench.database(
            file, PRODUCT.format(sku), SALE.format(column), f"INSERT INTO product VALUES ({key}, '{file}')", rows
        )
    inspected = bench.survey(*sources)
    assert inspected.problems == []
    return [(each.subject, each.column, each.count) for each in inspected.findings if each.id == "parent-apart"]


APART = source("a.db", table("product", into="a_product"), table("sale"))


@pytest.mark.parametrize(
    ("sku", "column", "value"),
    [("TEXT", "sku TEXT", "'a'"), ("TEXT", "product TEXT", "'a'"), ("INTEGER", "product_id INT", "7")],
)
def test_united_rows_of_a_separate_table_are_named(bench: Bench, sku: str, column: str, value: str) -> None:
    """Nothing declares the reference, and the target has another table of that name."""
    assert found(bench, APART, sku=sku, column=column, value=value) == [("a.db:sale", column.split(maxsplit=1)[0], 1)]


@pytest.mark.parametrize(
    ("column", "value"),
    [("sku REFERENCES product(sku)", "NULL"), ("sku TEXT", "'?'"), ("code TEXT", "'a'"), ("sku TEXT", "''")],
    ids=["declared", "no key", "other name", "empty"],
)
def test_other_columns_are_no_finding(bench: Bench, column: str, value: str) -> None:
    """The name and the values are the evidence."""
    assert found(bench, APART, column=column, value=value) == []


def test_separate_rows_of_a_separate_table_are_no_finding(bench: Bench) -> None:
    """They have a table of their own."""
    assert found(bench, source("a.db", table("product", into="a_product"), table("sale", into="a_sale"))) == []


@pytest.mark.parametrize(("other", "expected"), [("item", []), ("b_product", ["a.db:deal", "b.db:deal"])])
def test_files_with_one_new_name_are_no_finding(bench: Bench, other: str, expected: list[str]) -> None:
    """Each row still means the only table of these keys."""
    for file in ("a.db", "b.db"):
        row = f"INSERT INTO deal VALUES ('{file}', '{file}')"
        products = f"INSERT INTO product VALUES ('{file}', '')"
        bench.database(file, PRODUCT.format("TEXT"), "CREATE TABLE deal(id TEXT PRIMARY KEY, sku TEXT)", products, row)
    sources = [source("a.db", table("product", into="item"), "deal")]
    sources += [source("b.db", table("product", into=other), "deal")]

    inspected = bench.survey(*sources)

    assert inspected.problems == []
    assert [each.subject for each in inspected.findings if each.id == "parent-apart"] == expected

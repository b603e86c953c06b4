"""Specify what is reported of numbers of the target that may be ids of renumbered rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import Source

CUSTOMER = "CREATE TABLE customer(id INTEGER PRIMARY KEY, name)"
TICKET = "CREATE TABLE ticket(nr TEXT PRIMARY KEY, {0})"
ROWS = "INSERT INTO ticket VALUES ('a', 1), ('b', 2), ('c', NULL)"


def unfollowed(bench: Bench, *sources: Source) -> list[Finding]:
    """Return each finding about an id that stays. There must be no problem."""
    inspected = bench.survey(*sources)
    assert inspected.problems == []
    return [finding for finding in inspected.findings if finding.id == "id-unfollowed"]


def create(bench: Bench, *statements: str) -> tuple[Source, Source]:
    """Create a target, and two sources whose customers have equal ids.

    The second one gets new ids.
    """
    bench.database(TARGET, *statements)
    for name in "ab":
        bench.database(f"{name}.db", CUSTOMER, f"INSERT INTO customer VALUES (1, '{name}1'), (2, '{name}2')")
    renumbered = table("customer", keys="renumber")
    return source("a.db", renumbered), source("b.db", renumbered)


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("customer_id INT", 2),
        ("old_customer_id INT", 2),
        ("customer INT", 2),
        ("customer_id TEXT", 2),
        ("object_id TEXT", 2),
        ("place_id INT", 0),
        ("customer TEXT", 0),
        ("customer_id INT REFERENCES place(id)", 0),
        ("customer_id INT AS (nr + 1)", 0),
    ],
)
def test_column_of_target_is_a_finding(bench: Bench, column: str, rows: int) -> None:
    """The target has no customers, and those of a source get new keys."""
    place, values = "CREATE TABLE place(id INTEGER PRIMARY KEY)", "INSERT INTO place VALUES (1), (2)"
    ticket = ROWS if " AS " not in column else "INSERT INTO ticket VALUES ('a'), ('b')"
    sources = create(bench, place, values, TICKET.format(column), ticket)

    findings = unfollowed(bench, *sources)

    expected = [("target.db:ticket", rows, column.split(" ", maxsplit=1)[0])] if rows else []
    assert [(each.subject, each.count, each.column) for each in findings] == expected


@pytest.mark.parametrize("column", ["customer_id INT", "customer INT", "customer_id TEXT", "object_id TEXT"])
def test_column_of_target_means_customers_of_the_target(bench: Bench, column: str) -> None:
    """Their keys stay."""
    sources = create(bench, CUSTOMER, "INSERT INTO customer VALUES (1, 'x')", TICKET.format(column), ROWS)

    assert unfollowed(bench, *sources) == []


@pytest.mark.parametrize("has_customers", [False, True])
def test_setting_of_target_is_a_finding(bench: Bench, has_customers: bool) -> None:
    """Customers of the target keep their keys."""
    settings = "CREATE TABLE setting(name TEXT PRIMARY KEY, value)", "INSERT INTO setting VALUES ('vip_customer_id', 2)"
    sources = create(bench, *settings, *([CUSTOMER] if has_customers else []))
    bench.execute(TARGET, *(["INSERT INTO customer VALUES (1, 'x')"] if has_customers else []))

    subjects = [each.subject for each in unfollowed(bench, *sources)]

    assert subjects == ([] if has_customers else ["target.db:setting"])


def test_stated_column_of_target_is_no_finding(bench: Bench) -> None:
    """The plan states to what the column refers."""
    client, ticket = "CREATE TABLE client(id INTEGER PRIMARY KEY)", TICKET.format("customer_id INT")
    sources = create(bench, client, "INSERT INTO client VALUES (1), (2)", ticket, ROWS)
    bench.database("c.db", client.replace("client", "person"), ticket, "INSERT INTO ticket VALUES ('d', NULL)")
    refers = [Refers(column="customer_id", to="person.id")]
    stated = source("c.db", table("person", into="client"), table("ticket", refers=refers))

    assert unfollowed(bench, *sources, stated) == []


def test_keys_for_target_are_kept_as_the_finding_advises(bench: Bench) -> None:
    """The customers of the source go under another name."""
    sources = create(bench, TICKET.format("customer_id INT"), ROWS)
    [finding] = unfollowed(bench, *sources)

    [kept, apart] = re.findall(r"(?:\"keep\"|\(into\)) for (\w+)", finding.text)
    advised = source("b.db", table(kept, keys="keep", into=f"b_{apart}"))

    assert unfollowed(bench, sources[0], advised) == []

"""Specify which columns may have keys of a renumbered table by their numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.findings import Finding

SPREAD = (3, 77, 140, 951, 2204)
FEW = range(1, 6)
MANY = range(1, 121)
TEN = range(10, 60, 10)
RELATIONS = "area_manager owner ownerId reply_to_id captain reviewer assignee author parent staffRef copy_of depends_on"
AMOUNTS = "quantity priority year position version port age gender page_from rooms num_users valid_to paid type_id"


def unfollowed(
    bench: Bench, keys: Iterable[int], column: str, numbers: Iterable[object], refers: list[Refers] | None = None
) -> list[Finding]:
    """Return the findings about a column of notes beside two tables that get new keys."""
    staff, depots = "CREATE TABLE staff(id INTEGER PRIMARY KEY)", "CREATE TABLE depots(id INTEGER PRIMARY KEY)"
    values = ", ".join(f"({key})" for key in keys)
    for file in (TARGET, "b.db"):
        bench.database(file, staff, depots, f"INSERT INTO staff VALUES {values}", "INSERT INTO depots VALUES (5000)")
    bench.execute("b.db", f"CREATE TABLE note(nr TEXT PRIMARY KEY, {column})")
    rows = ", ".join(f"('{number}', {value})" for number, value in enumerate(numbers))
    bench.execute("b.db", f"INSERT INTO note VALUES {rows}")
    renumbered = [table(name, keys="renumber") for name in ("staff", "depots")]
    inspected = bench.survey(source("b.db", *renumbered, table("note", refers=refers or [])))
    assert inspected.problems == []
    return [finding for finding in inspected.findings if finding.id == "id-unfollowed"]


@pytest.mark.parametrize(
    "column", ["written_by", "ref", "author_id", "uid", *thorough("team_lead", "head_id", "artist", *RELATIONS.split())]
)
def test_number_of_a_relation_is_a_finding(bench: Bench, column: str) -> None:
    """Its name has no word of the table."""
    [finding] = unfollowed(bench, FEW, f"{column} INT", [1, 5, "NULL", 0, 1])

    assert (finding.subject, finding.count, finding.column) == ("b.db:note", 4, column)
    assert 'to = "staff.id"' in finding.text


@pytest.mark.parametrize(
    "column",
    [
        "rating",
        "sorted_by",
        "is_owner",
        "members",
        *thorough("display_order", "group_by", "divided_by", *AMOUNTS.split()),
    ],
)
def test_amount_with_numbers_of_keys_is_no_finding(bench: Bench, column: str) -> None:
    """A few numbers from 1 on are keys of each table by chance."""
    assert unfollowed(bench, FEW, f"{column} INT", [1, 5, 3, 1]) == []


@pytest.mark.parametrize(
    ("keys", "numbers", "expected"),
    [
        (FEW, [1, 2, 6], 0),
        (MANY, [*range(1, 20), 999], 1),
        (FEW, [0, 1, 0], 0),
        (FEW, [0, -1, "NULL"], 0),
        (FEW, ["'x'", 2], 1),
    ],
)
def test_relation_needs_mostly_keys(bench: Bench, keys: Iterable[int], numbers: list[object], expected: int) -> None:
    """A row that it refers to can be gone, and 0 and 1 are a truth value."""
    assert len(unfollowed(bench, keys, "owner INT", numbers)) == expected


@pytest.mark.parametrize(
    ("keys", "column", "numbers", "expected"),
    [
        (SPREAD, "station INT", SPREAD[:3], 1),
        (SPREAD, "station", SPREAD[:3], 1),
        (SPREAD, "station INT", [*SPREAD[:3], 4], 0),
        (SPREAD, "station INT", [*SPREAD[:3], 0], 0),
        (SPREAD, "station INT", [*SPREAD[:3], "'x'"], 0),
        (SPREAD, "station TEXT", SPREAD[:3], 0),
        (SPREAD, "year INT", SPREAD[:3], 0),
        (SPREAD, "grouped_by INT", SPREAD[:3], 1),
        (SPREAD, "station INT", [3], 0),
        (TEN, "station INT", [10, 30, 50], 0),
        (FEW, "station INT", FEW, 0),
        (MANY, "station INT", [*MANY, 1], 1),
        (MANY, "station INT", MANY, 0),
        (MANY, "station INT", [*MANY[:60], 1], 0),
    ],
)
def test_numbers_alone_are_a_finding_unless_by_chance(
    bench: Bench, keys: Iterable[int], column: str, numbers: Iterable[object], expected: int
) -> None:
    """They are few of all numbers, or as many as the keys, and repeated."""
    findings = unfollowed(bench, keys, column, numbers)

    assert [each.column for each in findings] == [column.split(maxsplit=1)[0]] * expected


def test_stated_relation_is_no_finding(bench: Bench) -> None:
    """The plan has the lines that the finding offers."""
    refers = [Refers(column="owner", to="staff.id")]

    assert unfollowed(bench, FEW, "owner INT", FEW, refers) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("src INT, dst INT", ["src", "dst"]),
        ("source INT, kind INT", []),
        ("staff_nr INT", ["staff_nr"]),
        ("nr2 INT", []),
    ],
)
def test_edges_and_numbers_of_a_table_are_findings(bench: Bench, columns: str, expected: list[str]) -> None:
    """``src`` alone may be an amount, and ``staff_nr`` has the name of the table."""
    second = columns.count(",")

    findings = unfollowed(bench, FEW, columns, [f"{number}{', 1' * second}" for number in FEW])

    assert [each.column for each in findings] == expected


@pytest.mark.parametrize(
    ("column", "offered"),
    [
        ("husband", ["person", "event"]),
        ("ref", ["event", "person"]),
        ("duplicate_of", ["note", "event", "person"]),
    ],
)
def test_tables_whose_keys_stay_are_named(bench: Bench, column: str, offered: list[str]) -> None:
    """The name of the column tells which of them is first."""
    person = (
        "CREATE TABLE person(id INTEGER PRIMARY KEY, name)",
        "INSERT INTO person VALUES (1, 'a'), (2, 'b'), (9, 'c')",
    )
    event = "CREATE TABLE event(id INTEGER PRIMARY KEY)", "INSERT INTO event VALUES (1), (2), (3)"
    bench.database(TARGET, *event)
    bench.database("b.db", *person, *event, "CREATE TABLE own(nr INTEGER PRIMARY KEY)", "INSERT INTO own VALUES (7)")
    notes = f"CREATE TABLE note(id INTEGER PRIMARY KEY, {column} INT)", "INSERT INTO note VALUES (1, 2), (2, 2)"
    bench.execute("b.db", *notes)

    inspected = bench.survey(source("b.db", table("event", keys="renumber"), "person", "own", "note"))

    [finding] = [each for each in inspected.findings if each.id == "id-unfollowed"]
    names = re.findall(r"(\w+)\.id\b", finding.text.partition(", because")[0])
    assert (names, 'to = "event.id"' in finding.text) == (offered, True)


@pytest.mark.parametrize(
    ("column", "expected"),
    [("owner", 1), ("work_order", 1), ("order2", 1), ("order_id_2", 1), ("display_order", 0), ("order_no", 1)],
)
def test_nearest_table_is_offered_first(bench: Bench, column: str, expected: int) -> None:
    """Both tables have all numbers of the column."""
    for file in (TARGET, "b.db"):
        for name, values in (("pages", "(1), (2), (3), (4)"), ("orders", "(1), (2)")):
            bench.execute(file, f"CREATE TABLE {name}(id INTEGER PRIMARY KEY)", f"INSERT INTO {name} VALUES {values}")
    bench.execute("b.db", f"CREATE TABLE note(nr TEXT PRIMARY KEY, {column} INT)", "INSERT INTO note VALUES ('a', 2)")
    renumbered = [table(name, keys="renumber") for name in ("pages", "orders")]

    inspected = bench.survey(source("b.db", *renumbered, "note"))

    keys = [each.keys[0] for each in inspected.findings if each.id == "id-unfollowed"]
    assert keys == ["orders.id"] * expected


def test_key_that_follows_another_one_does_not_stay(bench: Bench) -> None:
    """A verdict has the number of its sample."""
    for file in (TARGET, "b.db"):
        bench.database(file, "CREATE TABLE sample(id INTEGER PRIMARY KEY)", "INSERT INTO sample VALUES (1), (2), (3)")
        bench.execute(file, "CREATE TABLE verdict(sample INTEGER PRIMARY KEY, supersedes INT)")
    bench.execute("b.db", "INSERT INTO verdict VALUES (1, NULL), (3, 1)")
    followed = [Refers(column="sample", to="sample.id")]
    inspected = bench.survey(source("b.db", table("sample", keys="renumber"), table("verdict", refers=followed)))

    [finding] = [each for each in inspected.findings if each.id == "id-unfollowed"]

    assert (finding.column, finding.keys) == ("supersedes", ("sample.id",))


def test_one_of_several_keys_is_not_stated(bench: Bench) -> None:
    """The finding has the keys that a column may have, and claims none of them."""
    for file in (TARGET, "b.db"):
        for name in ("pages", "orders"):
            bench.execute(file, f"CREATE TABLE {name}(id INTEGER PRIMARY KEY)", f"INSERT INTO {name} VALUES (1), (2)")
    bench.execute("b.db", "CREATE TABLE note(nr TEXT PRIMARY KEY, owner INT)", "INSERT INTO note VALUES ('a', 2)")
    renumbered = [table(name, keys="renumber") for name in ("pages", "orders")]

    [finding] = [
        each for each in bench.survey(source("b.db", *renumbered, "note")).findings if each.id == "id-unfollowed"
    ]

    assert (sorted(finding.keys), "to = " in finding.text) == (["orders.id", "pages.id"], False)


@pytest.mark.parametrize(("column", "first"), [("father_id", "PersonTable"), ("child_id", "note"), ("ref", "orders")])
def test_name_tells_the_likeliest_key(bench: Bench, column: str, first: str) -> None:
    """A child may be a person as well, which comes before other tables then."""
    names = ("orders", "PersonTable", "note")
    for file in (TARGET, "b.db"):
        for name in names:
            bench.execute(file, f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, {column} INT)")
            bench.execute(file, f"INSERT INTO {name} VALUES (1, NULL), (2, NULL), (3, NULL)")
    bench.execute("b.db", f"UPDATE note SET {column} = 2")

    inspected = bench.survey(source("b.db", *(table(name, keys="renumber") for name in names)))

    [keys] = [each.keys for each in inspected.findings if each.id == "id-unfollowed" and each.subject == "b.db:note"]
    tables = [key.partition(".")[0] for key in keys]
    assert tables[0] == first
    assert column != "child_id" or tables[1] == "PersonTable"

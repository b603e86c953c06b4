"""Specify which relations may mean renumbered rows of another database by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.plan.model import Source
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, source, table
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.findings import Finding

PEOPLE = "CREATE TABLE people(id INTEGER PRIMARY KEY, name, boss INT)"
ENTRY = "CREATE TABLE entry(nr TEXT PRIMARY KEY, {0})"
KEYED_ENTRY = "CREATE TABLE entry(nr INTEGER PRIMARY KEY, {0})"
FEW = range(1, 8)


def people(bench: Bench, file: str, keys: Iterable[int] = FEW, name: str = "people") -> Source:
    """Create a database of people, and return a source that gives them new keys."""
    values = ", ".join(f"({key}, '{file}{key}', NULL)" for key in keys)
    bench.database(file, PEOPLE.replace("people", name), f"INSERT INTO {name} VALUES {values}")
    return source(file, table(name, into="people", keys="renumber"))


def entries(bench: Bench, file: str, column: str, numbers: Iterable[object] = FEW, entry: str = ENTRY) -> None:
    """Create a table of entries with some numbers in a column."""
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(numbers, 1))
    bench.database(file, entry.format(column), f"INSERT INTO entry VALUES {rows}")


def unfollowed(bench: Bench, *sources: Source) -> list[Finding]:
    """Return each finding about an id that stays. There must be no problem."""
    inspected = bench.survey(*sources)
    assert inspected.problems == []
    return [finding for finding in inspected.findings if finding.id == "id-unfollowed"]


@pytest.mark.parametrize(
    ("column", "numbers", "expected"),
    [
        ("written_by INT", FEW, 1),
        ("owner", FEW, 1),
        ("written_by INT", [*FEW, 0, "NULL"], 1),
        ("written_by INT", [*FEW, 8], 0),
        ("station INT", FEW, 0),
        *thorough(
            ("owner INT", [0, 1], 0),
            ("owner TEXT", FEW, 0),
            ("rating INT", FEW, 0),
            ("owner INT REFERENCES entry(nr)", FEW, 0),
        ),
    ],
)
def test_relation_to_keys_of_another_database_is_a_finding(
    bench: Bench, column: str, numbers: Iterable[object], expected: int
) -> None:
    """The people of one file get new keys, and the entries of another file keep their numbers."""
    people(bench, TARGET)
    b = people(bench, "b.db")
    entries(bench, "log.db", column, numbers)

    findings = unfollowed(bench, b, source("log.db", "entry"))

    assert [(each.subject, each.column) for each in findings] == [
        ("log.db:entry", column.split(maxsplit=1)[0])
    ] * expected
    assert all("(b)" in each.text for each in findings)


@pytest.mark.parametrize(
    ("column", "entry", "expected"),
    [
        ("written_by", KEYED_ENTRY, 1),
        ("author_id", KEYED_ENTRY, 1),
        ("parent", KEYED_ENTRY, 0),
        ("reply_to_id", KEYED_ENTRY, 0),
        ("parent", ENTRY, 1),
    ],
)
def test_relation_may_mean_rows_of_its_own_table(bench: Bench, column: str, entry: str, expected: int) -> None:
    """No entry is a person."""
    people(bench, TARGET)
    b = people(bench, "b.db")
    entries(bench, "log.db", f"{column} INT", entry=entry)

    assert [each.column for each in unfollowed(bench, b, source("log.db", "entry"))] == [column] * expected


@pytest.mark.parametrize(
    ("key", "rows", "expected"),
    [
        ("id INTEGER PRIMARY KEY, x", 7, 0),
        ("id INTEGER PRIMARY KEY, x", 3, 1),
        ("id TEXT PRIMARY KEY, x", 7, 1),
        ("id, x, PRIMARY KEY (id, x)", 7, 1),
    ],
)
def test_relation_means_a_table_of_its_own_database(bench: Bench, key: str, rows: int, expected: int) -> None:
    """A table that the plan leaves behind counts, if most numbers are its keys."""
    people(bench, TARGET)
    b = people(bench, "b.db")
    entries(bench, "log.db", "written_by INT")
    values = ", ".join(f"({number}, 0)" for number in range(1, rows + 1))
    bench.execute("log.db", f"CREATE TABLE member({key})", f"INSERT INTO member VALUES {values}")

    assert len(unfollowed(bench, b, source("log.db", "entry", leave={"member": "not needed"}))) == expected


@pytest.mark.parametrize("column", ["owner_id", "owner"])
def test_relation_named_after_a_table_means_that_one(bench: Bench, column: str) -> None:
    """It is in a third database, and its keys stay."""
    people(bench, TARGET)
    b = people(bench, "b.db")
    entries(bench, "log.db", f"{column} INT")
    bench.database("c.db", "CREATE TABLE owners(id INTEGER PRIMARY KEY)", "INSERT INTO owners VALUES (1)")

    assert unfollowed(bench, b, source("log.db", "entry"), source("c.db", "owners")) == []


def test_relations_are_not_compared_with_files_of_a_pattern(bench: Bench) -> None:
    """They are too many."""
    files = ["p-1.db", "p-2.db"]
    for file in (TARGET, *files):
        people(bench, file)
    entries(bench, "log.db", "written_by INT")
    pattern = Source(name="many", file="p*.db", tables=[table("people", keys="renumber")])

    inspected = bench.survey_of(expand(bench.plan(pattern, source("log.db", "entry")), lambda _pattern: files))

    assert "keys-renumbered" in {each.id for each in inspected.findings}
    assert "id-unfollowed" not in {each.id for each in inspected.findings}


def test_relations_are_compared_with_the_largest_tables(bench: Bench) -> None:
    """Of many databases with equal tables only some are read."""
    people(bench, TARGET)
    sources = [people(bench, f"{name}.db") for name in "bcde"]
    sources.append(people(bench, "f.db", range(1, 100)))
    entries(bench, "log.db", "written_by INT", range(1, 50))

    [finding] = unfollowed(bench, *sources, source("log.db", "entry"))

    assert "(f)" in finding.text


@pytest.mark.parametrize(("keys", "expected"), [(FEW, 0), (range(1, 3), 1)])
def test_relation_of_target_may_mean_people_of_a_source(bench: Bench, keys: Iterable[int], expected: int) -> None:
    """The target has people too, who keep their keys."""
    people(bench, TARGET, keys)
    b = people(bench, "b.db", name="persons")
    bench.execute(TARGET, ENTRY.format("written_by INT"))
    bench.execute(TARGET, f"INSERT INTO entry VALUES {', '.join(f'({key}, {key})' for key in FEW)}")

    assert [each.subject for each in unfollowed(bench, b)] == ["target.db:entry"] * expected


def test_person_of_the_same_table_means_no_other_person(bench: Bench) -> None:
    """The target has its own people, and each of them has a boss there."""
    people(bench, TARGET)
    b = people(bench, "b.db")
    bench.execute(TARGET, "UPDATE people SET boss = 1")

    assert unfollowed(bench, b) == []

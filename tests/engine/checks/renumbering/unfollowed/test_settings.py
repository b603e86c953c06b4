"""Specify which rows of settings may state ids of renumbered rows."""

from __future__ import annotations

import pytest

from sqlite_consolidate.findings import merge_findings
from sqlite_consolidate.plan.model import Source
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, source, table

PEOPLE = "CREATE TABLE people(id INTEGER PRIMARY KEY, name)"
PREF = "CREATE TABLE pref(name TEXT PRIMARY KEY, value)"


def create(bench: Bench) -> None:
    """Create a target and a source whose people have equal ids."""
    for file in (TARGET, "b.db"):
        bench.database(file, PEOPLE, "INSERT INTO people VALUES (1, 'a'), (17, 'b')")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("home_person_id", "'1'", 1),
        ("person_id", "1", 1),
        ("person_id", "'x'", 0),
        ("visit_id", "1", 0),
        ("title", "1", 0),
        ("editor_person", "17", 1),
        ("editor_person", "18", 0),
        ("people", "'17'", 1),
        ("person.on.duty", "17", 1),
        ("personOnDuty", "17", 1),
        ("level-person", "17", 1),
        ("max_people", "17", 0),
        ("people_per_list", "17", 0),
        ("person_timeout", "17", 0),
        ("person_age", "17", 0),
        ("show_people", "1", 0),
        ("salesperson", "17", 0),
    ],
)
def test_setting_that_names_a_key_is_a_finding(bench: Bench, name: str, value: str, expected: int) -> None:
    """The key of the row has the name of a reference, or of a table that has the number.

    It is in the same or in another database.
    """
    create(bench)
    for file in ("b.db", "c.db"):
        bench.execute(file, PREF, f"INSERT INTO pref VALUES ('{name}', {value}), ('lang', 1)")
    people = table("people", keys="renumber")

    inspected = bench.survey(source("b.db", people, table("pref", into="p")), source("c.db", table("pref", into="q")))

    subjects = [(each.subject, each.count) for each in inspected.findings if each.id == "id-unfollowed"]
    assert subjects == [("b.db:pref", 1), ("c.db:pref", 1)] * expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("owner", "1", 1),
        ("site.owner", "'17'", 1),
        ("admin_user", "1", 1),
        ("created_by", "17", 1),
        ("reviewer", "17", 1),
        ("reviewer", "1", 0),
        ("owner", "18", 0),
        ("owner", "0", 0),
        ("sorted_by", "17", 0),
        ("show_owner", "1", 0),
        ("parent", "17", 0),
    ],
)
def test_setting_about_a_person_is_a_finding(bench: Bench, name: str, value: str, expected: int) -> None:
    """No word of it names the table.

    A 1 is a truth value, unless a person is meant for certain.
    """
    create(bench)
    for file in ("b.db", "c.db"):
        bench.execute(file, PREF, f"INSERT INTO pref VALUES ('{name}', {value}), ('lang', 1)")
    people = table("people", keys="renumber")

    inspected = bench.survey(source("b.db", people, table("pref", into="p")), source("c.db", table("pref", into="q")))

    findings = [each for each in inspected.findings if each.id == "id-unfollowed"]
    assert [(each.subject, each.count, each.column) for each in findings] == [("b.db:pref", 1, "value")] * expected


@pytest.mark.parametrize(
    ("columns", "name", "number", "expected"),
    [
        ("id INTEGER PRIMARY KEY, name, value", "rootTagID", 17, 1),
        ("id INTEGER PRIMARY KEY, name, value", "rootTagID", 18, 0),
        ("id INTEGER PRIMARY KEY, name, value", "rootTagID", 1, 0),
        ("id INTEGER PRIMARY KEY, name, value", "owner", 17, 1),
        ("id INTEGER PRIMARY KEY, name, price", "rootTagID", 17, 0),
        ("id INTEGER, name TEXT PRIMARY KEY, value", "root_tag_id", 17, 1),
        ("id INTEGER, name TEXT PRIMARY KEY, number", "editor_person", 17, 1),
        ("id INTEGER, name TEXT PRIMARY KEY, version", "editor_person", 17, 0),
        ("id INTEGER, name TEXT PRIMARY KEY, row_count", "editor_person", 17, 0),
    ],
)
def test_setting_with_another_key_may_be_an_id(
    bench: Bench, columns: str, name: str, number: int, expected: int
) -> None:
    """The name of the setting is in another column, and its words name no table."""
    create(bench)
    bench.execute("b.db", f"CREATE TABLE pref({columns})", f"INSERT INTO pref VALUES (9, '{name}', {number})")

    inspected = bench.survey(source("b.db", table("people", keys="renumber"), table("pref", into="p")))

    subjects = [(each.subject, each.count) for each in inspected.findings if each.id == "id-unfollowed"]
    assert subjects == [("b.db:pref", 1)] * expected


@pytest.mark.parametrize("name", ["editor_person_id", "editor_person"])
@pytest.mark.parametrize(("number", "expected"), [(5, []), (1, ["a.db:pref"])])
def test_setting_means_a_table_of_its_own_source(bench: Bench, name: str, number: int, expected: list[str]) -> None:
    """The people of another source have new keys."""
    create(bench)
    bench.database("a.db", PEOPLE, f"INSERT INTO people VALUES ({number}, 'c')", PREF)
    bench.execute("a.db", f"INSERT INTO pref VALUES ('{name}', '{number}')")
    people = table("people", keys="renumber")

    inspected = bench.survey(source("b.db", people), source("a.db", people if expected else "people", "pref"))

    findings = [each for each in inspected.findings if each.subject == "a.db:pref"]
    assert [each.subject for each in findings] == expected
    assert all("people (a)" in each.text for each in findings)


def test_setting_that_is_not_utf8_is_no_finding(bench: Bench) -> None:
    """The rows are read all the same."""
    create(bench)
    bench.execute("b.db", PREF, "INSERT INTO pref VALUES (CAST(x'ff6964' AS TEXT), 1), (CAST(x'ff' AS TEXT), 1)")

    inspected = bench.survey(source("b.db", table("people", keys="renumber"), "pref"))

    assert "id-unfollowed" not in {each.id for each in inspected.findings}


def test_settings_of_a_pattern_are_one_finding(bench: Bench) -> None:
    """Each file has the same one."""
    create(bench)
    files = ["p-1.db", "p-2.db"]
    for file in files:
        bench.database(file, PEOPLE, "INSERT INTO people VALUES (1, 'a'), (17, 'b')", PREF)
        bench.execute(file, "INSERT INTO pref VALUES ('editor_person', 17)")
    tables = [table("people", keys="renumber"), table("pref", on_conflict="skip-identical")]
    pattern = Source(name="many", file="p*.db", tables=tables)

    inspected = bench.survey_of(expand(bench.plan(pattern), lambda _pattern: files))

    findings = [each for each in inspected.findings if each.id == "id-unfollowed"]
    assert [each.subject for each in findings] == ["p-1.db:pref", "p-2.db:pref"]
    assert len(merge_findings(findings)) == 1

"""Specify what is reported of ids that nothing declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.findings import merge_findings
from sqlite_consolidate.plan.model import Refers
from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import TableMap

SITES = "CREATE TABLE sites(id INTEGER PRIMARY KEY, code INTEGER UNIQUE)"


def unfollowed(bench: Bench, *tables: str | TableMap, **keys: Any) -> list[tuple[str, int]]:
    """Return subject and count of each finding about an id that stays."""
    renumbered = table("sites", keys="renumber", renumber=["code"])
    inspected = bench.survey(source("b.db", renumbered, *tables, **keys))
    assert inspected.problems == []
    return [(finding.subject, finding.count) for finding in inspected.findings if finding.id == "id-unfollowed"]


def create(bench: Bench, *statements: str) -> None:
    """Create a target and a source whose sites have equal ids."""
    for file in (TARGET, "b.db"):
        bench.database(file, SITES, "INSERT INTO sites VALUES (1, 7), (2, 8)")
    bench.execute("b.db", *statements)


@pytest.mark.parametrize(
    "column",
    ["site_id", "sitesId", "siteid", "Sites_ID", "site_code", "code", "site_fk", "id_site", "old_site_id"],
)
def test_undeclared_reference_is_a_finding(bench: Bench, column: str) -> None:
    """A column that is named like one, and whose numbers stay."""
    create(
        bench,
        f"CREATE TABLE visit(nr TEXT PRIMARY KEY, {column} INT)",
        "INSERT INTO visit VALUES ('a', 1), ('b', NULL)",
    )

    assert unfollowed(bench, "visit") == [("b.db:visit", 1)]


@pytest.mark.parametrize("column", ["person_id", "author_person_id", "people_id", "person"])
def test_irregular_plural_names_an_undeclared_reference(bench: Bench, column: str) -> None:
    """A table of ``people`` has a person in each row."""
    for file in (TARGET, "b.db"):
        bench.database(file, "CREATE TABLE people(id INTEGER PRIMARY KEY, name)", "INSERT INTO people VALUES (1, 'a')")
    bench.execute("b.db", f"CREATE TABLE visit(nr TEXT PRIMARY KEY, {column} INT)", "INSERT INTO visit VALUES ('a', 1)")
    inspected = bench.survey(source("b.db", table("people", keys="renumber"), "visit"))

    findings = [each for each in inspected.findings if each.id == "id-unfollowed"]
    assert [(each.subject, each.column) for each in findings] == [("b.db:visit", column)]


def test_undeclared_references_of_several_files_are_one_sum(bench: Bench) -> None:
    """A pattern has many files, and one finding has the rows of all."""
    visit = "CREATE TABLE visit(nr TEXT PRIMARY KEY, site_id INT)"
    create(bench, visit, "INSERT INTO visit VALUES ('a', 1)")
    bench.database("c.db", SITES, "INSERT INTO sites VALUES (1, 7)")
    bench.execute("c.db", visit, "INSERT INTO visit VALUES ('b', 1), ('c', 1)")
    sites = table("sites", keys="renumber", renumber=["code"])

    inspected = bench.survey(source("b.db", sites, "visit"), source("c.db", sites, "visit"))

    [finding] = [each for each in merge_findings(inspected.findings) if each.id == "id-unfollowed"]
    assert finding.count == 3
    assert "3 rows" in finding.text


@pytest.mark.parametrize(
    ("column", "other", "expected"),
    [
        ("site_id INT", "place", [("c.db:visit", 2)]),
        ("old_site_id INT", "place", [("c.db:visit", 2)]),
        ("place_id INT", "place", []),
        ("site_id TEXT", "place", [("c.db:visit", 2)]),
        ("site INT", "place", [("c.db:visit", 2)]),
        ("site_nr INT", "place", []),
        ("site TEXT", "place", []),
        ("site_id INT", "site", []),
        ("site INT", "site", []),
    ],
)
def test_column_named_after_another_database_is_a_finding(
    bench: Bench, column: str, other: str, expected: list[tuple[str, int]]
) -> None:
    """The keys of its rows change there, and no reference follows from one file to another.

    A plain name is that of a table if each number is a key there.
    """
    create(bench)
    visit, rows = f"CREATE TABLE visit(nr TEXT PRIMARY KEY, {column})", "INSERT INTO visit VALUES ('a', 1), ('b', 2)"
    bench.database("c.db", visit, rows, f"CREATE TABLE {other}(id INTEGER PRIMARY KEY)")

    inspected = bench.survey(source("b.db", table("sites", keys="renumber")), source("c.db", "visit"))

    assert [(each.subject, each.count) for each in inspected.findings if each.id == "id-unfollowed"] == expected


@pytest.mark.parametrize(("number", "expected"), [(0, 1), (-1, 1), (3, 0)])
def test_plain_name_with_other_numbers_is_no_finding(bench: Bench, number: int, expected: int) -> None:
    """One of its numbers is no key of the table after which it is named.

    Numbers up to 0 mean no row.
    """
    create(bench)
    bench.database("c.db", "CREATE TABLE visit(site INT)", f"INSERT INTO visit VALUES (1), ({number})")

    inspected = bench.survey(source("b.db", table("sites", keys="renumber")), source("c.db", "visit"))

    assert len([each for each in inspected.findings if each.id == "id-unfollowed"]) == expected


def test_keys_are_kept_as_the_finding_advises(bench: Bench) -> None:
    """The tables that lead to them go under other names as well."""
    visit, stay = (
        "CREATE TABLE visit(id INTEGER PRIMARY KEY, site INT REFERENCES sites(id))",
        "CREATE TABLE stay(id INTEGER PRIMARY KEY, visit INT REFERENCES visit(id))",
    )
    create(bench, visit, stay, "INSERT INTO visit VALUES (1, 1)", "INSERT INTO stay VALUES (1, 1)")
    bench.execute(TARGET, visit, stay, "INSERT INTO visit VALUES (1, 1)", "INSERT INTO stay VALUES (1, 1)")
    bench.database("c.db", "CREATE TABLE note(nr TEXT, site_id INT)", "INSERT INTO note VALUES ('a', 1)")
    renumbered = [table(name, keys="renumber") for name in ("sites", "visit", "stay")]

    [finding] = [
        each
        for each in bench.survey(source("b.db", *renumbered), source("c.db", "note")).findings
        if each.id == "id-unfollowed"
    ]
    names = finding.text.partition("(into) for ")[2].partition(" in source")[0].replace(" and ", ", ").split(", ")
    advised = [table(name, into=f"b_{name}") for name in names]
    inspected = bench.survey(source("b.db", *advised), source("c.db", "note"))

    assert names == ["sites", "visit", "stay"]
    assert inspected.problems == []
    assert "id-unfollowed" not in {each.id for each in inspected.findings}


TAG = "CREATE TABLE tag(nr TEXT PRIMARY KEY, kind TEXT, {0} TEXT)"


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("object_id", "2", 1),
        ("ObjectID", "2", 1),
        ("object_pk", "2", 1),
        ("object_id", "3", 0),
        ("object_id", "02", 0),
        ("object_id", "2.0", 0),
        ("object_id", "99999999999999999999", 0),
        ("version", "2", 0),
    ],
)
def test_text_that_is_a_key_is_a_finding(bench: Bench, column: str, value: str, expected: int) -> None:
    """Another column says of which table it is, as in a log of Django."""
    create(bench, TAG.format(column), f"INSERT INTO tag VALUES ('a', 'site', '{value}'), ('b', 'site', NULL)")

    assert unfollowed(bench, "tag") == [("b.db:tag", 1)] * expected


def test_reference_declared_to_another_table_is_no_finding(bench: Bench) -> None:
    """The column has the name of a site, and the schema says that it is a place."""
    create(
        bench,
        "CREATE TABLE place(id INTEGER PRIMARY KEY)",
        "INSERT INTO place VALUES (1)",
        "CREATE TABLE visit(nr TEXT PRIMARY KEY, site_id INT REFERENCES place(id))",
        "INSERT INTO visit VALUES ('a', 1)",
    )

    assert unfollowed(bench, "visit", "place") == []


def test_stated_reference_is_no_finding(bench: Bench) -> None:
    """The plan has the lines that the finding offers."""
    create(bench, "CREATE TABLE visit(nr TEXT PRIMARY KEY, site_id INT)", "INSERT INTO visit VALUES ('a', 1)")

    assert unfollowed(bench, table("visit", refers=[Refers(column="site_id", to="sites.id")])) == []


@pytest.mark.parametrize(
    ("column", "number", "expected"),
    [("site_like_id", 1, 0), ("website_id", 1, 0), ("site", 9, 0), ("site", 1, 1), ("sites", 2, 1)],
)
def test_other_names_are_no_finding(bench: Bench, column: str, number: int, expected: int) -> None:
    """Most columns of numbers are no references.

    A plain name counts if each number is a key of that table.
    """
    create(bench, f"CREATE TABLE visit(nr TEXT PRIMARY KEY, {column} INT)", f"INSERT INTO visit VALUES ('a', {number})")

    assert unfollowed(bench, "visit") == [("b.db:visit", 1)] * expected


@pytest.mark.parametrize(
    ("column", "number", "expected"),
    [
        ("best_site", 2, 1),
        ("bestSite", 2, 1),
        ("old_best_sites", 2, 1),
        ("best_site", 9, 0),
        ("campsite", 2, 0),
        ("base_camp_site", 2, 0),
        ("site_order", 2, 0),
        ("num_sites", 2, 0),
        ("isSite", 1, 0),
    ],
)
def test_last_word_that_names_a_table_is_a_finding(bench: Bench, column: str, number: int, expected: int) -> None:
    """The longest name of a table is meant, and an amount means none."""
    camps = "CREATE TABLE camp_sites(id INTEGER PRIMARY KEY)"
    visit = f"CREATE TABLE visit(nr TEXT PRIMARY KEY, {column} INT)"
    create(bench, camps, visit, f"INSERT INTO visit VALUES ('a', {number}), ('b', NULL), ('c', 0)")

    assert unfollowed(bench, "visit", "camp_sites") == [("b.db:visit", 2)] * expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2]", 1),
        ('{"site": 12}', 1),
        ("1,2,3", 1),
        ("4; 5|6", 1),
        ("/1/2/", 1),
        ("/2", 1),
        ('{"role": "user"}', 0),
        ("[1, 2", 0),
        ("12", 0),
        ("2020-01-02", 0),
        ("12:30", 0),
        ("1/2/2020", 0),
        ("/1/x", 0),
    ],
)
def test_ids_in_texts_are_a_finding(bench: Bench, text: str, expected: int) -> None:
    """Only in tables that refer to renumbered rows, or are renumbered."""
    visit = "CREATE TABLE visit(nr TEXT PRIMARY KEY, site INT REFERENCES sites(id), note)"
    create(bench, visit, f"INSERT INTO visit VALUES ('a', 1, '{text}'), ('b', 1, NULL), ('c', 2, 5)")
    bench.execute("b.db", "CREATE TABLE memo(nr TEXT PRIMARY KEY, note)", f"INSERT INTO memo VALUES ('a', '{text}')")

    assert unfollowed(bench, "visit", "memo") == [("b.db:visit", 1)] * expected


def test_ids_in_code_are_said_to_be_unexamined(bench: Bench) -> None:
    """A first file, which keeps its ids, needs no such note."""
    create(bench)
    inspected = bench.survey(source("b.db", table("sites", keys="renumber", renumber=["code"])))
    assert "ids-elsewhere" in {finding.id for finding in inspected.findings}

    inspected = bench.survey(source("b.db", table("sites", into="places", keys="renumber")))
    assert "ids-elsewhere" not in {finding.id for finding in inspected.findings}


def test_reference_that_another_source_declares_is_a_finding(bench: Bench) -> None:
    """One file has the FOREIGN KEY, and the other one has not."""
    declared = "CREATE TABLE visit(nr TEXT PRIMARY KEY, at INT REFERENCES sites)"
    create(bench, declared.replace(" REFERENCES sites", ""), "INSERT INTO visit VALUES ('b', 1)")
    bench.database("c.db", SITES, declared, "INSERT INTO sites VALUES (1, 9)", "INSERT INTO visit VALUES ('c', 1)")
    sites = table("sites", keys="renumber", renumber=["code"])

    inspected = bench.survey(source("b.db", sites, "visit"), source("c.db", sites, "visit"))

    assert [each.subject for each in inspected.findings if each.id == "id-unfollowed"] == ["b.db:visit"]


VISIT = "CREATE TABLE visit(nr TEXT PRIMARY KEY, at INT, n INT, sure INT REFERENCES sites)"
NOTE = "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT)"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE VIEW o AS SELECT v.nr, s.code FROM visit v JOIN sites s ON s.id = v.at", 1),
        ("CREATE VIEW o AS SELECT nr FROM visit WHERE at IN (SELECT id FROM sites)", 1),
        ("CREATE VIEW o AS SELECT s.code FROM sites s, note n WHERE s.id = n.id", 1),
        ("CREATE VIEW o AS SELECT v.nr FROM visit v, sites s WHERE s.id = json_extract(v.nr, '$.site')", 1),
        ("CREATE TRIGGER o AFTER DELETE ON sites BEGIN DELETE FROM visit WHERE at = old.id; END", 1),
        ("CREATE VIEW o AS SELECT code, text FROM sites JOIN note USING (id)", 1),
        ("CREATE VIEW o AS SELECT code, text FROM sites NATURAL JOIN note", 1),
        ("CREATE VIEW o AS SELECT v.nr, v.at, s.code FROM visit v JOIN sites s ON s.id = v.sure", 0),
        ("CREATE VIEW o AS SELECT s.id, v.n FROM visit v JOIN sites s ON v.nr = s.code", 0),
        ("CREATE VIEW o AS SELECT id, code FROM sites WHERE id > code", 0),
        ("CREATE VIEW o AS SELECT id, 'site' FROM sites UNION ALL SELECT at, nr FROM visit", 0),
        ("CREATE TRIGGER o AFTER UPDATE ON sites BEGIN UPDATE sites SET code = new.code WHERE id = new.id; END", 0),
        ("CREATE TRIGGER o AFTER DELETE ON sites BEGIN INSERT INTO note(text) VALUES (old.id); END", 0),
    ],
)
def test_key_that_may_be_compared_is_a_finding(bench: Bench, sql: str, expected: int) -> None:
    """No column that follows the key is read with it, and another one has its numbers."""
    rows = """INSERT INTO visit VALUES ('{"site":1}', 1, 77, NULL)""", "INSERT INTO note VALUES (2, 'x')"
    create(bench, VISIT, NOTE, sql, *rows)

    findings = unfollowed(bench, "visit", "note")

    assert [subject for subject, _ in findings if subject == TARGET] == [TARGET] * expected


@pytest.mark.parametrize(
    ("condition", "expected"), [("n.at = s.id", []), ("n.id = s.id AND n.text > ''", ["which gets other ones"])]
)
def test_renumbered_key_is_compared_unless_a_reference_is_read(
    bench: Bench, condition: str, expected: list[str]
) -> None:
    """Both keys get new numbers."""
    note = "CREATE TABLE note(id INTEGER PRIMARY KEY, at INT REFERENCES sites, text TEXT)"
    view = f"CREATE VIEW o AS SELECT n.id, s.code FROM note n, sites s WHERE {condition}"
    create(bench, note, view, "INSERT INTO note VALUES (1, 1, 'x')")
    bench.execute(TARGET, note, "INSERT INTO note VALUES (1, 1, 'y')")
    sites = table("sites", keys="renumber", renumber=["code"])

    inspected = bench.survey(source("b.db", sites, table("note", keys="renumber")))

    texts = [each.text for each in inspected.findings if each.id == "id-unfollowed" and each.subject == TARGET]
    assert [text.rpartition(", ")[2].rstrip(".") for text in texts] == expected


CALIBRATION = "CREATE TABLE calibration({0} INTEGER PRIMARY KEY, factor)"
SENSOR = "CREATE TABLE sensor(id INTEGER PRIMARY KEY)"


@pytest.mark.parametrize(
    ("key", "others", "way"),
    [
        ("sensor_id", {TARGET: SENSOR}, 'keys = "keep"'),
        ("sensor_id", {"b.db": SENSOR}, 'to = "sensor.id"'),
        ("calibration_id", {TARGET: SENSOR}, ""),
        ("sensor_id", {}, 'to = "calibration.sensor_id"'),
    ],
)
def test_key_named_like_a_reference_is_a_finding(bench: Bench, key: str, others: dict[str, str], way: str) -> None:
    """A further column with this name means the other table as well."""
    for file in (TARGET, "b.db"):
        bench.database(file, CALIBRATION.format(key), "INSERT INTO calibration VALUES (1, 2), (2, 3)")
    bench.execute("b.db", "CREATE TABLE reading(nr TEXT, sensor_id INT)", "INSERT INTO reading VALUES ('a', 1)")
    tables = ["sensor"] if "b.db" in others else []
    for file, sensor in others.items():
        bench.execute(file, sensor)

    inspected = bench.survey(source("b.db", table("calibration", keys="renumber"), "reading", *tables))

    findings = [each for each in inspected.findings if each.id == "id-unfollowed"]
    subject = "b.db:reading" if "calibration" in way else "b.db:calibration"
    assert [each.subject for each in findings] == ([subject] if way else [])
    assert all(way in each.text for each in findings)

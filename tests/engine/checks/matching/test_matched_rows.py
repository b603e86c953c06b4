"""Test which rows match, what happens to them, and when a plan is refused."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.references.parents_follow import check_parents
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.plan.model import TableMap
from tests.support.databases import TARGET, failed_subjects, source, table

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.databases import Bench
else:
    from sqlite_utils.utils import sqlite3

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, note)"
VISIT = "CREATE TABLE visit(id INTEGER PRIMARY KEY, site INT REFERENCES site(id), day TEXT)"


def ids_of(bench: Bench, *sites: str, policy: str = "refuse", match: tuple[str, ...] = ("code",)) -> list[str]:
    """Return the ids of the problems of one table."""
    bench.database("a.db", SITE, *sites)
    site = table("site", match=list(match), on_conflict=policy, keys="renumber")
    return [problem.id for problem in bench.survey(source("a.db", site)).problems]


def test_two_tables_of_one_source_do_not_match_together(bench: Bench) -> None:
    """A row of one table could match a row of the other, and a source matches the target only."""
    for name in ("a", "b"):
        bench.database("s.db", f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, code TEXT)")
    maps = [table(name, into="a", keys="renumber", match=["code"]) for name in ("a", "b")]

    problems = bench.survey(source("s.db", *maps)).problems

    assert {problem.id for problem in problems} == {"match-impossible"}


@pytest.mark.parametrize(("existing", "arriving"), [("NULL", "5"), ("5", "NULL")])
def test_matched_row_with_one_number_is_refused(bench: Bench, existing: str, arriving: str) -> None:
    """What refers to the number would lead to no row. NULL in both rows is no reference."""
    book = "CREATE TABLE book(id INTEGER PRIMARY KEY, oid INT UNIQUE, code TEXT)"
    bench.database(TARGET, book, f"INSERT INTO book VALUES (1, {existing}, 'x'), (2, NULL, 'y')")
    bench.database("a.db", book, f"INSERT INTO book VALUES (1, {arriving}, 'x'), (2, NULL, 'y')")

    plan = source("a.db", table("book", keys="renumber", renumber=["oid"], match=["code"]))
    (problem,) = bench.survey(plan).problems

    assert (problem.id, problem.what.split()[0]) == ("match-ambiguous", "1")


def test_children_follow_the_row_that_stands(bench: Bench) -> None:
    """NULL matches NULL."""
    bench.database(TARGET, SITE, VISIT, "INSERT INTO site VALUES (1, 'LAKE', 0), (2, NULL, 1)")
    bench.database("a.db", SITE, VISIT, "INSERT INTO site VALUES (1, NULL, 1), (2, 'LAKE', 0), (3, 'new', 2)")
    bench.execute("a.db", "INSERT INTO visit VALUES (5, 1, 'x'), (6, 2, 'y'), (7, 3, 'z'), (8, NULL, '-')")

    copied = bench.copied(source("a.db", table("visit"), table("site", keys="renumber", match=["code"])))

    assert copied.rows("SELECT * FROM site ORDER BY id") == [(1, "LAKE", 0), (2, None, 1), (5, "new", 2)]
    assert copied.rows("SELECT site, day FROM visit ORDER BY day") == [(None, "-"), (2, "x"), (1, "y"), (5, "z")]
    (copied_sites,) = [each for each in copied.copied_tables if each.mapping.into.name == "site"]
    assert (copied_sites.rows, copied_sites.inserted, copied_sites.skipped, copied_sites.identical) == (3, 1, 2, 2)
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_earlier_source_is_matched_by_the_next(bench: Bench) -> None:
    """The target does not have to exist. A key of any type is mapped without new keys."""
    tag = "CREATE TABLE tag(key TEXT PRIMARY KEY, name, up TEXT REFERENCES tag(key))"
    bench.database("a.db", tag, "INSERT INTO tag VALUES ('a1', 'top', NULL), ('a2', 'low', 'a1')")
    bench.database("b.db", tag, "INSERT INTO tag VALUES ('b1', 'top', NULL), ('b2', 'low', 'b1'), ('b3', 'x', 'b2')")
    match = table("tag", match=["name", "up"])

    copied = bench.copied(source("a.db", match), source("b.db", match))

    assert copied.rows("SELECT * FROM tag ORDER BY 1") == [("a1", "top", None), ("a2", "low", "a1"), ("b3", "x", "a2")]
    assert failed_subjects(keys_mapped(copied.compared)) == []


@pytest.mark.parametrize(("policy", "row"), [("prefer-target", ("LAKE", "old")), ("prefer-source", ("lake", "new"))])
def test_policy_decides_about_rows_that_differ(bench: Bench, policy: str, row: tuple[str, str]) -> None:
    """The row keeps its key, and has all other values of one of the two rows."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (7, 'LAKE', 'old')")
    bench.database("a.db", SITE, "INSERT INTO site VALUES (1, 'lake', 'new')")

    copied = bench.copied(source("a.db", table("site", match=["code"], on_conflict=policy)))

    assert copied.rows("SELECT * FROM site") == [(7, *row)]
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_whole_rows_of_one_file_are_repeated(bench: Bench) -> None:
    """Only rows that stand before the source begins are left out."""
    log = "CREATE TABLE log(at, value)"
    bench.database(TARGET, log, "INSERT INTO log VALUES (1, 2.0), (1, 2.0)")
    bench.database("a.db", log, "INSERT INTO log VALUES (1, 2.0), (3, NULL), (3, NULL)")

    copied = bench.copied(source("a.db", table("log", match=["*"], rowids="renumber")))

    assert copied.rows("SELECT * FROM log") == [(1, 2.0), (1, 2.0), (3, None), (3, None)]
    assert failed_subjects(keys_mapped(copied.compared)) == []


@pytest.mark.parametrize(
    ("policy", "match", "ids"),
    [
        ("prefer-source", ["day"], ["orphans-adopted"]),
        ("refuse", ["day"], ["orphans-adopted"]),
        ("prefer-target", ["day"], []),
        ("prefer-target", ["day", "site"], ["orphans-adopted"]),
    ],
)
def test_matched_row_without_parent_gets_no_other(bench: Bench, policy: str, match: list[str], ids: list[str]) -> None:
    """Its number stands for no row of the source, and is a key of the target."""
    bench.database(
        TARGET, SITE, VISIT, "INSERT INTO site VALUES (0, 'zero', 0)", "INSERT INTO visit VALUES (1, 0, 'x')"
    )
    bench.database("a.db", SITE, VISIT, "INSERT INTO site VALUES (4, 'four', 0)")
    bench.execute("a.db", "INSERT INTO visit VALUES (5, 0, 'x')")
    visit = table("visit", match=match, on_conflict=policy)

    surveyed = bench.survey(source("a.db", table("site", keys="renumber"), visit))

    problems, _ = check_parents(surveyed)
    assert [problem.id for problem in problems] == ids


def test_file_without_the_parents_gets_none_of_another_file(bench: Bench) -> None:
    """The parents of the other file get new keys, so its numbers mean something else."""
    bench.database("a.db", SITE, VISIT, "INSERT INTO site VALUES (2, 'two', 0)", "INSERT INTO visit VALUES (5, 2, 'x')")
    bench.database("b.db", VISIT, "INSERT INTO visit VALUES (5, 2, 'y')")
    sites, visits = table("site", keys="renumber"), table("visit", keys="renumber")

    problems, _ = check_parents(bench.survey(source("a.db", sites, visits), source("b.db", visits)))

    assert [(problem.id, problem.subject) for problem in problems] == [("orphans-adopted", "b.db:visit")]


def test_rows_must_match_one_to_one(bench: Bench) -> None:
    """Two rows of either side may not match one row of the other."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (1, 'a', 0), (2, 'b', 0), (3, 'B', 0)")

    sites = "INSERT INTO site VALUES (1, 'A', 0), (2, 'a', 0), (3, 'b', 0)"
    assert ids_of(bench, sites, policy="prefer-target") == ["match-ambiguous"] * 2


def test_different_rows_need_a_policy(bench: Bench) -> None:
    """A storage class is a difference."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (1, 'a', 0)")

    assert ids_of(bench, "INSERT INTO site VALUES (1, 'A', 0.0)") == ["rows-differ"]


def test_line_that_takes_another_spelling_for_identical_fails(bench: Bench, tmp_path: Path) -> None:
    """The proof compares the bytes again, whatever the map says."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (1, 'news', 0)")
    bench.database("a.db", SITE, "INSERT INTO site VALUES (1, 'NEWS', 0)")
    copied = bench.copied(source("a.db", table("site", match=["code"], on_conflict="prefer-target")))
    assert failed_subjects(keys_mapped(copied.compared)) == []

    assert copied.key_map
    other = tmp_path / "other.sqlite"
    shutil.copy(copied.key_map, other)
    with closing(sqlite3.connect(other)) as con, con:
        con.execute("UPDATE matched SET identical = 1")

    assert failed_subjects(keys_mapped(replace(copied.compared, key_map=other))) == ["a.db:site -> site (code)"]


@pytest.mark.parametrize(
    ("declared", "existing", "arriving"),
    [
        ("TEXT COLLATE NOCASE", "'news'", "'NEWS'"),
        ("TEXT COLLATE RTRIM", "'news'", "'news '"),
        ("", "1", "1.0"),
    ],
    ids=["case", "space", "storage class"],
)
def test_equal_key_of_other_bytes_is_a_difference(bench: Bench, declared: str, existing: str, arriving: str) -> None:
    """The unique key lets one of both values stand only, and a policy says which."""
    tag = f"CREATE TABLE tag(id INTEGER PRIMARY KEY, name {declared} UNIQUE)"
    bench.database(TARGET, tag, f"INSERT INTO tag VALUES (1, {existing}), (2, 'x')")
    bench.database("a.db", tag, f"INSERT INTO tag VALUES (5, {arriving}), (6, 'x')")
    tables = {policy: table("tag", match=["name"], on_conflict=policy) for policy in ("refuse", "prefer-target")}

    assert [problem.id for problem in bench.survey(source("a.db", tables["refuse"])).problems] == ["rows-differ"]
    copied = bench.copied(source("a.db", tables["prefer-target"]))
    assert [(each.skipped, each.identical) for each in copied.copied_tables] == [(2, 1)]
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_last_source_gives_the_bytes_of_a_key(bench: Bench) -> None:
    """A child that refers by the column reaches the same row as before."""
    tag = "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, at INT)"
    use = "CREATE TABLE use(id INTEGER PRIMARY KEY, tag TEXT REFERENCES tag(name))"
    bench.database(TARGET, tag, use, "INSERT INTO tag VALUES (1, 'news', 1)", "INSERT INTO use VALUES (1, 'news')")
    for number, (file, name) in enumerate((("a.db", "NEWS"), ("b.db", "News")), 2):
        bench.database(file, tag, use, f"INSERT INTO tag VALUES (7, '{name}', {number})")
        bench.execute(file, f"INSERT INTO use VALUES ({number}, '{name}')")
    tables = table("tag", match=["name"], on_conflict="prefer-source"), table("use")
    sources = source("a.db", *tables), source("b.db", *tables)
    assert check_parents(bench.survey(*sources))[0] == []

    copied = bench.copied(*sources)

    assert copied.rows("SELECT * FROM tag") == [(1, "News", 3)]
    assert copied.rows("SELECT tag FROM use ORDER BY id") == [("news",), ("NEWS",), ("News",)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []


def test_update_changes_no_byte_of_a_primary_key(bench: Bench) -> None:
    """The row is updated under its own key, or not at all."""
    tag = "CREATE TABLE tag(name TEXT PRIMARY KEY COLLATE NOCASE, note)"
    bench.database(TARGET, tag, "INSERT INTO tag VALUES ('news', 1), ('art', 1)")
    bench.database("a.db", tag, "INSERT INTO tag VALUES ('NEWS', 2), ('art', 2)")
    tables = [table("tag", match=["name"], on_conflict=policy) for policy in ("prefer-source", "prefer-target")]

    problems, kept = (bench.survey(source("a.db", each)).problems for each in tables)

    assert [(problem.id, problem.what.split()[0]) for problem in problems] == [("rows-differ", "1")]
    assert kept == []


def test_whole_rows_of_other_bytes_are_moved(bench: Bench) -> None:
    """No key lets only one of them stand."""
    log = "CREATE TABLE log(at TEXT COLLATE NOCASE, value)"
    bench.database(TARGET, log, "INSERT INTO log VALUES ('a', 1), ('b', 1)")
    bench.database("a.db", log, "INSERT INTO log VALUES ('A', 1), ('a', 1.0), ('b', 1)")

    copied = bench.copied(source("a.db", table("log", match=["*"], rowids="renumber")))

    rows = [("a", 1), ("b", 1), ("A", 1), ("a", 1.0)]
    assert [(row, type(row[1])) for row in copied.rows("SELECT * FROM log")] == [(row, type(row[1])) for row in rows]
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_rows_in_a_circle_are_refused(bench: Bench) -> None:
    """No level of the tree has them."""
    tag = "CREATE TABLE tag(id INTEGER PRIMARY KEY, name, up REFERENCES tag(id))"
    bench.database("a.db", tag, "INSERT INTO tag VALUES (1, 'a', 2), (2, 'b', 1), (3, 'c', NULL)")

    assert [p.id for p in bench.survey(source("a.db", table("tag", match=["name", "up"]))).problems] == ["match-circle"]


@pytest.mark.parametrize(
    ("policy", "match"),
    [("refuse", ("id",)), ("prefer-source", ("*",)), ("refuse", ("*",))],
    ids=["own key", "policy of whole rows", "key of whole rows"],
)
def test_match_that_cannot_be_applied_is_refused(bench: Bench, policy: str, match: tuple[str, ...]) -> None:
    """Declarations and the plan decide, not the rows."""
    assert set(ids_of(bench, policy=policy, match=match)) == {"match-impossible"}


def test_table_beside_one_that_cannot_match_is_not_judged(bench: Bench) -> None:
    """Its rows were not compared, so it is unknown which keys would occur twice."""
    other = "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT UNIQUE)"
    for file in (TARGET, "a.db"):
        bench.database(file, SITE, other, "INSERT INTO site VALUES (1, 'a', 0)", "INSERT INTO tag VALUES (1, 'x')")

    tables = table("site", match=["id"], keys="renumber"), table("tag", match=["name"], keys="renumber")
    problems = bench.survey(source("a.db", *tables)).problems
    assert [(problem.id, problem.subject) for problem in problems] == [("match-impossible", "a.db:site")]


def test_key_that_is_a_reference_matches_by_its_parent(bench: Bench) -> None:
    """The key gets the number of its parent, with new keys as well."""
    person = "CREATE TABLE person(id INTEGER PRIMARY KEY REFERENCES site(id), born TEXT)"
    bench.database(TARGET, SITE, person, "INSERT INTO site VALUES (1, 'a', 0)", "INSERT INTO person VALUES (1, '90')")
    bench.database("a.db", SITE, person, "INSERT INTO site VALUES (1, 'b', 0), (2, 'a', 0)")
    bench.execute("a.db", "INSERT INTO person VALUES (1, '80'), (2, '90')")

    tables = table("site", match=["code"], keys="renumber"), table("person", match=["id"], keys="renumber")
    copied = bench.copied(source("a.db", *tables))
    assert copied.rows("SELECT code, born FROM person JOIN site USING (id) ORDER BY 1") == [("a", "90"), ("b", "80")]
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_columns_of_match_must_be_stored(bench: Bench) -> None:
    """A column that the target does not have is named."""
    assert ids_of(bench, match=("kode",)) == ["no-such-column"]


def test_another_unique_key_is_refused(bench: Bench) -> None:
    """Rows that do not match may not have it twice."""
    create = "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT, number UNIQUE)"
    bench.database(TARGET, create, "INSERT INTO site VALUES (1, 'a', 5)")
    bench.database("a.db", create, "INSERT INTO site VALUES (1, 'b', 5)")

    (problem,) = bench.survey(source("a.db", table("site", keys="renumber", match=["code"]))).problems

    assert problem.id == "key-collision"


def test_source_of_another_encoding_is_matched(bench: Bench) -> None:
    """Its rows are compared after they have been decoded."""
    bench.database(TARGET, SITE, VISIT, "INSERT INTO site VALUES (1, 'Zürich', 0)")
    bench.database("a.db", "PRAGMA encoding='UTF-16le'", SITE, VISIT, "INSERT INTO site VALUES (4, 'Zürich', 0)")
    bench.execute("a.db", "INSERT INTO site VALUES (5, 'Bern', 0)", "INSERT INTO visit VALUES (1, 4, 'x'), (2, 5, 'y')")
    visit = table("visit", keys="renumber", match=["site", "day"])

    copied = bench.copied(source("a.db", visit, table("site", keys="renumber", match=["code"])))

    visits = copied.rows("SELECT code, day FROM visit JOIN site ON site.id = site ORDER BY 1")
    assert visits == [("Bern", "y"), ("Zürich", "x")]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []


def test_stated_references_follow_matched_rows(bench: Bench) -> None:
    """Each of two conditions leads to the rows of one table."""
    pet = "CREATE TABLE pet(id INTEGER PRIMARY KEY, name TEXT)"
    card = "CREATE TABLE card(kind TEXT, subject INT, text)"
    bench.database(TARGET, SITE, pet, card, "INSERT INTO site VALUES (8, 'a', 0)", "INSERT INTO pet VALUES (9, 'a')")
    bench.database("a.db", SITE, pet, card, "INSERT INTO site VALUES (1, 'a', 0), (2, 'b', 0)")
    bench.execute("a.db", "INSERT INTO pet VALUES (1, 'b'), (2, 'a')")
    bench.execute(
        "a.db", "INSERT INTO card VALUES ('site', 1, 'sa'), ('site', 2, 'sb'), ('pet', 1, 'pb'), ('pet', 2, 'pa')"
    )
    refers = [
        {"column": "subject", "to": "site.id", "when": "kind = 'site'"},
        {"column": "subject", "to": "pet.id", "when": "kind = 'pet'"},
    ]
    maps = (
        table("site", keys="renumber", match=["code"]),
        table("pet", keys="renumber", match=["name"]),
        TableMap.model_validate({"name": "card", "refers": refers, "rowids": "renumber"}),
    )

    copied = bench.copied(source("a.db", *maps))

    parents = "SELECT 'site' AS kind, id, code FROM site UNION ALL SELECT 'pet', id, name FROM pet"
    query = f"SELECT text, code FROM card JOIN ({parents}) AS p ON p.kind = card.kind AND p.id = subject ORDER BY 1"
    assert copied.rows(query) == [("pa", "a"), ("pb", "b"), ("sa", "a"), ("sb", "b")]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []


def test_constants_of_a_source_take_part(bench: Bench) -> None:
    """The same code of another device is another row."""
    create = "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT, device TEXT)"
    bench.database(TARGET, create, "INSERT INTO site VALUES (1, 'a', 'x'), (2, 'a', 'y')")
    bench.database("a.db", "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT)", "INSERT INTO site VALUES (1, 'a')")
    bench.execute("a.db", "INSERT INTO site VALUES (2, 'b')")
    site = table("site", keys="renumber", match=["code", "device"])

    copied = bench.copied(source("a.db", site, constants={"device": "y"}))

    assert copied.rows("SELECT * FROM site ORDER BY 1") == [(1, "a", "x"), (2, "a", "y"), (4, "b", "y")]
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_column_that_nothing_declares_is_a_finding(bench: Bench) -> None:
    """It has the name of a reference to rows that may stand under other keys."""
    note = "CREATE TABLE note(site_id INTEGER, text)"
    bench.database(TARGET, SITE, note, "INSERT INTO site VALUES (7, 'a', 0)")
    bench.database("a.db", SITE, note, "INSERT INTO site VALUES (1, 'a', 0)", "INSERT INTO note VALUES (1, 'x')")

    findings = bench.survey(source("a.db", table("note", rowids="renumber"), table("site", match=["code"]))).findings

    assert [finding.id for finding in findings] == ["id-unfollowed"]


@pytest.mark.parametrize(("match", "expected"), [(["text", "site_id"], True), (["text"], False)])
def test_finding_states_match_by_an_unfollowed_id(bench: Bench, match: list[str], *, expected: bool) -> None:
    """Two rows of different sites may become one."""
    note = "CREATE TABLE note(id INTEGER PRIMARY KEY, site_id INTEGER, text)"
    bench.database(TARGET, SITE, note, "INSERT INTO site VALUES (7, 'a', 0)")
    bench.database("a.db", SITE, note, "INSERT INTO site VALUES (1, 'a', 0)", "INSERT INTO note VALUES (1, 1, 'x')")

    tables = (table("note", keys="renumber", match=match), table("site", match=["code"]))
    [finding] = [each for each in bench.survey(source("a.db", *tables)).findings if each.id == "id-unfollowed"]

    assert (finding.level, "(match)" in finding.text) == ("attention", expected)


def test_key_that_an_unmatched_row_shares_is_renumbered(bench: Bench) -> None:
    """To match by the key would say that two sites are one."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (1, 'a', 0)")
    bench.database("a.db", SITE, "INSERT INTO site VALUES (1, 'b', 0)")

    (problem,) = bench.survey(source("a.db", table("site", match=["code"]))).problems
    assert (problem.id, problem.subject) == ("key-collision", "a.db:site")
    assert 'keys = "renumber"' in problem.hint

"""Test plans in which rows match beside filters, policies and other numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.chosen.rows_chosen import rows_chosen
from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.plan.model import TableMap
from tests.support.databases import TARGET, failed_subjects, source, table

if TYPE_CHECKING:
    from tests.support.databases import Bench, Copied

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, at, note)"
VISIT = "CREATE TABLE visit(id INTEGER PRIMARY KEY, site INT REFERENCES site(id), day TEXT)"
NEWER = {"match": ["code"], "on_conflict": "prefer-newer", "newer": "at"}


def failed(copied: Copied) -> list[str]:
    """Return the subjects of the proofs that failed."""
    compared = copied.compared
    chosen = rows_chosen(compared) if any(copied.mapping.chosen for copied in compared.copied) else []
    return failed_subjects([*keys_mapped(compared), *references_kept(compared), *chosen])


def test_newer_row_updates_the_one_that_stands(bench: Bench) -> None:
    """An older row leaves it as it is. Children of both follow the row that stands."""
    bench.database(TARGET, SITE, VISIT, "INSERT INTO site VALUES (7, 'A', 5, 'old'), (8, 'B', 5, 'old')")
    bench.database("a.db", SITE, VISIT, "INSERT INTO site VALUES (1, 'a', 6, 'new'), (2, 'b', 4, 'new')")
    bench.execute("a.db", "INSERT INTO visit VALUES (1, 1, 'x'), (2, 2, 'y')")

    copied = bench.copied(source("a.db", table("site", keys="renumber", **NEWER), table("visit", keys="renumber")))

    assert copied.rows("SELECT * FROM site") == [(7, "a", 6, "new"), (8, "B", 5, "old")]
    assert copied.rows("SELECT site, day FROM visit") == [(7, "x"), (8, "y")]
    assert failed(copied) == []


@pytest.mark.parametrize("keys", [{"on_conflict": "prefer-source"}, {"on_conflict": "prefer-newer", "newer": "w"}])
def test_link_of_two_keys_is_updated_from_any_file(bench: Bench, keys: dict[str, str]) -> None:
    """The label of a file of a pattern has a dot, and so has the name of its database in SQL."""
    link = "CREATE TABLE link(a INT REFERENCES site(id), b INT REFERENCES site(id), w REAL, PRIMARY KEY(a, b))"
    bench.database(TARGET, SITE, link, "INSERT INTO site VALUES (1, 'A', 1, ''), (2, 'B', 1, '')")
    bench.execute(TARGET, "INSERT INTO link VALUES (1, 2, 0.5)")
    bench.database("a.1.db", SITE, link, "INSERT INTO site VALUES (1, 'B', 1, ''), (2, 'A', 1, '')")
    bench.execute("a.1.db", "INSERT INTO link VALUES (2, 1, 0.75), (1, 2, 0.25)")

    maps = table("site", keys="renumber", match=["code"]), table("link", match=["a", "b"], **keys)
    copied = bench.copied(source("a.1.db", *maps))

    assert copied.rows("SELECT * FROM link ORDER BY a") == [(1, 2, 0.75), (2, 1, 0.25)]
    assert failed(copied) == []


@pytest.mark.parametrize(("at", "note"), [("5.5", "new"), ("4.5", "old")])
def test_newer_compares_numbers_of_both_storage_classes(bench: Bench, at: str, note: str) -> None:
    """The row that stands has an integer."""
    site = SITE.replace("at INT", "at NUMERIC")
    bench.database(TARGET, site, "INSERT INTO site VALUES (7, 'A', 5, 'old')")
    bench.database("a.db", site, f"INSERT INTO site VALUES (1, 'a', {at}, 'new')")

    copied = bench.copied(source("a.db", table("site", keys="renumber", **NEWER)))

    assert copied.rows("SELECT note FROM site") == [(note,)]
    assert failed_subjects(keys_mapped(copied.compared)) == []


@pytest.mark.parametrize("at", ["5", "5.0", "NULL", "'5'"])
def test_newer_has_to_tell_which_row_stays(bench: Bench, at: str) -> None:
    """Equal values, NULL and other storage classes do not tell it where rows differ."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (7, 'A', 5, 'old')")
    bench.database("a.db", SITE, f"INSERT INTO site VALUES (1, 'a', {at}, 'new')")

    (problem,) = bench.survey(source("a.db", table("site", keys="renumber", **NEWER))).problems

    assert (problem.id, problem.criterion) == ("newer-undecided", "keys-free")


def test_rows_that_stay_behind_do_not_match(bench: Bench) -> None:
    """A child follows its matched parent, or stays behind with a parent that stays behind."""
    bench.database(TARGET, SITE, VISIT, "INSERT INTO site VALUES (7, 'a', 1, 0), (8, 'b', 1, 0)")
    bench.database("a.db", SITE, VISIT, "INSERT INTO site VALUES (1, 'a', 1, 0), (2, 'b', 0, 'x'), (3, 'c', 1, 0)")
    bench.execute("a.db", "INSERT INTO visit VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')")
    site = table("site", keys="renumber", match=["code"], where="at", reason="without a date")

    copied = bench.copied(source("a.db", site, table("visit", keys="renumber", follows=("site",))))

    assert copied.rows("SELECT * FROM site") == [(7, "a", 1, 0), (8, "b", 1, 0), (11, "c", 1, 0)]
    assert copied.rows("SELECT site, day FROM visit") == [(7, "x"), (11, "z")]
    assert failed(copied) == []


def test_second_number_follows_the_row_that_stands(bench: Bench) -> None:
    """A reference to a number of a matched row leads to that of the row that stands."""
    book = "CREATE TABLE book(id INTEGER PRIMARY KEY, oid INT UNIQUE, isbn TEXT)"
    loan = "CREATE TABLE loan(id INTEGER PRIMARY KEY, book INT REFERENCES book(id), item INT REFERENCES book(oid))"
    bench.database(TARGET, book, loan, "INSERT INTO book VALUES (5, 50, 'x')")
    bench.database("a.db", book, loan, "INSERT INTO book VALUES (1, 9, 'x'), (2, 8, 'y')")
    bench.execute("a.db", "INSERT INTO loan VALUES (1, 1, 8), (2, 2, 9)")
    books = table("book", keys="renumber", renumber=["oid"], match=["isbn"])

    copied = bench.copied(source("a.db", books, table("loan", keys="renumber")))

    assert copied.rows("SELECT * FROM book") == [(5, 50, "x"), (7, 58, "y")]
    assert copied.rows("SELECT book, item FROM loan") == [(5, 58), (7, 50)]
    assert failed(copied) == []


def test_link_table_is_updated_in_place(bench: Bench) -> None:
    """Its columns that match are references themselves, and its whole key."""
    link = "CREATE TABLE link(site INT REFERENCES site(id), day TEXT, n, PRIMARY KEY(site, day))"
    bench.database(TARGET, SITE, link, "INSERT INTO site VALUES (7, 'a', 0, 0)", "INSERT INTO link VALUES (7, 'x', 1)")
    bench.database("a.db", SITE, link, "INSERT INTO site VALUES (1, 'a', 0, 0), (2, 'b', 0, 0)")
    bench.execute("a.db", "INSERT INTO link VALUES (1, 'x', 2), (2, 'x', 3)")
    links = table("link", match=["site", "day"], on_conflict="prefer-source")

    copied = bench.copied(source("a.db", links, table("site", keys="renumber", match=["code"])))

    assert copied.rows("SELECT * FROM link") == [(7, "x", 2), (9, "x", 3)]
    assert failed(copied) == []


def test_existing_row_keeps_its_key_of_several_columns(bench: Bench) -> None:
    """Nothing refers to it, so match may name some of its columns."""
    part = "CREATE TABLE part(box INT, no INT, name TEXT, n, PRIMARY KEY(box, no))"
    bench.database(TARGET, part, "INSERT INTO part VALUES (1, 1, 'a', 'old'), (1, 2, 'b', 'old')")
    bench.database("a.db", part, "INSERT INTO part VALUES (1, 9, 'b', 'new'), (1, 3, 'c', 'new')")
    parts = table("part", match=["box", "name"], on_conflict="prefer-source")

    copied = bench.copied(source("a.db", parts))

    assert copied.rows("SELECT * FROM part") == [(1, 1, "a", "old"), (1, 2, "b", "new"), (1, 3, "c", "new")]
    assert failed(copied) == []


def test_key_that_matches_in_part_cannot_be_followed(bench: Bench) -> None:
    """Each of its columns would be mapped apart."""
    part = "CREATE TABLE part(box INT, no INT, name TEXT, PRIMARY KEY(box, no))"
    use = "CREATE TABLE use(box INT, no INT, FOREIGN KEY(box, no) REFERENCES part(box, no))"
    bench.database("a.db", part, use)

    (problem,) = bench.survey(source("a.db", table("part", match=["box", "name"]), "use")).problems

    assert (problem.id, problem.subject) == ("match-impossible", "a.db:part")


def test_rows_match_by_a_column_that_refers_by_kind(bench: Bench) -> None:
    """A row of a third kind matches by its value, and a note may be about a note."""
    note = "CREATE TABLE note(id INTEGER PRIMARY KEY, kind TEXT, subject INT, text TEXT)"
    bench.database(TARGET, SITE, note, "INSERT INTO site VALUES (7, 'a', 0, 0)")
    bench.execute(TARGET, "INSERT INTO note VALUES (5, 'site', 7, 's'), (6, 'note', 5, 'n'), (7, 'page', 3, 'p')")
    bench.database("a.db", SITE, note, "INSERT INTO site VALUES (1, 'a', 0, 0)")
    bench.execute("a.db", "INSERT INTO note VALUES (1, 'site', 1, 's'), (2, 'note', 1, 'n'), (3, 'page', 3, 'p')")
    bench.execute("a.db", "INSERT INTO note VALUES (4, 'note', 3, 'n')")
    refers = [{"column": "subject", "to": f"{name}.id", "when": f"kind = '{name}'"} for name in ("site", "note")]
    notes = {"name": "note", "keys": "renumber", "match": ["kind", "subject"], "refers": refers}

    copied = bench.copied(
        source("a.db", TableMap.model_validate(notes), table("site", keys="renumber", match=["code"]))
    )

    assert copied.rows("SELECT * FROM note WHERE id > 7") == [(11, "note", 7, "n")]
    assert failed(copied) == []


@pytest.mark.parametrize("policy", ["prefer-source", "prefer-newer"])
def test_column_of_the_target_alone_stays_as_it_is(bench: Bench, policy: str) -> None:
    """A new row has its DEFAULT, and it makes no difference between two rows."""
    create = SITE.replace("note", "note, extra TEXT DEFAULT 'E'")
    bench.database(TARGET, create, "INSERT INTO site VALUES (7, 'a', 1, 'old', 'kept'), (8, 'b', 1, 0, 'kept')")
    bench.database("a.db", SITE, "INSERT INTO site VALUES (1, 'a', 2, 'new'), (2, 'b', 1, 0), (3, 'c', 1, 0)")
    keys = {"on_conflict": policy, **({"newer": "at"} if policy == "prefer-newer" else {})}

    copied = bench.copied(source("a.db", table("site", keys="renumber", match=["code"], **keys)))

    assert copied.rows("SELECT id, note, extra FROM site") == [(7, "new", "kept"), (8, 0, "kept"), (11, 0, "E")]
    assert failed(copied) == []


@pytest.mark.parametrize(
    ("policy", "rows"),
    [
        ("skip-identical", [(1, 7, 5), (2, 7, 5), (3, 9, 6)]),
        ("prefer-target", [(1, 7, 5), (2, 7, 5), (3, 9, 6)]),
        ("prefer-source", [(1, 7, 5), (2, 9, 6), (3, 9, 6)]),
        ("prefer-newer", [(1, 7, 5), (2, 9, 6), (3, 9, 6)]),
    ],
)
def test_policy_decides_where_only_references_are_new(bench: Bench, policy: str, rows: list[tuple[int, ...]]) -> None:
    """The rows keep their keys, and refer to a matched or a new row."""
    loan = "CREATE TABLE loan(id INTEGER PRIMARY KEY, site INT REFERENCES site(id), at)"
    bench.database(TARGET, SITE, loan, "INSERT INTO site VALUES (7, 'a', 0, 0)")
    bench.execute(TARGET, "INSERT INTO loan VALUES (1, 7, 5), (2, 7, 5)")
    bench.database("a.db", SITE, loan, "INSERT INTO site VALUES (1, 'a', 0, 0), (2, 'b', 0, 0)")
    second = "(2, 1, 5)" if policy == "skip-identical" else "(2, 2, 6)"
    bench.execute("a.db", f"INSERT INTO loan VALUES (1, 1, 5), {second}, (3, 2, 6)")
    keys = {"on_conflict": policy, **({"newer": "at"} if policy == "prefer-newer" else {})}

    copied = bench.copied(source("a.db", table("loan", **keys), table("site", keys="renumber", match=["code"])))

    assert copied.rows("SELECT * FROM loan") == rows
    assert failed(copied) == []


@pytest.mark.parametrize(
    ("declared", "note", "problem"),
    [("note INT", "'007'", "value-changes"), ("note CHECK(note < 5)", "9", "row-refused")],
    ids=["another type", "a constraint"],
)
def test_updating_row_has_to_fit_the_target(bench: Bench, declared: str, note: str, problem: str) -> None:
    """It is no collision of keys."""
    bench.database(TARGET, SITE.replace("note", declared), "INSERT INTO site VALUES (7, 'a', 0, 1)")
    bench.database("a.db", SITE, f"INSERT INTO site VALUES (1, 'a', 0, {note})")
    site = table("site", keys="renumber", match=["code"], on_conflict="prefer-source")

    problems = bench.survey(source("a.db", site)).problems

    assert [(each.id, each.subject) for each in problems] == [(problem, "a.db:site")]
    assert "collision" not in problems[0].what

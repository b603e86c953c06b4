"""Specify which offset a renumbered key gets, and which columns follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.renumbering.key_offsets import LARGEST, offset_above
from sqlite_consolidate.plan.model import TableMap
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, source, table
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)"
LOAN = "CREATE TABLE loan(id INTEGER PRIMARY KEY, site INTEGER REFERENCES site(id), parent REFERENCES loan(id))"


def renumbered(file: str, *tables: object, keys: str = "renumber") -> Source:
    """Return a source whose keys are renumbered by default."""
    return source(file, *tables).model_copy(update={"keys_": keys})  # type: ignore[arg-type]


def ids(bench: Bench, *sources: Source, **keys: object) -> list[str]:
    """Return the ids of the problems of the preflight."""
    return [problem.id for problem in bench.survey(*sources, **keys).problems]


def offsets(bench: Bench, *sources: Source) -> dict[str, dict[str, int]]:
    """Return the offset of each shifted column of each table, of a survey without problem."""
    inspected = bench.survey(*sources)
    assert inspected.problems == []
    return {m.subject: {name: shift.offset for name, shift in m.shifts.items()} for m in inspected.mappings}


@pytest.mark.parametrize(
    ("taken", "smallest", "offset"),
    [
        (None, 5, 0),
        (None, -5, 0),
        (7, 1, 7),
        (7, 100, 7),
        (7, 0, 8),
        (7, -3, 11),
        (-9, 1, 0),
        (-9, -3, 4),
    ],
)
def test_offset_leads_above_what_is_taken(taken: int | None, smallest: int, offset: int) -> None:
    """The smallest new key is above all that is taken, and above 0."""
    assert offset_above(taken, smallest) == offset


def test_first_file_keeps_its_ids(bench: Bench) -> None:
    """The second is above it, whether or not the ranges overlap."""
    bench.database("a.db", SITE, "INSERT INTO site VALUES (3, 'x'), (40, 'y')")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1000, 'z')")

    assert offsets(bench, renumbered("a.db", "site"), renumbered("b.db", "site")) == {
        "a.db:site": {"id": 0},
        "b.db:site": {"id": 40},
    }


def test_undeclared_reference_does_not_move_its_own_file(bench: Bench) -> None:
    """Another file declares it, so that its numbers are taken for the files that follow."""
    undeclared = LOAN.replace("site INTEGER REFERENCES site(id)", "site INTEGER")
    bench.database("a.db", SITE, undeclared, "INSERT INTO site VALUES (3, 'x')", "INSERT INTO loan VALUES (1, 40, 1)")
    bench.database("b.db", SITE, LOAN, "INSERT INTO site VALUES (3, 'y')", "INSERT INTO loan VALUES (1, 3, 1)")

    inspected = bench.survey(renumbered("a.db", "site", "loan"), renumbered("b.db", "site", "loan"))

    shifts = {m.subject: {name: shift.offset for name, shift in m.shifts.items()} for m in inspected.mappings}
    assert shifts == {
        "a.db:site": {"id": 0},
        "a.db:loan": {"id": 0, "parent": 0},
        "b.db:site": {"id": 40},
        "b.db:loan": {"id": 1, "site": 40, "parent": 1},
    }


@pytest.mark.parametrize(("files", "subjects"), [(3, ["p1.db:site", "p2.db:site"]), (5, ["p*.db:site"])])
def test_many_files_of_a_pattern_have_one_finding(bench: Bench, files: int, subjects: list[str]) -> None:
    """It counts the rows of all files. A few files have one each."""
    names = [f"p{number}.db" for number in range(files)]
    for name in names:
        bench.database(name, SITE, "INSERT INTO site VALUES (1, 'x')")
    plan = plan_of_pattern("p*.db", tables=[TableMap(name="site")], keys_="renumber")

    findings = [
        item for item in bench.survey_of(expand(plan, lambda _: names)).findings if item.id == "keys-renumbered"
    ]

    assert [finding.subject for finding in findings] == subjects
    assert sum(finding.count for finding in findings) == files - 1


def test_references_of_several_levels_follow(bench: Bench) -> None:
    """A column that refers to a key takes the offset of that key, within a table as well."""
    bench.database(TARGET, SITE, LOAN, "INSERT INTO site VALUES (5, 'a')", "INSERT INTO loan VALUES (2, 5, NULL)")
    bench.database("b.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'b')", "INSERT INTO loan VALUES (1, 1, 1)")

    assert offsets(bench, renumbered("b.db", "loan", "site")) == {
        "b.db:site": {"id": 5},
        "b.db:loan": {"id": 2, "site": 5, "parent": 2},
    }


@pytest.mark.parametrize(
    ("statement", "offset"),
    [
        ("INSERT INTO site VALUES (9, 'a')", 9),
        ("INSERT INTO loan VALUES (1, 50, NULL)", 50),
        ("INSERT INTO site VALUES (70, 'a'); DELETE FROM site", 70),
    ],
    ids=["key", "dangling reference", "mark"],
)
def test_numbers_of_the_target_are_taken(bench: Bench, statement: str, offset: int) -> None:
    """Keys, references and AUTOINCREMENT marks count."""
    bench.database(TARGET, SITE, LOAN, *statement.split("; "))
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1, 'b')")

    assert offsets(bench, renumbered("b.db", "site"))["b.db:site"] == {"id": offset}


def test_numbers_of_earlier_sources_are_taken(bench: Bench) -> None:
    """A dangling reference of the first source, as it arrives, and its mark count."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (10, 't')")
    bench.database("a.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'a')", "INSERT INTO loan VALUES (1, 77, NULL)")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1, 'b'), (200, 'c')", "DELETE FROM site WHERE id = 200")
    bench.database("c.db", SITE, "INSERT INTO site VALUES (1, 'd')")

    given = offsets(bench, renumbered("a.db", "site", "loan"), renumbered("b.db", "site"), renumbered("c.db", "site"))

    assert [given[f"{name}.db:site"]["id"] for name in "abc"] == [10, 87, 287]


def test_key_that_refers_takes_the_offset_of_its_parent(bench: Bench) -> None:
    """One id in two tables stays one id."""
    item = "CREATE TABLE item(id INTEGER PRIMARY KEY)"
    book = "CREATE TABLE book(id INTEGER PRIMARY KEY REFERENCES item(id), title)"
    note = "CREATE TABLE note(book INTEGER REFERENCES book(id))"
    bench.database(TARGET, item, book, note, "INSERT INTO item VALUES (4)", "INSERT INTO note VALUES (90)")
    bench.database("b.db", item, book, note, "INSERT INTO item VALUES (1)", "INSERT INTO book VALUES (1, 'x')")
    maps = (table("note", rowids="renumber"), "book", "item")

    assert offsets(bench, renumbered("b.db", *maps)) == {
        "b.db:item": {"id": 90},
        "b.db:book": {"id": 90},
        "b.db:note": {"book": 90},
    }


def test_columns_of_a_composite_reference_are_mapped_apart(bench: Bench) -> None:
    """The column that belongs to another key takes the offset of that key."""
    firm = "CREATE TABLE firm(id INTEGER PRIMARY KEY)"
    site = "CREATE TABLE site(id INTEGER PRIMARY KEY, firm INT REFERENCES firm(id), code INT, UNIQUE(id, firm, code))"
    desk = "CREATE TABLE desk(s INT, f INT, c INT, n INTEGER, FOREIGN KEY(s, f, c) REFERENCES site(id, firm, code))"
    bench.database(TARGET, firm, site, "INSERT INTO firm VALUES (3)", "INSERT INTO site VALUES (8, 3, 1)")
    bench.database("b.db", firm, site, desk, "INSERT INTO firm VALUES (1)", "INSERT INTO site VALUES (1, 1, 1)")

    given = offsets(bench, renumbered("b.db", "firm", "site", "desk"))

    assert given["b.db:desk"] == {"s": 8, "f": 3}


def test_reference_that_only_the_target_declares_follows(bench: Bench) -> None:
    """A ``create`` text may declare it."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (5, 'a')")
    bench.database("b.db", SITE, "CREATE TABLE loan(id INTEGER, place INT)", "INSERT INTO site VALUES (1, 'b')")
    create = "CREATE TABLE loan(id INTEGER, place INT REFERENCES site(id))"

    given = offsets(bench, renumbered("b.db", "site", table("loan", create=create)))

    assert given["b.db:loan"] == {"place": 5}


def test_source_default_skips_tables_without_integer_key(bench: Bench) -> None:
    """A table may state otherwise."""
    bench.database(
        "a.db",
        "CREATE TABLE t(k TEXT PRIMARY KEY)",
        "CREATE TABLE n(x)",
        "CREATE TABLE two(a INT, b INT, PRIMARY KEY(a, b))",
        SITE,
    )

    given = offsets(bench, renumbered("a.db", "t", "n", "two", table("site", keys="keep")))

    assert not any(given.values())


@pytest.mark.parametrize(
    "create",
    ["CREATE TABLE t(k TEXT PRIMARY KEY)", "CREATE TABLE t(x)", "CREATE TABLE t(a INT, b INT, PRIMARY KEY(a, b))"],
)
def test_table_without_integer_key_is_a_mistake(bench: Bench, create: str) -> None:
    """The plan names the table itself."""
    bench.database("a.db", create)

    assert ids(bench, source("a.db", table("t", keys="renumber"))) == ["no-number-key"]


@pytest.mark.parametrize(("kind", "names_type"), [("TEXT", True), ("", False)])
def test_reference_stored_as_text_names_type_in_its_hint(bench: Bench, kind: str, names_type: bool) -> None:
    """No value of a TEXT column can be corrected."""
    loan = f"CREATE TABLE loan(site {kind} REFERENCES site(id))"
    bench.database("a.db", SITE, loan, "INSERT INTO loan VALUES ('12')")

    (problem,) = bench.survey(renumbered("a.db", "site", "loan")).problems

    assert problem.id == "key-not-integer"
    assert ("INTEGER" in problem.hint) is names_type


_BIG = LARGEST - 1
_REFUSED = {
    "a key that is no integer": (
        ["CREATE TABLE site(id INT PRIMARY KEY)", "INSERT INTO site VALUES (1.5)"],
        ["key-not-integer"],
    ),
    "a key that is NULL": (
        ["CREATE TABLE site(id INT PRIMARY KEY)", "INSERT INTO site VALUES (NULL)"],
        ["key-not-integer", "rowid-collision"],
    ),
    "a reference that is a text": (
        [SITE, "CREATE TABLE loan(site REFERENCES site(id))", "INSERT INTO loan VALUES ('12')"],
        ["key-not-integer"],
    ),
    "a reference that would overflow": (
        [SITE, "CREATE TABLE loan(site REFERENCES site(id))", f"INSERT INTO loan VALUES ({_BIG})"],
        ["keys-exhausted"],
    ),
    "a column that two keys map": (
        [
            SITE,
            "CREATE TABLE shop(id INTEGER PRIMARY KEY)",
            "CREATE TABLE loan(site REFERENCES site(id) REFERENCES shop(id))",
            "INSERT INTO loan VALUES (NULL)",
        ],
        ["two-maps"],
    ),
    "a generated column that refers to keys": (
        [
            SITE,
            "CREATE TABLE loan(note TEXT, site INTEGER AS (length(note)) REFERENCES site(id))",
            "INSERT INTO loan VALUES ('x')",
        ],
        ["reference-computed"],
    ),
    "keys that refer to each other": (
        [
            "CREATE TABLE site(id INTEGER PRIMARY KEY REFERENCES shop(id))",
            "CREATE TABLE shop(id INTEGER PRIMARY KEY REFERENCES site(id))",
        ],
        ["two-maps", "two-maps"],
    ),
}


@pytest.mark.parametrize(("statements", "expected"), _REFUSED.values(), ids=_REFUSED)
def test_keys_that_cannot_move_are_refused(bench: Bench, statements: list[str], expected: list[str]) -> None:
    """Each has an id of its own."""
    bench.database(TARGET, statements[0], "INSERT INTO site(id) VALUES (5)")
    bench.database("b.db", *statements)
    names = [statement.split("(")[0].split()[-1] for statement in statements if statement.startswith("CREATE")]
    maps = [table(name, rowids="renumber") if name == "loan" else name for name in names]

    assert ids(bench, renumbered("b.db", *maps)) == expected


@pytest.mark.parametrize(("key", "cause"), [(_BIG, "largest"), (-LARGEST, "smallest")])
def test_exhausted_keys_have_a_cause(bench: Bench, key: int, cause: str) -> None:
    """The offset of a very small key is as large as a very large one."""
    bench.database(TARGET, SITE, "INSERT INTO site(id) VALUES (5)")
    bench.database("b.db", SITE, f"INSERT INTO site(id) VALUES ({key})")
    (problem,) = bench.survey(renumbered("b.db", "site")).problems
    assert (problem.id, cause in problem.hint) == ("keys-exhausted", True)


def test_policy_beside_shifted_columns_is_refused(bench: Bench) -> None:
    """A policy of another source that fills the same table is one as well."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (5, 'a')")
    for file in ("a.db", "b.db"):
        bench.database(file, SITE, "INSERT INTO site VALUES (1, 'a')")
    policy = table("site", on_conflict="skip-identical")

    assert ids(bench, renumbered("a.db", policy)) == ["renumber-and-policy"]
    assert ids(bench, source("a.db", policy), renumbered("b.db", "site")) == ["renumber-and-policy"]


def test_sentinel_stays_and_is_counted(bench: Bench) -> None:
    """A number up to 0 that is no key of its source has no row behind it."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (5, 'a')")
    bench.database(
        "b.db",
        SITE,
        LOAN,
        "INSERT INTO site VALUES (-2, 'b')",
        "INSERT INTO loan(id, site) VALUES (1, -1), (2, -2), (3, 9)",
    )

    moved = bench.copied(renumbered("b.db", "site", "loan"))

    assert moved.rows("SELECT id FROM site ORDER BY id") == [(5,), (6,)]
    assert moved.rows("SELECT site FROM loan ORDER BY id") == [(-1,), (6,), (17,)]
    assert [(f.subject, f.count) for f in moved.inspected.findings if f.id == "sentinels-kept"] == [("b.db:loan", 1)]


def test_sentinel_is_no_key_of_the_table_referred_to(bench: Bench) -> None:
    """That table takes its keys from another one, which has the number."""
    item = "CREATE TABLE item(id INTEGER PRIMARY KEY)"
    book = "CREATE TABLE book(id INTEGER PRIMARY KEY REFERENCES item(id))"
    note = "CREATE TABLE note(id INTEGER PRIMARY KEY, book INT REFERENCES book(id))"
    bench.database(TARGET, item, "INSERT INTO item VALUES (4)")
    rows = (
        "INSERT INTO item VALUES (-1), (-2)",
        "INSERT INTO book VALUES (-2)",
        "INSERT INTO note VALUES (1, -1), (2, -2)",
    )
    bench.database("b.db", item, book, note, *rows)

    moved = bench.copied(renumbered("b.db", "note", "book", "item"))

    assert moved.rows("SELECT id FROM item") == [(4,), (5,), (6,)]
    assert moved.rows("SELECT book FROM note ORDER BY id") == [(-1,), (5,)]


def test_sentinel_that_the_target_has_is_refused(bench: Bench) -> None:
    """It would reach that row."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (0, 'a')")
    bench.database("b.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'b')", "INSERT INTO loan(id, site) VALUES (1, 0)")

    assert ids(bench, renumbered("b.db", "site", "loan")) == ["orphans-adopted"]


def test_marks_follow_the_offset(bench: Bench) -> None:
    """An id that the source gave out and deleted is not given out again."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (5, 'a')")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1, 'b'), (30, 'c')", "DELETE FROM site WHERE id = 30")

    moved = bench.copied(renumbered("b.db", "site"))

    assert moved.rows("SELECT name, seq FROM sqlite_sequence") == [("site", 35)]


def test_mark_of_zero_gets_the_offset_as_well(bench: Bench) -> None:
    """Its table has keys below zero only."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (5, 'a')")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (-1, 'b')")

    moved = bench.copied(renumbered("b.db", "site"))

    assert moved.rows("SELECT id FROM site") == [(5,), (6,)]
    assert moved.rows("SELECT name, seq FROM sqlite_sequence") == [("site", 7)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE VIEW first AS SELECT * FROM site WHERE id = 1", True),
        ('CREATE VIEW first AS SELECT * FROM "site" AS s WHERE 7 <> s."id"', True),
        ("CREATE VIEW first AS SELECT * FROM site WHERE id NOT IN (3, 4)", True),
        ("CREATE TRIGGER up AFTER UPDATE ON site WHEN new.id = 1 BEGIN SELECT 1; END", True),
        ("CREATE INDEX few ON site(name) WHERE id <> 12", True),
        ("CREATE VIEW first AS SELECT * FROM site WHERE id BETWEEN 1 AND 9", True),
        ("CREATE VIEW first AS SELECT CASE id WHEN 3 THEN 'x' END FROM site", True),
        ("CREATE VIEW first AS SELECT * FROM site WHERE id IN (0, 4)", True),
        ("CREATE VIEW first AS SELECT * FROM site WHERE id < '40'", True),
        ("CREATE VIEW none AS SELECT * FROM site WHERE id > 0 AND name = 1", False),
        ("CREATE VIEW other AS SELECT 1 FROM visit WHERE id = 1", False),
    ],
)
def test_literal_key_in_an_object_is_a_finding(bench: Bench, statement: str, expected: bool) -> None:
    """It would mean another row."""
    visit = "CREATE TABLE visit(id INT)"
    bench.database(TARGET, SITE, visit, statement, "INSERT INTO site VALUES (5, 'a')")
    bench.database("b.db", SITE, "INSERT INTO site VALUES (1, 'b')")

    inspected = bench.survey(renumbered("b.db", "site"))

    assert any(finding.id == "id-unfollowed" for finding in inspected.findings) is expected


def test_search_index_by_keys_is_refused(bench: Bench) -> None:
    """Its rowids are the keys, and nothing follows them."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (5, 'a')")
    bench.database(
        "b.db",
        SITE,
        "CREATE VIRTUAL TABLE found USING fts5(name)",
        "INSERT INTO site VALUES (1, 'b')",
        "INSERT INTO found(rowid, name) VALUES (1, 'b')",
    )

    assert "rowids-unfollowed" in ids(bench, renumbered("b.db", "site", "found"))

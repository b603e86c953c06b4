"""Specify unique columns that are renumbered beside the primary key, or without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.references.references_kept import references_kept
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.plan.model import Refers
from sqlite_consolidate.plan.patterns import expand
from tests.support.databases import TARGET, Bench, failed_subjects, source, table
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

BOOK = "CREATE TABLE book(isbn TEXT PRIMARY KEY, oid INTEGER UNIQUE, shelf INT UNIQUE, next INT REFERENCES book(oid))"
LOAN = "CREATE TABLE loan(nr INTEGER PRIMARY KEY, item INT, shelf INT REFERENCES book(shelf))"


@pytest.fixture
def library(bench: Bench) -> Bench:
    """Return a bench whose target and source have equal numbers."""
    for file, label in ((TARGET, "t"), ("b.db", "b")):
        books = f"('{label}1', 1, 9, 2), ('{label}2', 2, 4, NULL), ('{label}3', NULL, NULL, NULL)"
        bench.database(file, BOOK, LOAN, f"INSERT INTO book VALUES {books}", "INSERT INTO loan VALUES (1, 2, 4)")
    return bench


def moved(renumber: list[str], **keys: Any) -> Source:
    """Return a source with renumbered columns of its books."""
    loans = table("loan", refers=[Refers(column="item", to="book.oid")], keys="renumber")
    return source("b.db", table("book", renumber=renumber, **keys), loans)


def test_each_column_has_an_offset_of_its_own(library: Bench) -> None:
    """What refers to it follows, declared or stated, and NULL stays."""
    copied = library.copied(moved(["OID", "shelf"]))

    assert copied.rows("SELECT * FROM book WHERE isbn LIKE 'b%' ORDER BY 1") == [
        ("b1", 3, 18, 4),
        ("b2", 4, 13, None),
        ("b3", None, None, None),
    ]
    assert copied.rows("SELECT * FROM loan ORDER BY 1") == [(1, 2, 4), (2, 4, 13)]
    entries = list(keys_mapped(copied.compared))
    assert [entry.subject for entry in entries][:3] == [
        "b.db:book -> book.oid",
        "b.db:book -> book.shelf",
        "b.db:loan -> loan",
    ]
    assert failed_subjects([*entries, *references_kept(copied.compared)]) == []


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ("UPDATE book SET oid = oid + 1 WHERE isbn = 'b2'", "b.db:book -> book.oid"),
        ("UPDATE book SET shelf = 40 WHERE isbn = 'b3'", "book.shelf"),
        ("UPDATE book SET next = 2 WHERE isbn = 'b1'", "book.next"),
        ("UPDATE loan SET shelf = 4 WHERE nr = 2", "loan.shelf"),
    ],
)
def test_wrong_number_of_a_column_is_noticed(library: Bench, change: str, subject: str) -> None:
    """The column itself, and columns that refer to it."""
    copied = library.copied(moved(["oid", "shelf"]))
    copied.con.execute(change)

    assert subject in failed_subjects(keys_mapped(copied.compared))


def test_foreign_key_to_an_unlisted_column_does_not_follow(library: Bench) -> None:
    """Numbers that are not listed clash, and the hint names the column."""
    (problem,) = library.survey(moved(["oid"])).problems

    assert problem.id == "key-collision"
    assert 'renumber = ["shelf"]' in problem.hint


@pytest.mark.parametrize("condition", ["oid IS NOT NULL", '"oid" NOTNULL', "[OID] NOT NULL"])
def test_index_without_nulls_is_a_key(bench: Bench, condition: str) -> None:
    """It tells the same rows apart as an index over all rows.

    A stated reference follows its column.
    """
    for file, label in ((TARGET, "t"), ("b.db", "b")):
        bench.database(
            file,
            "CREATE TABLE book(isbn TEXT PRIMARY KEY, oid INTEGER)",
            f"CREATE UNIQUE INDEX numbers ON book(oid) WHERE {condition}",
            "CREATE TABLE loan(nr INTEGER PRIMARY KEY, item INT)",
            f"INSERT INTO book VALUES ('{label}1', 1), ('{label}2', 2), ('{label}3', NULL), ('{label}4', NULL)",
            "INSERT INTO loan VALUES (1, 2)",
        )
    copied = bench.copied(moved(["oid"]))

    assert copied.rows("SELECT oid FROM book WHERE isbn LIKE 'b%' ORDER BY isbn") == [(3,), (4,), (None,), (None,)]
    lent = copied.rows("SELECT isbn FROM loan JOIN book ON oid = item ORDER BY nr")
    assert lent == [("t2",), ("b2",)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []
    copied.con.execute("UPDATE loan SET item = 3 WHERE nr = 2")
    assert "loan.item" in failed_subjects(keys_mapped(copied.compared))
    assert failed_subjects(references_kept(copied.compared)) != []


@pytest.mark.parametrize(
    ("declaration", "named"),
    [
        ("g INTEGER AS (nr) UNIQUE", "generated"),
        ("g INTEGER); CREATE UNIQUE INDEX numbers ON loan(g) WHERE g > 0; --", "numbers"),
        ("g TEXT UNIQUE", "integers"),
        ("g INTEGER", "no unique key"),
    ],
    ids=["generated", "partial", "text", "no key"],
)
def test_reason_against_a_column_names_what_it_is(bench: Bench, declaration: str, named: str) -> None:
    """A partial index and a generated column are unique, but take no new numbers."""
    for statement in f"CREATE TABLE loan(nr INTEGER PRIMARY KEY, {declaration})".replace("--)", "").split(";"):
        bench.execute("b.db", statement)

    (problem,) = bench.survey(source("b.db", table("loan", renumber=["g"]))).problems

    assert problem.id == "no-number-key"
    assert named in problem.what


@pytest.mark.parametrize(
    ("into", "id"), [("n INTEGER", "renumbered-key-lost"), ("n INTEGER UNIQUE", "key-not-integer")]
)
def test_hint_of_a_listed_column_names_its_list(bench: Bench, into: str, id: str) -> None:
    """``keys = "keep"`` concerns the primary key only."""
    bench.database(TARGET, f"CREATE TABLE t({into})")
    bench.database("b.db", "CREATE TABLE t(n INTEGER UNIQUE)", f"INSERT INTO t VALUES ({1 if 'lost' in id else 1.5})")

    problems = bench.survey(source("b.db", table("t", renumber=["n"], rowids="renumber"))).problems

    (hint,) = (problem.hint for problem in problems if problem.id == id)
    assert "remove n from renumber" in hint


@pytest.mark.parametrize(
    ("kind", "keys", "offered"), [("INTEGER", "keep", True), ("INTEGER", "renumber", False), ("TEXT", "keep", False)]
)
def test_primary_key_is_offered_to_keys_if_that_helps(bench: Bench, kind: str, keys: str, offered: bool) -> None:
    """The plan may have ``keys`` already, and a text gets no number."""
    bench.database("b.db", f"CREATE TABLE loan(nr {kind} PRIMARY KEY)")

    (problem,) = bench.survey(source("b.db", table("loan", renumber=["nr"]), keys=keys)).problems

    assert problem.id == "no-number-key"
    assert ('keys = "renumber"' in problem.hint) is offered


@pytest.mark.parametrize("when", ["", "kind = 'x'"], ids=["declared", "some rows"])
def test_key_that_only_follows_keeps_its_numbers(bench: Bench, when: str) -> None:
    """The plan says ``keys = "renumber"`` already, so the hint names what the key refers to."""
    refers = [Refers(column="id", to="person.id", when=when)] if when else []
    person, reference = "CREATE TABLE person(id INTEGER PRIMARY KEY)", "" if when else " REFERENCES person(id)"
    for file in (TARGET, "b.db"):
        rows = "INSERT INTO emp VALUES (1, 'y')"
        bench.database(file, person, f"CREATE TABLE emp(id INTEGER PRIMARY KEY{reference}, kind TEXT)", rows)
    if not when:
        bench.execute("b.db", "DROP TABLE person")

    people = ["person"] if when else []
    problems = bench.survey(source("b.db", *people, table("emp", refers=refers), keys="renumber")).problems

    (problem,) = (problem for problem in problems if problem.id == "key-collision")
    assert "refers to person." in problem.what
    assert ("refers to in" if when else "rows of person") in problem.hint


@pytest.mark.parametrize(
    ("column", "keys", "id"),
    [
        ("nothing", {}, "no-such-column"),
        ("isbn", {}, "no-number-key"),
        ("next", {}, "no-number-key"),
        (
            "shelf",
            {"into": "volume", "create": "CREATE TABLE volume(isbn PRIMARY KEY, oid, shelf, next)"},
            "renumbered-key-lost",
        ),
    ],
)
def test_column_without_unique_numbers_is_refused(library: Bench, column: str, keys: dict[str, Any], id: str) -> None:
    """The declarations decide."""
    assert id in [problem.id for problem in library.survey(moved([column], **keys)).problems]


@pytest.mark.parametrize(("column", "problems"), [("oid", []), ("shelf", [("no-such-column", "p*.db:book")])])
def test_older_file_may_lack_a_renumbered_column(bench: Bench, column: str, problems: list[tuple[str, str]]) -> None:
    """At least one file of the pattern has it."""
    book = "CREATE TABLE book(isbn TEXT PRIMARY KEY, oid INTEGER UNIQUE)"
    bench.database(TARGET, book, "INSERT INTO book VALUES ('t', 1)")
    bench.database("p1.db", "CREATE TABLE book(isbn TEXT PRIMARY KEY)", "INSERT INTO book VALUES ('a')")
    bench.database("p2.db", book, "INSERT INTO book VALUES ('b', 1)")
    plan = plan_of_pattern("p*.db", target=TARGET, tables=[table("book", renumber=[column])])
    plan = expand(plan, lambda _: ["p1.db", "p2.db"])

    assert [
        (each.id, each.subject) for each in bench.survey_of(plan).problems if each.id == "no-such-column"
    ] == problems
    if not problems:
        copied = bench.copied(*plan.sources)
        assert copied.rows("SELECT * FROM book ORDER BY isbn") == [("a", None), ("b", 2), ("t", 1)]
        assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []

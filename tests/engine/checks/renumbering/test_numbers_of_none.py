"""Specify which further numbers a plan can name that refer to no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.renumbering.key_offsets import LARGEST
from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Source

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)"
LOAN = "CREATE TABLE loan(id INTEGER PRIMARY KEY, site INTEGER REFERENCES site(id), parent REFERENCES loan(id))"
NONE = 999_999_999
"""A number by which an application refers to no row."""


def renumbered(file: str, *tables: object) -> Source:
    """Return a source whose keys are renumbered."""
    return source(file, *tables).model_copy(update={"keys_": "renumber"})  # type: ignore[arg-type]


def test_number_of_none_stays_and_moves_no_key(bench: Bench) -> None:
    """It may be the largest integer, and the target may have it as well."""
    rows = [
        f"INSERT INTO loan(id, site) VALUES (1, 7), (2, {NONE}), (3, {LARGEST})",
        "INSERT INTO site VALUES (7, 'x')",
    ]
    for file in (TARGET, "a.db", "b.db"):
        bench.database(file, SITE, LOAN, *rows)
    loan = table("loan", none=[NONE, LARGEST, 7])

    moved = bench.copied(renumbered("a.db", "site", loan), renumbered("b.db", "site", loan))

    assert moved.rows("SELECT id FROM site ORDER BY id") == [(7,), (14,), (21,)]
    loans = [(key, number) for first, key in ((0, 7), (3, 14), (6, 21)) for key, number in _loans(first, key)]
    assert moved.rows("SELECT id, site FROM loan ORDER BY id") == loans
    assert {(f.subject, f.count) for f in moved.inspected.findings if f.id == "sentinels-kept"} == {
        ("a.db:loan", 2),
        ("b.db:loan", 2),
    }


def _loans(first: int, site: int) -> list[tuple[int, int]]:
    return [(first + 1, site), (first + 2, NONE), (first + 3, LARGEST)]


@pytest.mark.parametrize("none", [[], [8], [9, 8]])
def test_number_of_none_that_a_row_gets_is_refused(bench: Bench, none: list[int]) -> None:
    """The target has this key, or gets it from a row of the source."""
    bench.database(TARGET, SITE, "INSERT INTO site VALUES (7, 'a')")
    bench.database("b.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'b')", "INSERT INTO loan(id, site) VALUES (1, 8)")
    refused = ["orphans-adopted"] if none else []

    problems = bench.survey(renumbered("b.db", "site", table("loan", none=none))).problems

    assert [problem.id for problem in problems] == refused


@pytest.mark.parametrize("sites", [[], ["INSERT INTO site VALUES (7, 'a')"]], ids=["none", "a row"])
def test_number_of_none_of_the_target_is_refused(bench: Bench, sites: list[str]) -> None:
    """A row of the source gets the number, whether the target has rows of the referred table."""
    none = 8 if sites else 1
    bench.database(TARGET, SITE, LOAN, *sites, f"INSERT INTO loan(id, site) VALUES (1, {none})")
    bench.database("b.db", SITE, LOAN, "INSERT INTO site VALUES (1, 'b')", "INSERT INTO loan(id, site) VALUES (1, 1)")

    problems = bench.survey(renumbered("b.db", "site", table("loan", none=[none]))).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("orphans-adopted", "target.db:loan")]


def test_number_of_none_goes_from_table_to_table(bench: Bench) -> None:
    """A column that refers to a row which keeps the number keeps it as well."""
    item = "CREATE TABLE item(id INTEGER PRIMARY KEY)"
    book = "CREATE TABLE book(id INTEGER PRIMARY KEY REFERENCES item(id))"
    note = "CREATE TABLE note(id INTEGER PRIMARY KEY, book INT REFERENCES book(id))"
    bench.database(TARGET, item, "INSERT INTO item VALUES (4)")
    rows = (
        "INSERT INTO item VALUES (1)",
        "INSERT INTO book VALUES (1), (77)",
        "INSERT INTO note VALUES (1, 1), (2, 77)",
    )
    bench.database("b.db", item, book, note, *rows)

    moved = bench.copied(renumbered("b.db", "note", table("book", none=[77]), "item"))

    assert moved.rows("SELECT id FROM book ORDER BY id") == [(5,), (77,)]
    assert moved.rows("SELECT book FROM note ORDER BY id") == [(5,), (77,)]


@pytest.mark.parametrize(
    ("keys", "tables", "subjects"),
    [
        ("renumber", [table("site", none=[9]), "loan"], ["b.db:site"]),
        ("renumber", ["site", table("loan", none=[9])], []),
        ("keep", ["site", table("loan", none=[9])], ["b.db:loan"]),
        ("keep", ["site", table("loan", none=[9], follows="site")], []),
    ],
    ids=["no reference", "reference", "no new key", "follows"],
)
def test_none_without_effect_is_refused(bench: Bench, keys: str, tables: list[object], subjects: list[str]) -> None:
    """It is judged by declarations, so no row has to have the number."""
    bench.database("b.db", SITE, LOAN)
    described = source("b.db", *tables).model_copy(update={"keys_": keys})  # type: ignore[arg-type]

    problems = bench.survey(described).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("no-effect", each) for each in subjects]

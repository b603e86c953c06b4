"""Specify references that only the plan states, and their mistakes."""

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
    from sqlite_consolidate.plan.model import Source, TableMap

BOOK = "CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT)"
FILM = "CREATE TABLE film(id INTEGER PRIMARY KEY, title TEXT)"
LOAN = "CREATE TABLE loan(nr INTEGER PRIMARY KEY, kind TEXT COLLATE NOCASE, item INT, who TEXT)"
OF_BOOKS = Refers(column="item", to="book.id", when="kind = 'Book'")
OF_FILMS = Refers(column="item", to="film.id", when="kind = 'film'")


def loans(*refers: Refers, **keys: Any) -> TableMap:
    """Return the mapping of the loans with stated references."""
    return table("loan", refers=list(refers), **keys)


def moved(*refers: Refers, tables: tuple[str, ...] = ("book", "film"), file: str = "b.db", **keys: Any) -> Source:
    """Return a source whose keys are renumbered."""
    return source(file, *tables, loans(*refers), keys="renumber", **keys)


@pytest.fixture
def library(bench: Bench) -> Bench:
    """Return a bench whose target and source have equal ids."""
    for file, label in ((TARGET, "t"), ("b.db", "b")):
        books, films = (f"(1, '{label}1'), (2, '{label}2')", f"(1, '{label}f'), (7, '{label}g')")
        items = f"(1, 'Book', 2, '{label}a'), (2, 'FILM', 7, '{label}b'), (3, 'book', NULL, '{label}c')"
        rows = [f"INSERT INTO book VALUES {books}", f"INSERT INTO film VALUES {films}"]
        bench.database(file, BOOK, FILM, LOAN, *rows, f"INSERT INTO loan VALUES {items}")
    return bench


def mistakes(bench: Bench, *refers: Refers, **keys: Any) -> list[str]:
    """Return the ids of the problems of the preflight."""
    return [problem.id for problem in bench.survey(moved(*refers, **keys)).problems]


def test_each_row_follows_the_key_of_its_condition(library: Bench) -> None:
    """The numbers of one key do not count as taken by the other."""
    copied = library.copied(moved(OF_BOOKS, OF_FILMS))

    titles = "SELECT title FROM {} p WHERE p.id = l.item AND l.kind = '{}'"
    parents = f"({titles.format('book', 'book')}), ({titles.format('film', 'film')})"
    rows = copied.rows(f"SELECT who, {parents} FROM loan l WHERE who LIKE 'b%' ORDER BY 1")
    assert rows == [("ba", "b2", None), ("bb", None, "bg"), ("bc", None, None)]
    assert copied.rows("SELECT id FROM book UNION ALL SELECT id FROM film") == [(i,) for i in (1, 2, 3, 4, 1, 7, 8, 14)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []
    assert "refers-none" not in {f.id for f in copied.inspected.findings}


@pytest.mark.parametrize(
    ("kind", "number"), [("Book", "item - 2"), ("Film", "item - 7"), ("Film", "item + 1"), ("Book", "item + 1")]
)
def test_reference_at_another_row_is_noticed(library: Bench, kind: str, number: str) -> None:
    """The old number, and an offset that is off by one."""
    copied = library.copied(moved(OF_BOOKS, OF_FILMS))
    copied.con.execute(f"UPDATE loan SET item = {number} WHERE kind = ? AND who LIKE 'b%'", (kind,))

    assert failed_subjects(keys_mapped(copied.compared)) == ["loan.item"]
    by_content = failed_subjects(references_kept(copied.compared))
    assert any(subject.startswith("target: loan (item)") for subject in by_content)


def test_stated_reference_leads_to_the_matched_row(library: Bench) -> None:
    """Rows of a source that can match are read from a copy without collations."""
    library.execute("b.db", "UPDATE book SET title = 't1' WHERE id = 2")
    matched = table("book", match=["title"])

    copied = library.copied(source("b.db", matched, "film", loans(OF_BOOKS, OF_FILMS), keys="renumber"))

    assert copied.rows("SELECT who, item FROM loan WHERE who LIKE 'b%'") == [("ba", 1), ("bb", 14), ("bc", None)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []


def test_condition_with_another_type_is_refused_in_a_copy(library: Bench) -> None:
    """Columns of the copy have no type, so that a text is no number."""
    of_books = Refers(column="item", to="book.id", when="item > '0'")
    matched = table("book", match=["title"])

    inspected = library.survey(source("b.db", matched, "film", loans(of_books), keys="renumber"))

    assert [problem.id for problem in inspected.problems] == ["condition-differs"]


def test_rows_without_a_key_are_counted(library: Bench) -> None:
    """They keep their values."""
    inspected = library.survey(moved(OF_BOOKS))

    assert inspected.problems == []
    assert [(f.subject, f.count) for f in inspected.findings if f.id == "refers-none"] == [("b.db:loan", 1)]


def test_own_key_takes_the_offset_of_the_stated_parent(bench: Bench) -> None:
    """One id in three tables stays one id."""
    item, book = "CREATE TABLE item(id INTEGER PRIMARY KEY, n)", "CREATE TABLE book(id INTEGER PRIMARY KEY, t)"
    copy = "CREATE TABLE copy(id INTEGER PRIMARY KEY, t)"
    bench.database(TARGET, item, book, copy, "INSERT INTO item VALUES (4, 't')")
    rows = [
        "INSERT INTO item VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO book VALUES (2, 'x')",
        "INSERT INTO copy VALUES (2, 'y')",
    ]
    bench.database("b.db", item, book, copy, *rows)
    maps = [table("item"), table("book", refers=[Refers(column="ID", to="item.id")])]
    maps.append(table("copy", refers=[Refers(column="id", to="Book.id")]))

    copied = bench.copied(source("b.db", *maps, keys="renumber"))

    assert copied.rows("SELECT id FROM book UNION ALL SELECT id FROM copy") == [(6,), (6,)]
    assert failed_subjects([*keys_mapped(copied.compared), *references_kept(copied.compared)]) == []


@pytest.mark.parametrize(
    ("refers", "id"),
    [
        ({"column": "items", "to": "book.id"}, "refers-unknown"),
        ({"column": "item", "to": "books.id"}, "refers-unknown"),
        ({"column": "item", "to": "book.nr"}, "refers-unknown"),
        ({"column": "rowid", "to": "book.id"}, "refers-unknown"),
        ({"column": "nr", "to": "loan.nr"}, "no-effect"),
        ({"column": "item", "to": "book.title"}, "refers-no-key"),
        ({"column": "item", "to": "book.id", "when": "kind = 'x' AND color"}, "bad-condition"),
        ({"column": "item", "to": "book.id", "when": "item IN (SELECT id FROM book)"}, "bad-condition"),
        ({"column": "item", "to": "book.id", "when": "kind = 'x') OR (1"}, "bad-condition"),
        ({"column": "item", "to": "book.id", "when": "kind MATCH 'x'"}, "condition-fails"),
        ({"column": "item", "to": "book.id", "when": "abs(-9223372036854775808) > item"}, "condition-fails"),
    ],
)
def test_mistake_in_a_stated_reference_is_named(library: Bench, refers: dict[str, str], id: str) -> None:
    """The declarations decide."""
    assert mistakes(library, Refers(**refers)) == [id]


@pytest.mark.parametrize("file", [TARGET, "b.db"])
def test_condition_that_fails_on_a_row_is_named(library: Bench, file: str) -> None:
    """The reference is stated for the rows of the target as well."""
    refers = Refers(column="item", to="book.id", when="json_extract(who, '$') IS NULL")
    for each in (TARGET, "b.db"):
        library.execute(each, f"UPDATE loan SET who = '{'x' if each == file else '{}'}' WHERE nr = 2 OR who <> 'x'")

    problems = library.survey(moved(refers)).problems

    assert [(problem.id, problem.subject) for problem in problems] == [
        ("condition-fails", "source 1, table 3, refers 1")
    ]


def test_reference_that_is_declared_is_not_stated_again(library: Bench) -> None:
    """Neither by the source nor by the target."""
    library.execute("b.db", "CREATE TABLE note(book INTEGER REFERENCES book, film INT)")
    library.execute(TARGET, "CREATE TABLE note(book INTEGER, film INT REFERENCES film(id))")
    stated = [Refers(column="book", to="book.id"), Refers(column="film", to="film.id", when="film > 1")]

    problems = library.survey(
        source("b.db", "book", "film", loans(), table("note", refers=stated, rowids="renumber"), keys="renumber")
    ).problems

    assert [problem.id for problem in problems] == ["no-effect", "no-effect"]


FILES_THAT_GREW = {
    "no declaration": [BOOK, FILM, LOAN, "INSERT INTO loan VALUES (1, 'film', 1, 'x'), (2, 'Book', 1, 'x')"],
    "a declaration": [BOOK, FILM, LOAN.replace("item INT", "item INT REFERENCES book(id)")],
    "no column": [BOOK, FILM, LOAN.replace("item INT, ", "")],
    "no table": [BOOK, LOAN, "INSERT INTO loan VALUES (1, 'Book', 1, 'x'), (2, 'film', NULL, 'x')"],
    "no table of a row": [BOOK, LOAN, "INSERT INTO loan VALUES (1, 'film', 1, 'x')"],
    "no table, no row": [BOOK, LOAN, "INSERT INTO loan VALUES (1, 'film', 0, 'x'), (2, 'film', -7, 'x')"],
    "no kind": [BOOK, FILM, LOAN.replace("kind TEXT COLLATE NOCASE, ", ""), "INSERT INTO loan VALUES (1, NULL, 'x')"],
    "no kind of a row": [
        BOOK,
        FILM,
        LOAN.replace("kind TEXT COLLATE NOCASE, ", ""),
        "INSERT INTO loan VALUES (1, 1, 'x')",
    ],
}
STATES_NOTHING = ("no column", "no kind")


@pytest.mark.parametrize(
    ("files", "refers", "expected"),
    [
        (["no declaration", "a declaration"], [Refers(column="item", to="book.id")], []),
        (["a declaration", "a declaration"], [Refers(column="item", to="book.id")], ["no-effect"]),
        (["no declaration", "no column"], [OF_BOOKS, OF_FILMS], []),
        (["no column", "no column"], [OF_BOOKS], ["refers-unknown"]),
        (["no declaration", "no table"], [OF_BOOKS, OF_FILMS], []),
        (["no declaration", "no table of a row"], [OF_BOOKS, OF_FILMS], ["refers-unknown"]),
        (["no declaration", "no table, no row"], [OF_BOOKS, OF_FILMS], []),
        (["no declaration", "no kind"], [OF_BOOKS, OF_FILMS], []),
        (["no declaration", "no kind of a row"], [OF_BOOKS], ["bad-condition"]),
        (["no kind", "no kind"], [OF_BOOKS], ["bad-condition"]),
    ],
)
def test_files_of_a_pattern_may_lack_what_is_stated(
    bench: Bench, files: list[str], refers: list[Refers], expected: list[str]
) -> None:
    """A program that grew declares a reference later, or has its columns or its table later."""
    names = [f"p{number}.db" for number, _ in enumerate(files)]
    bench.database(TARGET, BOOK, FILM, LOAN, "INSERT INTO book VALUES (5, 't')", "INSERT INTO film VALUES (7, 't')")
    for name, file in zip(names, files, strict=True):
        bench.database(name, *FILES_THAT_GREW[file], "INSERT INTO book VALUES (1, 'x')")
    tables = [table("book"), table("film"), loans(*refers)]
    plan = plan_of_pattern("p*.db", target=TARGET, tables=tables, keys_="renumber")

    inspected = bench.survey_of(expand(plan, lambda _: names))

    assert [problem.id for problem in inspected.problems] == expected
    followed = [mapping.subject for mapping in inspected.mappings if "item" in mapping.shifts]
    assert expected or followed == [
        f"{name}:loan" for name, file in zip(names, files, strict=True) if file not in STATES_NOTHING
    ]


def test_two_conditions_of_one_row_are_refused(library: Bench) -> None:
    """A row that refers to two keys has no number."""
    both = Refers(column="item", to="film.id", when="item > 1")

    problems = library.survey(moved(OF_BOOKS, both)).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("refers-overlap", "b.db:loan")]


def test_stated_parents_that_are_refused_have_one_problem(library: Bench) -> None:
    """The plan moves them, and gives two of their columns one name."""
    library.execute("b.db", "CREATE TABLE disc(id INTEGER PRIMARY KEY, t)", "INSERT INTO disc VALUES (2, 'd')")
    of_discs = Refers(column="item", to="disc.id", when="kind = 'Book'")
    disc = table("disc", columns={"t": "id"})

    problems = library.survey(source("b.db", "book", "film", disc, loans(of_discs), keys="renumber")).problems

    assert [(problem.id, problem.subject) for problem in problems] == [("two-columns-in-one", "b.db:disc")]


def test_stated_parents_are_not_left_behind(library: Bench) -> None:
    """The target has no such table, or has other rows under the same keys."""
    library.execute("b.db", "CREATE TABLE disc(id INTEGER PRIMARY KEY, t)", "INSERT INTO disc VALUES (2, 'd')")
    of_discs = Refers(column="item", to="disc.id", when="kind = 'Book'")

    assert mistakes(library, of_discs, leave={"disc": "old"}) == ["parents-left-behind"]
    library.resources.close()
    library.execute(TARGET, "CREATE TABLE disc(id INTEGER PRIMARY KEY, t)", "INSERT INTO disc VALUES (2, 'other')")
    assert mistakes(library, of_discs, leave={"disc": "old"}) == ["parents-left-behind"]
    library.resources.close()
    library.execute(TARGET, "UPDATE disc SET t = 'd'")
    assert mistakes(library, of_discs, leave={"disc": "old"}) == []


def test_stated_reference_is_followed_without_new_keys(library: Bench) -> None:
    """A policy must not give a child to another parent."""
    library.execute("b.db", "UPDATE loan SET nr = nr + 50")
    books = table("book", on_conflict="prefer-target")

    def ids(*refers: Refers) -> list[str]:
        problems = library.survey(source("b.db", books, loans(*refers), leave={"film": "not wanted"})).problems
        return [problem.id for problem in problems]

    assert ids() == []
    assert ids(OF_BOOKS) == ["parents-differ"]


def test_stated_reference_of_the_target_is_followed(library: Bench) -> None:
    """A row of the target must not lose the parent that a source replaces."""
    for file in (TARGET, "b.db"):
        library.execute(file, "CREATE TABLE shelf(id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        library.execute(file, f"INSERT INTO shelf VALUES ({2 if file == TARGET else 9}, 'a')")
    library.execute("b.db", "DELETE FROM loan")
    shelves = table("shelf", on_conflict="prefer-source")
    left = {"book": "not wanted", "film": "not wanted"}

    def ids(*refers: Refers) -> list[str]:
        return [p.id for p in library.survey(source("b.db", shelves, loans(*refers), leave=left)).problems]

    assert ids() == []
    assert ids(Refers(column="item", to="shelf.id", when="kind = 'Book'")) == ["parents-gone"]

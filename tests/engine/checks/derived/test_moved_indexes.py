"""Test that search indexes of sources are moved as declarations and rebuilt."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours, compare_structure, compare_triggers
from sqlite_consolidate.engine.checks.derived.derived_right import derived_right
from sqlite_consolidate.plan.parts.derived import Rebuild
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body, note)"
FTS5 = "CREATE VIRTUAL TABLE words USING fts5(body, content=t, content_rowid=id, tokenize='porter')"
FTS4 = 'CREATE VIRTUAL TABLE words USING fts4(body, content="t")'
CONTENTLESS = "CREATE VIRTUAL TABLE words USING fts5(body, content='')"
VIEW = "CREATE VIEW v AS SELECT id, body FROM t"
OVER_VIEW = FTS5.replace("content=t", "content=v")
INDEXES = "CREATE TRIGGER fires AFTER INSERT ON t BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END"
FROM = "SELECT id, body FROM t"
FIRST, SECOND = "INSERT INTO t VALUES(1, 'one', 'x')", "INSERT INTO t VALUES(2, 'two', 'y')"


def rebuilt(query: str = "") -> dict[str, Any]:
    """Return the keys of a plan that rebuilds the index."""
    return {"rebuilds": [Rebuild(table="words", from_=query)]}


def search(result: Copied, words: str) -> list[int]:
    """Return the rowids that a search finds."""
    return [rowid for (rowid,) in result.rows(f"SELECT rowid FROM words WHERE words MATCH '{words}' ORDER BY rowid")]


def failures(result: Copied) -> list[str]:
    """Return the subjects that failed."""
    compared = result.compared
    return failed_subjects(
        [
            *compare_structure.tables_created(compared, result.plan),
            *compare_structure.schema_as_planned(compared),
            *compare.rows_exact(compared),
            *compare.integrity(result.con),
            *compare_triggers.triggers_in_place(compared),
            *derived_right(compared),
        ]
    )


@pytest.mark.parametrize(
    ("index", "query"),
    [((FTS5,), ""), ((FTS4,), ""), ((CONTENTLESS,), FROM), ((VIEW, OVER_VIEW), "")],
    ids=["FTS5", "FTS4", "contentless", "view"],
)
def test_index_of_a_source_finds_rows_of_all(bench: Bench, index: tuple[str, ...], query: str) -> None:
    """Its trigger is created as well, so that it follows later rows."""
    bench.database(TARGET, ROWS, FIRST)
    bench.database("a.db", ROWS, *index, INDEXES, SECOND)

    result = bench.copied(source("a.db", "words", "t"), **rebuilt(query))

    assert search(result, "one OR two") == [1, 2]
    assert failures(result) == []
    result.con.execute("INSERT INTO t VALUES(3, 'three', NULL)")
    assert search(result, "three") == [3]


def test_indexes_of_two_sources_become_one(bench: Bench) -> None:
    """Both tables are new in the target, and no row of the indexes counts."""
    bench.database("a.db", ROWS, FTS5, INDEXES, FIRST)
    bench.database("b.db", ROWS, FTS5, INDEXES, SECOND)

    result = bench.copied(source("a.db", "t", "words"), source("b.db", "t", "words"), **rebuilt())

    assert search(result, "one OR two") == [1, 2]
    assert failures(result) == []
    assert [copied.mapping.into.name for copied in result.copied_tables] == ["t", "t"]


def test_index_of_target_is_the_one_that_is_rebuilt(bench: Bench) -> None:
    """A source with the same declaration adds nothing to it."""
    for name, row in ((TARGET, FIRST), ("a.db", SECOND)):
        bench.database(name, ROWS, FTS5, INDEXES, row)

    result = bench.copied(source("a.db", "t", "words"), **rebuilt())

    assert search(result, "one OR two") == [1, 2]
    assert failures(result) == []
    beside = {each.subject: each.observed for each in compare_neighbours.neighbours(result.compared)}
    assert beside["words"] == compare_neighbours.REBUILT_INDEX


def test_plan_declares_an_index_for_a_renamed_table(bench: Bench) -> None:
    """Its create text names the content in the target."""
    bench.database("a.db", ROWS, FTS5, INDEXES, FIRST)
    create = FTS5.replace("content=t", "content=u")
    moved = source("a.db", table("t", into="u"), table("words", create=create))

    result = bench.copied(moved, **rebuilt())

    assert search(result, "one") == [1]
    assert failures(result) == []


def test_plan_requires_an_index_that_no_source_has(bench: Bench) -> None:
    """A [[table]] can be a search index with external content."""
    bench.database("a.db", ROWS, FIRST, SECOND)

    result = bench.copied(source("a.db", "t"), required={"words": FTS5}, **rebuilt())

    assert search(result, "two") == [2]
    assert failures(result) == []


def refused(bench: Bench, *tables: Any, target: tuple[str, ...] = (), **keys: Any) -> list[tuple[str, str]]:
    """Return the problems of a plan by id and subject."""
    bench.database(TARGET, *target)
    bench.database("a.db", ROWS, FTS5, INDEXES, FIRST)
    left = {"t": "not wanted"} if "t" not in [getattr(each, "name", each) for each in tables] else None
    problems = bench.survey(source("a.db", *tables, leave=left), **(keys or rebuilt())).problems
    return [(each.id, each.subject) for each in problems]


def test_index_without_its_content_is_refused(bench: Bench) -> None:
    """Rows of another table would be searched."""
    assert ("index-apart", "a.db:words") in refused(bench, "words")


def test_index_of_renamed_content_is_refused(bench: Bench) -> None:
    """Its declaration names the old table."""
    assert ("index-apart", "a.db:words") in refused(bench, table("t", into="u"), "words")


def test_index_under_another_name_is_refused(bench: Bench) -> None:
    """Triggers name the old one."""
    keys: dict[str, Any] = {"rebuilds": [Rebuild(table="terms")]}

    assert ("index-apart", "a.db:words") in refused(bench, "t", table("words", into="terms"), **keys)


def test_index_with_another_declaration_is_refused(bench: Bench) -> None:
    """That of the target is kept, and would search in another way."""
    other = (ROWS, FTS5.replace("porter", "ascii"))

    assert ("name-taken", "a.db:words") in refused(bench, "t", "words", target=other)


def test_key_about_rows_of_an_index_is_a_mistake(bench: Bench) -> None:
    """None is copied."""
    assert ("no-effect", "a.db:words") in refused(bench, "t", table("words", rows=1))


def test_index_needs_a_rebuild_to_be_moved(bench: Bench) -> None:
    """Otherwise it would find nothing."""
    assert ("virtual-table", "a.db:words") in refused(bench, "t", "words", rebuilds=[])

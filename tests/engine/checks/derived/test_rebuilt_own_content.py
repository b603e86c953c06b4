"""Test that search indexes with their own content, and R-trees, are rebuilt from a query."""

from __future__ import annotations

from typing import Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours
from sqlite_consolidate.engine.checks.derived.derived_right import derived_right
from sqlite_consolidate.plan.parts.derived import Rebuild
from sqlite_consolidate.problem import ProblemError
from tests.support.databases import TARGET, Bench, failed_subjects, source

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body, low REAL)"
AREAS = "CREATE VIRTUAL TABLE areas USING rtree(id, low, high, +body, +half)"
AREA = "INSERT INTO areas VALUES(new.id, new.low, new.low + 1.1, new.body, 0.5)"
FOLLOWS = f"CREATE TRIGGER follows AFTER INSERT ON t BEGIN {AREA}; END"
AREAS_FROM = "SELECT id, low, low + 1.1, body, 0.5 FROM t"
WORDS = "CREATE VIRTUAL TABLE words USING {}(body)"
INDEXES = "CREATE TRIGGER indexes AFTER INSERT ON t BEGIN INSERT INTO words(rowid, body) VALUES(new.id, new.body); END"
WORDS_FROM = "SELECT id, body FROM t"
FIRST, SECOND = "INSERT INTO t VALUES(1, 'one', 0.1)", "INSERT INTO t VALUES(1, 'uno', 0.7), (2, 'due', 5)"


def rebuilds(**queries: str) -> dict[str, Any]:
    """Return the key of a plan that rebuilds indexes by name from queries."""
    return {"rebuilds": [Rebuild(table=name, from_=query) for name, query in queries.items()]}


def ids(bench: Bench, *schema: str, **queries: str) -> list[tuple[str, str]]:
    """Return the problems and the findings about rebuilds of a target with that schema."""
    bench.database(TARGET, ROWS, *schema)
    bench.database("a.db", ROWS, SECOND.replace("(1,", "(7,"))
    inspected = bench.survey(source("a.db", "t"), **rebuilds(**queries))
    findings = [(each.id, each.subject) for each in inspected.findings if each.id == "rebuild-differs"]
    return [(each.id, each.subject) for each in inspected.problems] + findings


@pytest.mark.parametrize("has_index", [True, False], ids=["of the target", "of the source"])
def test_areas_of_renumbered_rows_are_rebuilt(bench: Bench, *, has_index: bool) -> None:
    """Their ids and auxiliary columns follow, and so does the next row."""
    index = [AREAS, FOLLOWS]
    bench.database(TARGET, ROWS, *(index if has_index else []), FIRST)
    bench.database("a.db", ROWS, *([] if has_index else index), SECOND)
    tables = ["t"] if has_index else ["t", "areas"]

    result = bench.copied(source("a.db", *tables, keys="renumber"), **rebuilds(areas=AREAS_FROM))

    result.con.execute("INSERT INTO t VALUES(9, 'nine', 9)")
    stored = result.rows("SELECT id, body, half FROM areas ORDER BY id")
    assert stored == [
        (1, "one", 0.5),
        (2, "uno", 0.5),
        (3, "due", 0.5),
        (9, "nine", 0.5),
    ]
    around = "SELECT id FROM areas WHERE low <= 5 AND high >= 5"
    assert result.rows(around) == [(3,)]
    assert failed_subjects(derived_right(result.compared)) == []
    assert failed_subjects(compare.integrity(result.con)) == []


@pytest.mark.parametrize(
    "change", ["DELETE FROM areas WHERE id = 2", "UPDATE areas SET body = 'x' WHERE id = 2", "UPDATE areas SET low = 0"]
)
def test_wrong_area_is_noticed(bench: Bench, change: str) -> None:
    """One is missing, or has another auxiliary or another bound."""
    bench.database(TARGET, ROWS, AREAS, FOLLOWS, FIRST)
    bench.database("a.db", ROWS, SECOND)
    result = bench.copied(source("a.db", "t", keys="renumber"), **rebuilds(areas=AREAS_FROM))
    assert failed_subjects(derived_right(result.compared)) == []

    result.con.execute(change)

    assert failed_subjects(derived_right(result.compared)) == ["areas"]


@pytest.mark.parametrize("module", ["fts3", "fts4", "fts5"])
def test_index_of_source_and_target_is_rebuilt_once(bench: Bench, module: str) -> None:
    """Documents of renumbered rows are found under their new ids."""
    for file, row in ((TARGET, FIRST), ("a.db", SECOND)):
        bench.database(file, ROWS, WORDS.format(module), INDEXES, row)

    result = bench.copied(source("a.db", "t", "words", keys="renumber"), **rebuilds(words=WORDS_FROM))

    search = "SELECT rowid FROM words WHERE words MATCH 'one OR uno OR due' ORDER BY rowid"
    assert result.rows(search) == [(1,), (2,), (3,)]
    assert failed_subjects(derived_right(result.compared)) == []
    beside = {each.subject: each.observed for each in compare_neighbours.neighbours(result.compared)}
    assert beside["words"] == compare_neighbours.REBUILT_INDEX


@pytest.mark.parametrize("module", ["fts3", "fts4", "fts5"])
def test_term_that_the_text_does_not_have_is_noticed(bench: Bench, module: str) -> None:
    """The rows are right, and a search does not find one of them."""
    bench.database(TARGET, ROWS, WORDS.format(module), INDEXES, FIRST)
    bench.database("a.db", ROWS, SECOND)
    result = bench.copied(source("a.db", "t", keys="renumber"), **rebuilds(words=WORDS_FROM))

    column = "c0" if module == "fts5" else "c0body"
    result.con.execute(f"UPDATE words_content SET {column} = 'one' WHERE rowid = 2")
    result.con.execute("UPDATE t SET body = 'one' WHERE id = 2")

    assert failed_subjects(derived_right(result.compared)) == ["words"]


def test_rows_that_a_query_lacks_are_refused(bench: Bench) -> None:
    """A document that no row of the table has would be gone."""
    words, areas = WORDS.format("fts5"), AREAS
    beside = ["INSERT INTO words(rowid, body) VALUES(5, 'help')", "INSERT INTO areas VALUES(5, 0, 1, NULL, NULL)"]

    refused = ids(bench, words, areas, INDEXES, FOLLOWS, FIRST, *beside, words=WORDS_FROM, areas=AREAS_FROM)

    assert refused == [("rebuild-loses", "target.db:words"), ("rebuild-loses", "target.db:areas")]


def test_query_that_gives_other_values_is_a_finding(bench: Bench) -> None:
    """The plan derives the index otherwise than the trigger did."""
    query = "SELECT id, body || '!' FROM t"

    assert ids(bench, WORDS.format("fts4"), INDEXES, FIRST, words=query) == [("rebuild-differs", "target.db:words")]
    assert [each.count for each in bench.survey(source("a.db", "t"), **rebuilds(words=query)).findings] == [1]


@pytest.mark.parametrize("module", ["fts4", "fts5"])
def test_documents_without_content_that_a_query_lacks_are_counted(bench: Bench, module: str) -> None:
    """They can be left from deleted rows, so the run goes on."""
    index = f"CREATE VIRTUAL TABLE words USING {module}(body, content='')"
    rows = "INSERT INTO t VALUES(3, 'tre', 3), (4, 'quattro', 4)"
    query = f"{WORDS_FROM} WHERE id < 4"

    assert ids(bench, index, INDEXES, FIRST, rows, words=query) == [("rebuild-differs", "target.db:words")]
    assert [each.count for each in bench.survey(source("a.db", "t"), **rebuilds(words=query)).findings] == [1]
    assert bench.survey(source("a.db", "t"), **rebuilds(words=WORDS_FROM)).findings == []


@pytest.mark.parametrize("content", ["t", ""])
def test_rebuild_of_rows_that_no_trigger_indexes(bench: Bench, content: str) -> None:
    """A rebuild from external content knows no condition, and a query has its own."""
    index = f"CREATE VIRTUAL TABLE words USING fts5(body, content='{content}', content_rowid=id)"
    some = INDEXES.replace("BEGIN", "WHEN new.low < 1 BEGIN")
    query = "" if content else f"{WORDS_FROM} WHERE low < 1"

    findings = [("rebuild-differs", "target.db:words")] if content else []
    assert ids(bench, index, some, FIRST, words=query) == findings


def test_query_that_cannot_be_asked_before_is_refused(bench: Bench) -> None:
    """Nothing would show that the rows of the index stay."""
    required = {"more": "CREATE TABLE more(id, body)"}
    bench.database(TARGET, ROWS, WORDS.format("fts5"), INDEXES, FIRST)
    bench.database("a.db", ROWS, SECOND.replace("(1,", "(7,"))
    query = f"{WORDS_FROM} UNION ALL SELECT id, body FROM more"

    problems = bench.survey(source("a.db", "t"), required=required, **rebuilds(words=query)).problems

    assert [(each.id, each.subject) for each in problems] == [("rebuild-loses", "target.db:words")]


@pytest.mark.parametrize(
    ("index", "query"),
    [(WORDS.format("fts5"), "SELECT 1, body FROM t"), (AREAS, "SELECT id, 5, low, body, low FROM t WHERE id = 1")],
)
def test_row_that_sqlite_refuses_is_a_problem(bench: Bench, index: str, query: str) -> None:
    """A rowid stands twice, or the bounds of an area are in the wrong order."""
    bench.database(TARGET, ROWS, index, FIRST)
    bench.database("a.db", ROWS, SECOND)
    name = index.split()[3]

    with pytest.raises(ProblemError) as caught:
        bench.copied(source("a.db", "t", keys="renumber"), **rebuilds(**{name: query}))

    assert [(each.id, each.subject) for each in caught.value.problems] == [("rebuild-refused", name)]


@pytest.mark.parametrize("module", ["fts4", "fts5"])
def test_index_whose_content_is_gone_refuses_nothing(bench: Bench, module: str) -> None:
    """It stays as it is in the target, and a source leaves it with a reason."""
    index = f"CREATE VIRTUAL TABLE words USING {module}(body, content='gone')"
    fill = ["CREATE TABLE gone(body)", "INSERT INTO gone VALUES('one')", index]
    rebuild = ["INSERT INTO words(words) VALUES('rebuild')", "DROP TABLE gone"]
    bench.database(TARGET, ROWS, *fill, *rebuild, FIRST)
    bench.database("a.db", ROWS, *fill, *rebuild, SECOND)
    moved = source("a.db", "t", keys="renumber", leave={"words": "its content is gone"})

    result = bench.copied(moved)

    beside = compare_neighbours.neighbours(result.compared)
    assert failed_subjects([*beside, *compare.integrity(result.con)]) == []
    assert [each.examined for each in beside if each.subject == "words"] == [1]
    result.con.execute("DELETE FROM words_docsize")
    assert failed_subjects(compare_neighbours.neighbours(result.compared)) == ["words"]
    assert [each.id for each in bench.survey(moved, **rebuilds(words="")).problems] == ["bad-rebuild"]


def test_rows_of_a_source_index_are_not_lost(bench: Bench) -> None:
    """Its index has a document beside the table that is moved."""
    bench.database(TARGET, ROWS)
    extra = "INSERT INTO words(rowid, body) VALUES(5, 'help')"
    bench.database("a.db", ROWS, WORDS.format("fts4"), INDEXES, FIRST, extra)

    problems = bench.survey(source("a.db", "t", "words"), **rebuilds(words=WORDS_FROM)).problems

    assert [(each.id, each.subject) for each in problems] == [("rebuild-loses", "a.db:words")]
    assert bench.survey(source("a.db", "t", "words")).problems == []

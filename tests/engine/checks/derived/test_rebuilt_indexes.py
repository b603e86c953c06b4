"""Test that search indexes are rebuilt after the copy, and that this is proved."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.checks.comparison import compare, compare_neighbours
from sqlite_consolidate.engine.checks.derived.declared_rebuilds import plan_rebuilds
from sqlite_consolidate.engine.checks.derived.derived_right import NOTHING_DERIVED, derived_right
from sqlite_consolidate.engine.checks.derived.rebuilt_contents import INTACT
from sqlite_consolidate.engine.sqlite.schema.derivations import DerivationReader
from sqlite_consolidate.plan.parts.derived import Rebuild, Stale
from tests.support.databases import TARGET, Bench, failed_subjects, source

if TYPE_CHECKING:
    import sqlite3

    from tests.support.databases import Copied
else:
    from sqlite_utils.utils import sqlite3

ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, body, note)"
HELD = "INSERT INTO t VALUES(7, 'seven', 'of the target')"
ARRIVE = "INSERT INTO t VALUES(1, 'one', 'first'), (2, 'two', NULL), (3, NULL, NULL)"
FTS5 = "CREATE VIRTUAL TABLE words USING fts5(body, note, content=t, content_rowid=id)"
FTS4 = 'CREATE VIRTUAL TABLE words USING fts4(body, note, content="t")'
VIEW = "CREATE VIEW v AS SELECT id, upper(body) AS body, note FROM t"
CONTENTLESS = "CREATE VIRTUAL TABLE words USING fts5(body, note, content='')"
FROM = "SELECT id, body, note FROM t -- each row"
INDEXES = """CREATE TRIGGER fires AFTER INSERT ON t
BEGIN INSERT INTO words(rowid, body, note) VALUES(new.id, new.body, new.note); END"""
FILL = "INSERT INTO words(rowid, body, note) SELECT id, body, note FROM t"
KINDS = {
    "FTS5": (FTS5, ""),
    "FTS5 with columns only": (FTS5.replace("id)", "id, detail=column, columnsize=0)"), ""),
    "FTS5 over a view": (FTS5.replace("content=t", "content=v"), ""),
    "FTS4": (FTS4, ""),
    "FTS4 without a stemmer": (FTS4.replace('"t"', '"t", tokenize=unicode61, prefix="2"'), ""),
    "contentless": (CONTENTLESS, FROM),
    "contentless without places": (CONTENTLESS.replace("'')", "'', detail=none)"), FROM),
    "contentless without lengths": (CONTENTLESS.replace("'')", "'', columnsize=0)"), FROM),
    "contentless FTS4": ("CREATE VIRTUAL TABLE words USING fts4(body, note, content='', prefix='2') -- (x)", FROM),
    "contentless FTS4 without lengths": (
        "CREATE VIRTUAL TABLE words USING fts4(body, note, content=, matchinfo=fts3, tokenize=porter)",
        FROM,
    ),
    "FTS5 with its own content": ("CREATE VIRTUAL TABLE words USING fts5(body, note)", FROM),
    "FTS4 with its own content": ("CREATE VIRTUAL TABLE words USING fts4(body, note, order=desc)", FROM),
    "FTS3": ("CREATE VIRTUAL TABLE words USING fts3(body, note)", FROM),
}
DELETED_BY_ROWID = {"FTS4", "FTS4 without a stemmer", "FTS5 with its own content", "FTS4 with its own content", "FTS3"}


def rebuilt(query: str = "", **keys: Any) -> dict[str, Any]:
    """Return the keys of a plan that rebuilds the index."""
    return {"rebuilds": [Rebuild(table="words", from_=query)], **keys}


def copied(bench: Bench, kind: str) -> Copied:
    """Rebuild an index of one kind in a target with triggers, to which rows are copied."""
    index, query = KINDS[kind]
    bench.database(TARGET, ROWS, HELD, VIEW, index, FILL, INDEXES)
    bench.database("a.db", ROWS, ARRIVE)
    return bench.copied(source("a.db", "t"), **rebuilt(query))


def found(result: Copied, word: str) -> list[int]:
    """Return the rowids that a search finds."""
    return [rowid for (rowid,) in result.rows(f"SELECT rowid FROM words WHERE words MATCH '{word}' ORDER BY rowid")]


@pytest.mark.parametrize("kind", KINDS)
def test_rebuilt_index_finds_the_rows_of_all(bench: Bench, kind: str) -> None:
    """The rows that the target had are found as well."""
    result = copied(bench, kind)

    assert [found(result, word) for word in ("one", "two", "seven", "first", "nothing")] == [[1], [2], [7], [1], []]
    assert failed_subjects(derived_right(result.compared)) == []
    assert failed_subjects(compare.integrity(result.con)) == []
    beside = {each.subject: each for each in compare_neighbours.neighbours(result.compared)}
    assert (beside["words"].observed, beside["words"].examined) == (compare_neighbours.REBUILT_INDEX, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_document_that_is_missing_is_noticed(bench: Bench, kind: str) -> None:
    """Another one that the content does not have is noticed as well."""
    result = copied(bench, kind)
    body, values = ("ONE" if "view" in kind else "one"), "words, rowid, body, note"
    if kind in DELETED_BY_ROWID:
        result.con.execute("DELETE FROM words WHERE rowid = 1")
    elif "contentless FTS4" in kind:
        pytest.skip("SQLite deletes no document of such a table")
    else:
        result.con.execute(f"INSERT INTO words({values}) VALUES('delete', 1, '{body}', 'first')")
    assert failed_subjects(derived_right(result.compared)) == ["words"]

    result.con.execute(f"INSERT INTO words(rowid, body, note) VALUES(1, '{body}', 'first')")
    assert failed_subjects(derived_right(result.compared)) == []

    result.con.execute("INSERT INTO words(rowid, body, note) VALUES(9, 'nine', NULL)")
    assert failed_subjects(derived_right(result.compared)) == ["words"]


def test_document_without_a_word_is_compared(bench: Bench) -> None:
    """No term shows it."""
    result = copied(bench, "contentless")
    assert result.rows("SELECT count(*) FROM words") == [(4,)]

    result.con.execute("INSERT INTO words(words, rowid, body, note) VALUES('delete', 3, NULL, NULL)")

    assert failed_subjects(derived_right(result.compared)) == ["words"]


def test_proof_leaves_nothing_in_the_target(bench: Bench) -> None:
    """COMMIT takes what was there before the proof, and refuses any other change."""
    result = copied(bench, "contentless")
    assert result.transaction is not None
    digests = result.transaction.expected_digests()

    observed = [derived_right(result.compared) for _ in range(2)]

    assert observed[0] == observed[1]
    assert result.transaction.expected_digests() == digests
    assert result.rows("SELECT count(*) FROM sqlite_temp_master") == [(0,)]


def test_index_with_external_content_states_its_check(bench: Bench) -> None:
    """SQLite says only whether they agree."""
    [observation] = derived_right(copied(bench, "FTS5").compared)

    assert (observation.subject, observation.observed) == ("words", INTACT)


def test_index_without_content_states_its_digest(bench: Bench) -> None:
    """Terms and documents of both indexes are counted."""
    [observation] = derived_right(copied(bench, "contentless").compared)

    assert (observation.examined, observation.expected) == (4, observation.observed)


def test_plan_without_derived_data_requires_nothing(bench: Bench) -> None:
    """The criterion says so."""
    bench.database("a.db", ROWS, ARRIVE)

    [observation] = derived_right(bench.copied(source("a.db", "t")).compared)

    assert (observation.observed, observation.examined) == (NOTHING_DERIVED, 0)


def refused(bench: Bench, *schema: str, **keys: Any) -> list[tuple[str, str]]:
    """Return the problems of a plan by id and subject."""
    bench.database(TARGET, ROWS, *schema)
    bench.database("a.db", ROWS, ARRIVE)
    return [(each.id, each.subject) for each in bench.survey(source("a.db", "t"), **keys).problems]


@pytest.mark.parametrize(
    ("schema", "query"),
    [
        ((), ""),
        (("CREATE TABLE words(body)",), ""),
        (("CREATE VIRTUAL TABLE words USING fts5(body)",), ""),
        (("CREATE VIRTUAL TABLE words USING rtree(id, low, high)",), ""),
        (("CREATE VIRTUAL TABLE words USING fts4(body, note, languageid='l')",), FROM),
        (("CREATE VIRTUAL TABLE words USING fts4(body, note, content='')",), ""),
        (("CREATE VIRTUAL TABLE words USING fts5(body)",), FROM),
        ((FTS5,), FROM),
        ((CONTENTLESS,), ""),
        ((CONTENTLESS,), "SELECT id, body FROM t"),
        ((CONTENTLESS,), "SELECT id, body, note FROM missing"),
        ((CONTENTLESS,), "DELETE FROM t"),
        ((CONTENTLESS,), "SELECT 1, 2, 3); DELETE FROM t; --"),
    ],
)
def test_rebuild_that_cannot_work_is_refused(bench: Bench, schema: tuple[str, ...], query: str) -> None:
    """SQLite tries it on an empty copy."""
    assert refused(bench, *schema, **rebuilt(query)) == [("bad-rebuild", "[[rebuild]] words")]


def test_rebuild_from_missing_columns_is_refused(bench: Bench) -> None:
    """SQLite accepts such an index, and refuses to fill it."""
    bench.database(TARGET, ROWS, "CREATE VIRTUAL TABLE words USING fts5(body, other, content=t, content_rowid=id)")
    with closing(DerivationReader(bench.schema(TARGET))) as reader:
        indexes, [problem] = plan_rebuilds(reader, [Rebuild(table="words")])

    assert (indexes, problem.id) == ([], "bad-rebuild")


def test_stale_index_cannot_be_rebuilt_as_well(bench: Bench) -> None:
    """One of the two entries has no effect."""
    keys = rebuilt(stale=[Stale(name="words", reason="none")])

    assert refused(bench, FTS5, **keys) == [("no-effect", "[[stale]] words")]


def test_index_that_no_row_reaches_may_be_rebuilt(bench: Bench) -> None:
    """It may lag behind its table since long ago."""
    bench.database(TARGET, ROWS, HELD, FTS5, "CREATE TABLE u(x)")
    bench.database("a.db", "CREATE TABLE u(x)", "INSERT INTO u VALUES(1)")

    result = bench.copied(source("a.db", "u"), **rebuilt())

    assert found(result, "seven") == [7]
    assert failed_subjects(derived_right(result.compared)) == []


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 44), reason="this SQLite does not ask FTS4")
def test_index_that_lags_behind_is_no_damage(bench: Bench) -> None:
    """It stays as it is, and a [[rebuild]] brings it up to date."""
    bench.database(TARGET, ROWS, HELD, FTS4, "CREATE TABLE u(x)")
    bench.database("a.db", "CREATE TABLE u(x)", "INSERT INTO u VALUES(1)")
    moved = source("a.db", "u")
    inspected = bench.survey(moved)
    assert [(each.id, each.subject) for each in inspected.findings] == [("index-lags", "target.db:words")]

    result = bench.copied(moved)

    assert found(result, "seven") == []
    assert failed_subjects(compare.integrity(result.con)) == []
    assert bench.survey(moved, **rebuilt()).findings == []


def test_index_that_was_dropped_is_noticed(bench: Bench) -> None:
    """Nothing can be compared then."""
    result = copied(bench, "FTS5")
    result.con.execute("DROP TABLE words")

    assert failed_subjects(derived_right(result.compared)) == ["words"]

"""Specify that only the rowid identifies a row with NULL in each of its unique keys."""

from __future__ import annotations

import pytest

from tests.support.databases import TARGET, Bench, source, table
from tests.support.rows.copied_rows import rows_are_exact

LOG = "CREATE TABLE log(msg TEXT, ext TEXT UNIQUE)"
NULLS = "INSERT INTO log(rowid, msg, ext) VALUES(5, 'x', NULL), (9, 'y', NULL)"
KEYS = {
    "unique": LOG,
    "primary key": "CREATE TABLE log(msg TEXT, ext TEXT PRIMARY KEY)",
    "two columns": "CREATE TABLE log(msg TEXT, ext TEXT, UNIQUE(msg, ext))",
    "index": f"{LOG.replace(' UNIQUE', '')}; CREATE UNIQUE INDEX i ON log(ext)",
}


def ids(bench: Bench, *files: str, **keys: str) -> list[str]:
    """Return the ids of the problems of moving table log of these sources."""
    return [problem.id for problem in bench.survey(*(source(file, table("log", **keys)) for file in files)).problems]


@pytest.mark.parametrize("create", KEYS.values(), ids=KEYS)
def test_rowids_of_two_sources_collide(bench: Bench, create: str) -> None:
    """Another table may name these rowids, and SQLite would give the second rows new ones."""
    for file in ("a.db", "b.db"):
        bench.database(file, *create.split("; "), NULLS)

    assert ids(bench, "a.db", "b.db") == ["rowid-collision"]
    assert ids(bench, "a.db", "b.db", rowids="renumber") == []


def test_rowids_of_target_and_source_collide(bench: Bench) -> None:
    """Rows of the target count as well, whatever their keys are."""
    bench.database(TARGET, LOG, "INSERT INTO log(rowid, msg, ext) VALUES(9, 'z', 'key')")
    bench.database("a.db", LOG, NULLS)

    assert ids(bench, "a.db") == ["rowid-collision"]


def test_free_rowids_are_kept(bench: Bench) -> None:
    """Rows arrive under the rowids that they had, beside those of the target."""
    bench.database(TARGET, LOG, "INSERT INTO log(rowid, msg, ext) VALUES(3, 'z', 'key')")
    bench.database("a.db", LOG, NULLS)

    copied = bench.copied(source("a.db", "log"))

    assert copied.rows("SELECT rowid, msg FROM log ORDER BY rowid") == [(3, "z"), (5, "x"), (9, "y")]
    assert rows_are_exact(copied)


def test_rows_with_a_key_need_no_rowid(bench: Bench) -> None:
    """Their key tells them apart, so equal rowids are no collision."""
    for file in ("a.db", "b.db"):
        bench.database(file, LOG, f"INSERT INTO log(rowid, msg, ext) VALUES(5, 'x', '{file}')")

    assert ids(bench, "a.db", "b.db") == []


EXPRESSION = "CREATE TABLE log(msg TEXT, ext TEXT); CREATE UNIQUE INDEX i ON log({})"


@pytest.mark.parametrize("term", ["json_extract(ext, '$.k') DESC", "msg, (nullif(ext, /* ( */ 'x)'))", "lower(ext)"])
def test_null_of_an_expression_is_no_key(bench: Bench, term: str) -> None:
    """SQLite allows any number of rows with it."""
    for file in ("a.db", "b.db"):
        bench.database(file, *EXPRESSION.format(term).split("; "), NULLS)

    assert ids(bench, "a.db", "b.db") == ["rowid-collision"]


def test_value_of_an_expression_is_a_key(bench: Bench) -> None:
    """It tells the rows apart, so equal rowids are no collision."""
    for file in ("a.db", "b.db"):
        row = f"INSERT INTO log(rowid, msg, ext) VALUES(5, 'x', '{file}')"
        bench.database(file, *EXPRESSION.format("lower(ext)").split("; "), row)

    assert ids(bench, "a.db", "b.db") == []


def test_identical_rows_are_skipped_under_another_rowid(bench: Bench) -> None:
    """Only the row without a key keeps its rowid."""
    for file, rowid in (("a.db", 50), ("b.db", 51)):
        insert = f"INSERT INTO log(rowid, msg, ext) VALUES({rowid}, 'keyed', 'k'), ({rowid - 10}, 'keyless', NULL)"
        bench.database(file, LOG, insert)

    copied = bench.copied(*(source(file, table("log", on_conflict="skip-identical")) for file in ("a.db", "b.db")))

    expected = [(40, "keyless"), (41, "keyless"), (50, "keyed")]
    assert copied.rows("SELECT rowid, msg FROM log ORDER BY rowid") == expected
    assert rows_are_exact(copied)

"""Specify which rows the page reader digests as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.comparison.compare import rows_exact
from sqlite_consolidate.engine.checks.renumbering.keys_mapped import keys_mapped
from sqlite_consolidate.engine.merge.copy_rows import source_digest
from sqlite_consolidate.engine.sqlite.connections import attached
from sqlite_consolidate.page_reader.availability import PURE
from tests.support.databases import TARGET, Bench, Copied, failed_subjects, source, table
from tests.support.pages.program import need_page_reader, use_pages_for_every_size
from tests.support.thorough import sampled

if TYPE_CHECKING:
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.plan.model import TableMap

SITE = "CREATE TABLE site(id INTEGER PRIMARY KEY, name TEXT)"
LOAN = "CREATE TABLE loan(id INTEGER PRIMARY KEY, site INT REFERENCES site(id), up INT REFERENCES loan(id), what)"
ROWS = (
    "INSERT INTO site VALUES (1, 'Bob'), (4, NULL)",
    "INSERT INTO loan VALUES (1, 1, NULL, 'b'), (2, 4, 1, 2.5), (3, -1, 3, x'00'), (4, NULL, 77, 'lost')",
)
BELOW = ("INSERT INTO site VALUES (-2, 'Eve')", "INSERT INTO loan VALUES (9, -2, NULL, 'e'), (10, 4, 0, 'e')")


@pytest.fixture(autouse=True)
def _every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page reader read every table."""
    need_page_reader(monkeypatch)
    use_pages_for_every_size(monkeypatch)


def moved(bench: Bench, *tables: TableMap, rows: tuple[str, ...] = ROWS, loan: str = LOAN) -> Copied:
    """Consolidate two tables inside a transaction."""
    bench.database(TARGET, SITE, LOAN, "INSERT INTO site VALUES (3, 'Ada')", "INSERT INTO loan VALUES (5, 3, 5, 't')")
    bench.database("b.db", SITE, loan, *rows)
    return bench.copied(source("b.db", *tables))


def by_pages_and_by_sql(copied: Copied) -> dict[str, tuple[TableDigest | None, TableDigest]]:
    """Return the digest of the page reader and that of SQLite, for each table of the source."""
    digests = {}
    for mapping in copied.inspected.mappings:
        with attached(copied.con, copied.inspected.path_of(mapping), "again") as alias:
            by_sql = source_digest(copied.con, mapping, alias)
        digests[mapping.table.name] = copied.inspected.expected_digest(mapping), by_sql
    return digests


def renumbered(name: str, **keys: object) -> TableMap:
    """Return the map of a table with new keys."""
    return table(name, keys="renumber", **keys)


DIGESTED = {
    "new keys": ([renumbered("site"), renumbered("loan")], ROWS, LOAN),
    "no row": ([renumbered("site"), renumbered("loan")], (), LOAN),
    "each number up to zero is a key": ([renumbered("site"), renumbered("loan")], (ROWS[0], *BELOW), LOAN),
    "another order of columns": (
        [renumbered("site"), renumbered("loan")],
        (ROWS[0], "INSERT INTO loan VALUES ('b', 1, NULL, 2)"),
        "CREATE TABLE loan(what, site INT REFERENCES site(id), up INT REFERENCES loan(id), id INTEGER PRIMARY KEY)",
    ),
}


@pytest.mark.parametrize("case", sampled(DIGESTED, 0))
def test_page_reader_digests_rows_with_new_keys(bench: Bench, case: str) -> None:
    """SQLite computes the same digests, and the target has these rows."""
    tables, rows, loan = DIGESTED[case]
    copied = moved(bench, *tables, rows=rows, loan=loan)

    for by_pages, by_sql in by_pages_and_by_sql(copied).values():
        assert by_pages == by_sql
    assert failed_subjects(rows_exact(copied.compared)) == []
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_page_reader_digests_rows_under_new_names(bench: Bench) -> None:
    """The order of a row is that of the names in the target."""
    bench.database(TARGET, "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c)")
    bench.database("b.db", "CREATE TABLE t(z INTEGER PRIMARY KEY, y, x)", "INSERT INTO t VALUES (1, 'y', 'x')")
    copied = bench.copied(source("b.db", table("t", columns={"z": "a", "y": "c", "x": "b"})))

    [(by_pages, by_sql)] = by_pages_and_by_sql(copied).values()

    assert by_pages == by_sql


LEFT_TO_SQLITE = {
    "some numbers up to zero are keys": ([renumbered("site"), renumbered("loan")], (*ROWS, *BELOW)),
    "a condition": ([renumbered("site"), renumbered("loan", where="id < 4", reason="lost")], ROWS),
    "other numbers of no row": ([renumbered("site"), renumbered("loan", none=[77])], ROWS),
}


@pytest.mark.parametrize("case", sampled(LEFT_TO_SQLITE, 0))
def test_other_rows_are_left_to_sqlite(bench: Bench, case: str) -> None:
    """The page reader adds one offset to all numbers from one on."""
    tables, rows = LEFT_TO_SQLITE[case]
    copied = moved(bench, *tables, rows=rows)

    by_pages, by_sql = by_pages_and_by_sql(copied)["loan"]

    assert by_pages is None
    assert by_sql.rows
    assert failed_subjects(rows_exact(copied.compared)) == []
    assert failed_subjects(keys_mapped(copied.compared)) == []


def test_table_that_only_sqlite_reads_leaves_others(bench: Bench) -> None:
    """A record that is older than a column with a default lacks its value."""
    added = "ALTER TABLE site ADD COLUMN kind DEFAULT 7"
    bench.database(TARGET, SITE, LOAN, "INSERT INTO site VALUES (3, 'Ada')", added)
    bench.database("b.db", SITE, LOAN, *ROWS, added)
    copied = bench.copied(source("b.db", renumbered("site"), renumbered("loan")))

    digests = by_pages_and_by_sql(copied)

    assert digests["site"][0] is None
    assert digests["loan"][0] == digests["loan"][1]
    assert failed_subjects(rows_exact(copied.compared)) == []


@pytest.mark.thorough
def test_pure_run_observes_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite and Python compute each digest that the page reader would."""
    observed = []
    for pure in ("", "1"):
        monkeypatch.setenv(PURE, pure)
        copied = moved(bench, renumbered("site"), renumbered("loan"))
        observed.append([*rows_exact(copied.compared), *keys_mapped(copied.compared)])
        assert (by_pages_and_by_sql(copied)["loan"][0] is None) == bool(pure)
        bench.resources.close()
        for file in (TARGET, "b.db", "before.db"):
            (bench.root / file).unlink()

    assert observed[0] == observed[1]

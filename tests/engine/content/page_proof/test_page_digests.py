"""Specify that the page reader digests tables as Python does, from the pages alone."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.content.page_proof.description import affinity_of
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, digest_pages, prove_pages
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new, open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.pages.databases import build, created
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest


def prove(path: Path) -> tuple[PageProof, dict[str, TableDigest]]:
    """Return what the page reader says of a file, and the digests of Python."""
    with closing(open_readonly(path)) as con:
        schema = read_schema(con)
        assert con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return prove_pages(path, con, schema), digest_tables(con, schema)


@pytest.mark.parametrize(
    ("page_size", "encoding", "auto_vacuum", "reserved"),
    [
        (512, "UTF-8", 0, 0),
        (1024, "UTF-16le", 2, 32),
        (65536, "UTF-16be", 1, 0),
        (4096, "UTF-8", 2, 8),
        *thorough(*((size, "UTF-8", 0, 0) for size in (1024, 2048, 8192, 16384, 32768, 65536))),
        *thorough(*((512, encoding, mode, 11) for encoding in ("UTF-16le", "UTF-16be") for mode in (0, 1, 2))),
    ],
)
def test_digests_of_pages_are_those_of_rows(
    tmp_path: Path, page_size: int, encoding: str, auto_vacuum: int, reserved: int
) -> None:
    """Every kind of value, table and index is read from pages of every size."""
    path = build(tmp_path / "a.db", page_size=page_size, encoding=encoding, auto_vacuum=auto_vacuum, reserved=reserved)

    proof, digests = prove(path)

    assert proof == PageProof(digests)
    assert sum(digest.rows for digest in digests.values()) > 300


def test_tables_are_digested_without_their_indexes(tmp_path: Path) -> None:
    """A damaged index is an error of the whole file, and no part of the digests."""
    path = build(tmp_path / "a.db")
    with closing(open_readonly(path)) as con:
        schema = read_schema(con)
        digests = digest_tables(con, schema)
        root, size = con.execute(
            "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'by_owner'"
        ).fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = bytes(size)
    path.write_bytes(data)

    with closing(open_readonly(path)) as con:
        assert digest_pages(path, con, schema) == PageProof(digests)
        assert prove_pages(path, con, schema).errors


@pytest.mark.parametrize("name", ["virtual", "wal"])
def test_tables_of_other_files_are_not_digested(tmp_path: Path, name: str) -> None:
    """The page reader declines a virtual table, and a file beside which a -wal holds rows."""
    statements = {
        "virtual": ("CREATE VIRTUAL TABLE v USING fts4(a)",),
        "wal": ("PRAGMA journal_mode=WAL", "CREATE TABLE t(a)"),
    }
    path = tmp_path / "a.db"
    with closing(open_new(path)) as con:
        for statement in statements[name]:
            con.execute(statement).fetchall()

        proof = digest_pages(path, con, read_schema(con))

    assert not proof.has_digests
    assert proof.unreadable


@pytest.mark.parametrize("rows", [1, 150])
def test_digests_are_right_for_rows_of_every_length(tmp_path: Path, rows: int) -> None:
    """Two rows are hashed together. One may be longer than the other.

    A row that is far too long does not wait for another.
    """
    lengths = f"WITH RECURSIVE l(n) AS (VALUES(0) UNION ALL SELECT n + 1 FROM l LIMIT {rows})"
    statements = (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a)",
        f"INSERT INTO t(a) {lengths} SELECT zeroblob(n) FROM l",
        f"INSERT INTO t(a) {lengths} SELECT zeroblob(5000 * (n % 2)) FROM l",
        "INSERT INTO t(a) VALUES(zeroblob(5000000)), ('after'), (zeroblob(5000000)), (zeroblob(5000000))",
        "CREATE TABLE u(a)",
        "INSERT INTO u VALUES(1)",
    )

    proof, digests = prove(created(tmp_path / "a.db", *statements))

    assert proof == PageProof(digests)


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE t(a, CHECK(a > 0))", "INSERT INTO t VALUES(1)"),
        ("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", "CREATE INDEX i ON t(a) WHERE a > 0"),
        ("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", "CREATE INDEX i ON t(a + 1)"),
        ("CREATE TABLE t(a, b AS (a + 1))", "INSERT INTO t VALUES(1)", "CREATE INDEX i ON t(b)"),
        ("CREATE TABLE t(a INT)", "INSERT INTO t VALUES('1x')", "INSERT INTO t VALUES('1e')"),
    ],
    ids=["check", "partial", "expression", "virtual", "numeric text"],
)
def test_rule_of_sqlite_leaves_integrity_to_it(tmp_path: Path, statements: tuple[str, ...]) -> None:
    """The digests are proved, and only SQLite can evaluate the rest."""
    proof, digests = prove(created(tmp_path / "a.db", *statements))

    assert proof.digests == digests
    assert proof.declined
    assert not proof.is_intact
    assert proof.has_digests


def test_record_without_a_default_is_left_to_sqlite(tmp_path: Path) -> None:
    """ALTER TABLE adds no value to the records, and the default is SQL."""
    statements = ("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", "ALTER TABLE t ADD COLUMN b DEFAULT 7")

    proof, _ = prove(created(tmp_path / "a.db", *statements))

    assert proof.unreadable
    assert not proof.digests


def test_column_without_a_name_is_left_to_sqlite(tmp_path: Path) -> None:
    """The empty name stands for the rowid in a request."""
    proof, _ = prove(created(tmp_path / "a.db", 'CREATE TABLE t("")', "INSERT INTO t VALUES('a')"))

    assert (proof.digests, len(proof.unreadable)) == ({}, 1)


def test_virtual_table_is_left_to_sqlite(tmp_path: Path) -> None:
    """Only its module can read its rows."""
    proof, _ = prove(created(tmp_path / "a.db", "CREATE VIRTUAL TABLE t USING fts5(a)"))

    assert proof == PageProof(unreadable=("a virtual table",))


def test_rows_in_a_wal_are_left_to_sqlite(tmp_path: Path) -> None:
    """The file alone is an older state of the database."""
    path = created(tmp_path / "a.db", "PRAGMA journal_mode=WAL", "CREATE TABLE t(a)")
    with closing(open_existing(path)) as con:
        con.execute("INSERT INTO t VALUES(1)")

        assert prove_pages(path, con, read_schema(con)).unreadable


def test_text_that_is_no_utf16_is_left_to_sqlite(tmp_path: Path) -> None:
    """Each SQLite converts it in its way."""
    statements = ("PRAGMA encoding='UTF-16le'", "CREATE TABLE t(a)", "INSERT INTO t VALUES(CAST(x'00d8' AS TEXT))")

    proof, _ = prove(created(tmp_path / "a.db", *statements))

    assert proof.unreadable
    assert not proof.has_digests


@pytest.mark.parametrize(
    ("declared", "affinity"),
    [
        ("BIGINT", "D"),
        ("CHARINT", "D"),
        ("VARCHAR(9)", "B"),
        ("TEXTBLOB", "B"),
        ("BLOB", "A"),
        ("", "A"),
        ("DOUBLE", "E"),
        ("\u0131nt", "C"),  # a letter that upper() would turn into an I
    ],
)
def test_affinity_follows_the_declared_type(declared: str, affinity: str) -> None:
    """The rules of SQLite's document hold for ASCII letters alone."""
    assert affinity_of(declared) == affinity

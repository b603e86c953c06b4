"""Specify which damage the page reader finds, a case for each feature that it knows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.sqlite.connections import open_new, open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

PAGE = 1024
SCHEMA = {
    "rows": "CREATE TABLE rows(id INTEGER PRIMARY KEY, a TEXT, b)",
    "by_a": "CREATE INDEX by_a ON rows(a)",
    "by_b": "CREATE UNIQUE INDEX by_b ON rows(b)",
    "keyed": "CREATE TABLE keyed(k INT, v TEXT, PRIMARY KEY(k)) WITHOUT ROWID",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """Create a database without a pointer map and one with it, by the value of auto_vacuum."""
    folder = tmp_path_factory.mktemp("sound")
    return {vacuum: create(folder / f"{vacuum}.db", vacuum) for vacuum in (0, 2)}


@pytest.fixture
def path(tmp_path: Path, sound: dict[int, bytes]) -> Path:
    """Copy the database without a pointer map."""
    (tmp_path / "a.db").write_bytes(sound[0])
    return tmp_path / "a.db"


def create(path: Path, vacuum: int) -> bytes:
    """Create a database with overflow pages and free pages, and return its bytes."""
    with closing(open_new(path)) as con:
        con.execute(f"PRAGMA page_size={PAGE}")
        con.execute(f"PRAGMA auto_vacuum={vacuum}")
        con.execute("PRAGMA synchronous=OFF")
        con.execute("BEGIN")
        for statement in SCHEMA.values():
            con.execute(statement)
        for i in range(200):
            con.execute("INSERT INTO rows VALUES(?, ?, ?)", (i, f"a{i:04}", i))
            con.execute("INSERT INTO keyed VALUES(?, ?)", (i, f"v{i}"))
        con.execute("INSERT INTO rows VALUES(1000, ?, 1000)", ("long" * 2000,))
        con.execute("DELETE FROM keyed WHERE k > 90")
        con.execute("COMMIT")
    return path.read_bytes()


def change_schema(path: Path, name: str, statement: str, *rows: str) -> None:
    """Write another statement into the schema, after rows that it might not allow."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for row in rows:
            con.execute(row)
        con.execute("PRAGMA writable_schema=ON")
        con.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (statement, name))


def root(path: Path, name: str) -> int:
    """Return the offset of a root page."""
    with closing(open_readonly(path)) as con:
        ((page,),) = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchall()
    return (int(page) - 1) * PAGE


def leaf(path: Path, name: str) -> int:
    """Return the offset of the right-most page below a root page."""
    data, at = path.read_bytes(), root(path, name)
    while data[at] in (2, 5):
        at = (int.from_bytes(data[at + 8 : at + 12], "big") - 1) * PAGE
    return at


def edit(path: Path, at: int, data: bytes) -> None:
    """Write bytes over a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def swap_pointers(path: Path, at: int) -> None:
    """Exchange the first two cells of a leaf."""
    pointers = path.read_bytes()[at + 8 : at + 12]
    edit(path, at + 8, pointers[2:] + pointers[:2])


def cell(path: Path, at: int, number: int = 0) -> int:
    """Return the offset of a cell of a leaf."""
    data = path.read_bytes()
    return at + int.from_bytes(data[at + 8 + 2 * number : at + 10 + 2 * number], "big")


def replace_once(path: Path, before: bytes, after: bytes) -> None:
    """Write bytes over the first place that has others."""
    edit(path, path.read_bytes().index(before), after)


def overflow_page(path: Path) -> int:
    """Return the offset of the first overflow page, which begins with the number of the next."""
    return (path.read_bytes().index(b"long" * 200) // PAGE + 1) * PAGE


def prove(path: Path) -> tuple[PageProof, bool]:
    """Return what the page reader says, and whether SQLite's integrity_check says ok."""
    with closing(open_readonly(path)) as con:
        try:
            is_ok = con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            is_ok = False
        return prove_pages(path, con, read_schema(con)), is_ok


DAMAGE: dict[str, Callable[[Path], None]] = {
    "page type": lambda path: edit(path, leaf(path, "rows"), b"\x0a"),
    "number of cells": lambda path: edit(path, leaf(path, "rows") + 3, b"\x00\x02"),
    "cell pointer": lambda path: edit(path, leaf(path, "rows") + 8, b"\x00\x02"),
    "fragmented bytes": lambda path: edit(path, leaf(path, "rows") + 7, b"\x03"),
    "free block": lambda path: edit(path, leaf(path, "rows") + 1, b"\x03\xf0"),
    "child page": lambda path: edit(path, root(path, "rows") + 8, b"\x00\x00\xff\x00"),
    "page used twice": lambda path: edit(
        path, root(path, "rows") + 8, (root(path, "by_a") // PAGE + 1).to_bytes(4, "big")
    ),
    "order of rowids": lambda path: swap_pointers(path, leaf(path, "rows")),
    "order of an index": lambda path: swap_pointers(path, leaf(path, "by_b")),
    "order of a WITHOUT ROWID table": lambda path: swap_pointers(path, leaf(path, "keyed")),
    "record header": lambda path: edit(path, cell(path, leaf(path, "by_b")) + 1, b"\x7f"),
    "value in a row": lambda path: replace_once(path, b"a0150", b"a0151"),
    "overflow chain": lambda path: edit(path, overflow_page(path), b"\x00\x00\x00\x00"),
    "number of free pages": lambda path: edit(path, 36, b"\x00\x00\x00\x63"),
    "free list": lambda path: edit(path, 32, b"\x00\x00\x00\x00"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_of_pages_is_found_by_both(path: Path, name: str) -> None:
    """The page reader says no where SQLite's integrity_check does."""
    before, _ = prove(path)
    DAMAGE[name](path)

    proof, is_ok = prove(path)

    assert before.is_intact
    assert proof.errors
    assert not proof.digests
    assert not is_ok


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("by_a", "CREATE INDEX by_a ON rows(a DESC)"),
        ("by_a", "CREATE INDEX by_a ON rows(b)"),
        ("by_b", "CREATE UNIQUE INDEX by_b ON rows(a)"),
        ("rows", "CREATE TABLE rows(id INTEGER PRIMARY KEY, a TEXT, b TEXT)"),
        ("rows", "CREATE TABLE rows(id INTEGER PRIMARY KEY, a INTEGER, b INTEGER) STRICT"),
        ("keyed", "CREATE TABLE keyed(k INT, v TEXT, PRIMARY KEY(k DESC)) WITHOUT ROWID"),
    ],
)
def test_content_that_breaks_its_schema_is_found(path: Path, name: str, statement: str) -> None:
    """An index with another order, or a value of another type, is no damage of a page."""
    change_schema(path, name, statement)

    proof, is_ok = prove(path)

    assert proof.errors
    assert not is_ok


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("rows", "CREATE TABLE rows(id INTEGER PRIMARY KEY, a TEXT, b NOT NULL)"),
        ("by_a", "CREATE UNIQUE INDEX by_a ON rows(a)"),
        ("by_a", "CREATE INDEX by_a ON rows(a COLLATE NOCASE)"),
        ("by_a", "CREATE INDEX by_a ON rows(a COLLATE RTRIM)"),
    ],
)
def test_row_that_breaks_its_schema_is_found(path: Path, name: str, statement: str) -> None:
    """NOT NULL, UNIQUE and the collation were declared after the rows were inserted."""
    rows = "INSERT INTO rows VALUES(2000, 'a0001', NULL), (2001, 'B', 2001), (2002, 'b', 2002), (2003, 'b  ', 2003)"
    change_schema(path, name, statement, rows, "INSERT INTO rows VALUES(1999, 'b ', 1999)")

    proof, is_ok = prove(path)

    assert proof.errors
    assert not is_ok


def test_entry_with_another_zero_is_found(path: Path) -> None:
    """SQLite takes 0.0 and -0.0 as equal, and may read rows from a covering index."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("CREATE TABLE zeros(k TEXT PRIMARY KEY, v) WITHOUT ROWID")
        con.execute("CREATE INDEX by_zero ON zeros(v)")
        con.execute("INSERT INTO zeros VALUES('negative', -0.0)")
    before, _ = prove(path)
    replace_once(path, b"negative\x80", b"negative\x00")

    proof, is_ok = prove(path)

    assert (before.is_intact, is_ok) == (True, True)
    assert proof.errors


def test_pointer_map_is_compared_with_use_of_pages(path: Path, sound: dict[int, bytes]) -> None:
    """A file that can shrink states the parent of each page."""
    path.write_bytes(sound[2])
    before, _ = prove(path)
    edit(path, PAGE + 5 * 3, b"\x05\x00\x00\x00\x63")

    proof, is_ok = prove(path)

    assert before.is_intact
    assert proof.errors
    assert not is_ok

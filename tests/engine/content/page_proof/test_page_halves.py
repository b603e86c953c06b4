"""Specify that two halves of a b-tree, which two threads read, are proved as one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.digest import digest_tables
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.sqlite.connections import open_new, open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 512
_LEAVES, _OVERFLOW = (10, 13), 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Create a table with rowids, one without them, and one whose rows have overflow pages."""
    with closing(open_new(tmp_path / "a.db")) as con:
        con.execute(f"PRAGMA page_size={PAGE}")
        con.execute("PRAGMA synchronous=OFF")
        con.execute("BEGIN")
        con.execute("CREATE TABLE numbered(id INTEGER PRIMARY KEY, v)")
        con.execute("CREATE TABLE keyed(k TEXT PRIMARY KEY, v) WITHOUT ROWID")
        con.execute("CREATE TABLE long(id INTEGER PRIMARY KEY, v)")
        for number in range(128, 1128):
            con.execute("INSERT INTO numbered VALUES(?, 'v')", (number,))
            con.execute("INSERT INTO keyed VALUES(?, 'v')", (f"k{number:04}",))
        for number in range(100):
            con.execute("INSERT INTO long VALUES(?, zeroblob(600))", (number,))
        con.execute("COMMIT")
    return tmp_path / "a.db"


def number_at(data: bytes, at: int, size: int) -> int:
    """Return a big-endian number of a file."""
    return int.from_bytes(data[at : at + size], "big")


def first_cell(path: Path, table: str, *, of_second_half: bool) -> int:
    """Return the offset of the first cell of a half of a table."""
    with closing(open_readonly(path)) as con:
        ((page,),) = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchall()
    data, at, is_root = path.read_bytes(), (int(page) - 1) * PAGE, True
    while data[at] not in _LEAVES:
        middle = (number_at(data, at + 3, 2) + 1) // 2
        cell = at + number_at(data, at + 12 + 2 * (middle if is_root and of_second_half else 0), 2)
        at, is_root = (number_at(data, cell, 4) - 1) * PAGE, False
    return at + number_at(data, at + 8, 2)


def overwrite(path: Path, at: int, data: bytes) -> None:
    """Write bytes over a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def prove(path: Path, *, is_transaction: bool = False) -> PageProof:
    """Return the proof of a file, or of the same file as that of an open transaction."""
    with closing(open_readonly(path)) as con:
        pages = path.stat().st_size // PAGE if is_transaction else 0
        return prove_pages(path, con, read_schema(con), transaction_pages=pages)


@pytest.mark.parametrize("is_transaction", [False, True])
def test_halves_have_the_digests_of_the_whole(path: Path, *, is_transaction: bool) -> None:
    """Each table has two of them."""
    with closing(open_readonly(path)) as con:
        expected = digest_tables(con, read_schema(con))

    proof = prove(path, is_transaction=is_transaction)

    assert proof.is_intact
    assert proof.digests == expected


def test_second_half_comes_after_the_rowids_of_the_first(path: Path) -> None:
    """Each half alone is in order."""
    cell = first_cell(path, "numbered", of_second_half=True)
    assert path.read_bytes()[cell + 1] > 0x80  # the rowid has two bytes

    overwrite(path, cell + 1, b"\x80\x01")

    assert prove(path).errors


def test_second_half_comes_after_the_keys_of_the_first(path: Path) -> None:
    """Each half alone is in order."""
    cell = first_cell(path, "keyed", of_second_half=True)
    key = path.read_bytes().index(b"k", cell)

    overwrite(path, key, b"a")

    assert prove(path).errors


@pytest.mark.parametrize("is_transaction", [False, True])
def test_page_of_both_halves_is_used_twice(path: Path, *, is_transaction: bool) -> None:
    """A row of each half has the same overflow page."""
    data = path.read_bytes()
    ends = [end_of_cell(data, first_cell(path, "long", of_second_half=half)) for half in (False, True)]

    overwrite(path, ends[1], data[ends[0] : ends[0] + _OVERFLOW])

    assert prove(path, is_transaction=is_transaction).errors


def end_of_cell(data: bytes, cell: int) -> int:
    """Return where a cell of a row has the number of its first overflow page."""
    length = (data[cell] & 0x7F) << 7 | data[cell + 1]
    least = (PAGE - 12) * 32 // 255 - 23
    wanted = least + (length - least) % (PAGE - 4)
    return cell + 3 + (wanted if wanted <= PAGE - 35 else least)

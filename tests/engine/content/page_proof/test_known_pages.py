"""Specify that a file is known again by the pages that were proved before."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content import contents
from sqlite_consolidate.engine.content.contents import ContentsCache, read_contents
from sqlite_consolidate.engine.content.page_proof.known_pages import prove_known_pages
from sqlite_consolidate.engine.content.page_proof.open_transaction import prove_transaction
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from tests.support.pages.databases import build, changed_in_transaction
from tests.support.pages.digests import by_sql, chosen
from tests.support.pages.program import use_pages_for_every_size
from tests.support.workspaces.two_sources import execute

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every database as a large one."""
    use_pages_for_every_size(monkeypatch)


def committed(path: Path) -> PageProof:
    """Change a database in a transaction, and return the proof of its pages before COMMIT."""
    with changed_in_transaction(path) as (lock, con):
        proof = prove_transaction(lock, con, read_schema(con))
        con.execute("COMMIT")
    return proof


def proof_after(path: Path, before: PageProof) -> PageProof:
    """Prove that a file has the pages of a transaction."""
    with closing(open_readonly(path)) as con:
        return prove_known_pages(path, con, read_schema(con), before)


def archived(path: Path) -> PageProof:
    """Return the proof of the pages of a database that gets another file and its name back."""
    committed(path)
    with closing(open_readonly(path)) as con:
        proof = prove_pages(path, con, read_schema(con))
    path.write_bytes(path.rename(path.with_name("archive.db")).read_bytes())
    return proof


each_time = pytest.mark.parametrize("proved", [committed, archived])


def flip_the_last_bit(path: Path) -> None:
    """Change the last byte of a file that no connection has open."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_committed_pages_are_those_of_the_transaction(tmp_path: Path) -> None:
    """The proof before COMMIT holds after it, and is that of a new reading."""
    path = build(tmp_path / "a.db", page_size=512)
    before = committed(path)

    assert proof_after(path, before) is before
    with closing(open_readonly(path)) as con:
        assert prove_pages(path, con, read_schema(con)) == before
    assert before.is_intact


def test_pages_of_another_file_are_known_again(tmp_path: Path) -> None:
    """A source becomes an archive, of which the name is another one."""
    path = build(tmp_path / "a.db", page_size=512)
    before = archived(path)

    assert proof_after(path, before) is before
    assert before.is_intact


def test_committed_pages_are_known_beside_further_digests(tmp_path: Path) -> None:
    """The request after COMMIT is that of the transaction, with all that was digested."""
    path, rows = build(tmp_path / "a.db", page_size=512), chosen("arrived", ("id", 1000, 1), "text")
    with changed_in_transaction(path) as (lock, con):
        before = prove_transaction(lock, con, read_schema(con), further=[rows])
        expected = by_sql(con, read_schema(con), rows)
        con.execute("COMMIT")

    assert before.rows[rows] == expected
    assert proof_after(path, before) is before


@each_time
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tasks SET title = 'other' WHERE rowid = (SELECT max(rowid) FROM tasks)",
        "DELETE FROM arrived WHERE id = 1",
        "CREATE INDEX later ON arrived(id)",
        "ALTER TABLE arrived RENAME TO gone",
        "DROP INDEX by_id",
        "CREATE TABLE later(a)",
    ],
)
def test_later_change_is_another_file(tmp_path: Path, statement: str, proved: Callable[[Path], PageProof]) -> None:
    """Rows, indexes, tables and names are those that were proved."""
    path = build(tmp_path / "a.db", page_size=512)
    before = proved(path)

    execute(path, statement)

    assert not proof_after(path, before).has_digests


@each_time
def test_later_damage_is_another_file(tmp_path: Path, proved: Callable[[Path], PageProof]) -> None:
    """SQLite would notice a changed value in no table."""
    path = build(tmp_path / "a.db", page_size=512)
    before = proved(path)

    flip_the_last_bit(path)

    assert len(proof_after(path, before).errors) == 1


@pytest.mark.parametrize("at", [512, 505, 262, 9, 1], ids=lambda at: f"{at} from the end")
def test_each_byte_of_a_page_counts_after_commit(tmp_path: Path, at: int) -> None:
    """The words of a page are hashed in pairs."""
    path = build(tmp_path / "a.db", page_size=512)
    before = committed(path)

    data = bytearray(path.read_bytes())
    data[-at] ^= 128
    path.write_bytes(data)

    assert len(proof_after(path, before).errors) == 1


@pytest.mark.parametrize("size", [8, 16, 32, 512])
def test_exchanged_bytes_are_another_file(tmp_path: Path, size: int) -> None:
    """They have other bytes beside them, or are another page."""
    path = build(tmp_path / "a.db", page_size=512)
    before = committed(path)

    data = path.read_bytes()
    ends = range(len(data), len(data) - 512, -size)
    end = next(at for at in ends if data[at - 2 * size : at - size] != data[at - size : at])
    first, second = data[end - 2 * size : end - size], data[end - size : end]
    path.write_bytes(data[: end - 2 * size] + second + first + data[end:])

    assert len(proof_after(path, before).errors) == 1


def test_damaged_free_list_is_refused_after_commit(tmp_path: Path) -> None:
    """It was not in the file before COMMIT."""
    path = build(tmp_path / "a.db", page_size=512)
    before = committed(path)
    data = path.read_bytes()
    assert int.from_bytes(data[36:40]) > 1

    path.write_bytes(data[:36] + (1).to_bytes(4) + data[40:])

    assert len(proof_after(path, before).errors) == 1


def test_pointer_map_is_left_to_a_whole_reading(tmp_path: Path) -> None:
    """COMMIT may write its pages."""
    path = build(tmp_path / "a.db", page_size=512, auto_vacuum=2)
    before = committed(path)

    assert before.is_intact
    assert not proof_after(path, before).has_digests


def test_committed_contents_are_not_read_by_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those that another reading finds."""
    path = build(tmp_path / "a.db", page_size=512)
    cache = ContentsCache()
    cache.note_commit(path, committed(path))
    expected = read_contents(path)
    monkeypatch.delattr(contents, "read_contents")

    assert cache.contents(path) == expected


def test_changed_contents_are_read_by_rows(tmp_path: Path) -> None:
    """An application may write to the target after COMMIT."""
    path = build(tmp_path / "a.db", page_size=512)
    cache = ContentsCache()
    cache.note_commit(path, committed(path))
    before = cache.contents(path)

    execute(path, "DELETE FROM arrived WHERE id = 1")

    assert cache.contents(path) == read_contents(path) != before


def test_tables_are_read_once_the_system_reports_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may give the file the time of modification that it had."""
    monkeypatch.setattr(contents, "PARALLEL_MIN_BYTES", 0)
    path = build(tmp_path / "a.db", page_size=512)
    cache = ContentsCache()
    cache.note_commit(path, committed(path))
    before = path.stat()

    unread = cache.tables(path, {})
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of files has ticks
        execute(path, "DELETE FROM arrived WHERE id = (SELECT min(id) FROM arrived)")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert unread == {}
    assert cache.tables(path, {}) == read_contents(path).tables == ContentsCache().tables(path, {})

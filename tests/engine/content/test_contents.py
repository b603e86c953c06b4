"""Specify how the contents of a file are read and when two copies have equal pages."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.content import contents as content
from sqlite_consolidate.engine.content.contents import (
    Contents,
    ContentsCache,
    digest_pages_of_copy,
    file_digests,
    has_wal_frames,
    load_contents,
    read_contents,
)
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.sqlite.limits import Deadline, Limits
from tests.support.workspaces.two_sources import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of several pages."""
    execute(tmp_path / "a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    execute(tmp_path / "a.db", "INSERT INTO t(v) WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
            " SELECT hex(randomblob(20)) FROM n")  # fmt: skip
    return tmp_path / "a.db"


def backup_of(path: Path) -> Path:
    """Copy a database through SQLite."""
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as con, closing(sqlite3.connect(copy)) as to:
        con.backup(to)
    return copy


def test_backup_has_same_pages(path: Path) -> None:
    """The header has another journal mode and other change counters."""
    execute(path, "PRAGMA journal_mode=WAL")
    copy = backup_of(path)
    execute(copy, "PRAGMA journal_mode=DELETE")

    assert copy.read_bytes() != path.read_bytes()
    assert digest_pages_of_copy(path, copy) == digest_file(copy)


@pytest.mark.parametrize("at", [0, 16, 21, 28, 60, 68, 101, 4096, -1])
def test_pages_differ_by_a_single_byte(path: Path, at: int) -> None:
    """The byte may be in a page or in a field of the header that counts."""
    copy = backup_of(path)
    changed = bytearray(copy.read_bytes())
    changed[at] ^= 1
    copy.write_bytes(changed)

    assert digest_pages_of_copy(path, copy) != digest_file(copy)
    assert digest_pages_of_copy(copy, path) != digest_file(path)


def test_pages_differ_when_one_file_is_longer(path: Path) -> None:
    """Either of the two files may be longer."""
    copy = backup_of(path)
    copy.write_bytes(copy.read_bytes() + b"\0")

    assert digest_pages_of_copy(path, copy) != digest_file(copy)
    assert digest_pages_of_copy(copy, path) != digest_file(path)


def test_cache_reads_a_file_again_when_bytes_change(path: Path) -> None:
    """Equal bytes return the same object."""
    reader = ContentsCache()

    first, again = reader.contents(path), reader.contents(path)
    execute(path, "UPDATE t SET v = 'x' WHERE id = 7")
    changed = reader.contents(path)

    assert again is first
    assert first.digest != changed.digest == read_contents(path).digest


def test_cache_keeps_no_contents_of_a_file_written_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes were others in between, even if they are the same again."""
    os.utime(path, ns=(1, 1))  # so that each write has a later time

    def read_and_write(*arguments: Any, **named: Any) -> Contents:
        contents = read_contents(*arguments, **named)
        path.write_bytes(path.read_bytes())
        return contents

    monkeypatch.setattr(content, "read_contents", read_and_write)
    reader = ContentsCache()
    first = reader.contents(path)
    monkeypatch.undo()
    second = reader.contents(path)

    assert second is not first
    assert reader.contents(path) is second


def test_rows_in_wal_count(path: Path) -> None:
    """A write that is only in the -wal leaves the bytes of the file unchanged."""
    execute(path, "PRAGMA journal_mode=WAL")
    reader = ContentsCache()
    first = reader.contents(path)
    live = path.with_name("live.db")
    shutil.copyfile(path, live)
    with closing(sqlite3.connect(live, isolation_level=None)) as con:
        con.execute("DELETE FROM t WHERE id = 1")
        assert has_wal_frames(live)
        shutil.copyfile(live.with_name("live.db-wal"), path.with_name("a.db-wal"))
        shutil.copyfile(live, path)

    assert has_wal_frames(path)
    assert reader.contents(path).tables["t"].rows == first.tables["t"].rows - 1


def test_copy_of_the_header_alone_is_not_equal(path: Path) -> None:
    """No byte follows that could differ."""
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes()[:100])

    assert digest_pages_of_copy(path, copy) != digest_file(copy)
    assert digest_pages_of_copy(copy, copy) == digest_file(copy)


@pytest.mark.parametrize(("size", "counts"), [(0, False), (1, True)])
def test_empty_wal_adds_nothing(path: Path, size: int, *, counts: bool) -> None:
    """SQLite leaves an empty -wal where it may not remove it."""
    path.with_name("a.db-wal").write_bytes(b"x" * size)

    assert has_wal_frames(path) is counts


@pytest.mark.parametrize("threshold", [0, 16_000_000])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.6, 1.0])
def test_file_digests_show_each_change(
    path: Path, monkeypatch: pytest.MonkeyPatch, threshold: int, share: float
) -> None:
    """The halves may be read by one thread or by two."""
    monkeypatch.setattr(content, "PARALLEL_MIN_BYTES", threshold)
    before = file_digests(path)
    assert file_digests(path) == before

    changed = bytearray(path.read_bytes())
    changed[round(share * (len(changed) - 1))] ^= 1
    path.write_bytes(changed)

    assert file_digests(path) != before


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_file_digests_include_sidecars(path: Path, suffix: str) -> None:
    """A hot journal or a -wal changes the state of the database."""
    before = file_digests(path)

    path.with_name(path.name + suffix).write_bytes(b"x")

    assert file_digests(path) != before


def test_contents_are_read_within_limits(path: Path) -> None:
    """The limits apply to files, cached files and dumps."""
    over = Limits(Deadline(until=-math.inf))
    dump = path.with_name("a.sql")
    dump.write_text("BEGIN;\nCREATE TABLE t(a);\nCOMMIT;\n", "utf-8")
    assert load_contents(dump).tables["t"].rows == 0

    for read in (read_contents, lambda file, limits: ContentsCache(limits).contents(file)):
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            read(path, over)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        load_contents(dump, over)

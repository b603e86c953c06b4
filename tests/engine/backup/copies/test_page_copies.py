"""Specify that the copied pages are those of a locked database, and that it stays locked."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import copies, page_copies
from sqlite_consolidate.engine.backup.copies import copy_database, create_backup_set
from sqlite_consolidate.engine.backup.page_copies import copy_pages, is_copied_by_pages
from sqlite_consolidate.engine.content.contents import digest_pages_of_copy, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.inspection import InspectedDatabase, inspect_database
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DescriptorLock, RecentReaders
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import make_database
from tests.support.processes import connected, run_in_child
from tests.support.workspaces.two_sources import execute

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

pytestmark = pytest.mark.usefixtures("impatient")


def build(path: Path, mode: str) -> Path:
    """Create a database of several parts."""
    make_database(path, mode)
    execute(path, "INSERT INTO t WITH n(i) AS (VALUES(2) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n")
    return path


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_copy_has_all_pages_and_their_digest(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in no WAL mode, private, and without the bytes after the last page."""
    monkeypatch.setattr(page_copies, "_CHUNK", 3000)
    path, copy = build(tmp_path / "a.db", mode), tmp_path / "copy.db"
    contents, pages = read_contents(path), path.stat().st_size
    with path.open("ab") as file:
        file.write(b"after the last page")

    with WriteLock(path) as write_lock:
        digest = copy_pages(write_lock, copy)

    os.truncate(path, pages)
    assert digest == digest_file(copy) == digest_pages_of_copy(path, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert execute(copy, "PRAGMA journal_mode") == [("delete",)]
    assert read_contents(copy).digest == contents.digest


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_database_stays_locked_after_its_copy(tmp_path: Path, mode: str) -> None:
    """Closing the file that was read would release the locks."""
    path = build(tmp_path / "a.db", mode)

    with WriteLock(path) as write_lock:
        copy_pages(write_lock, tmp_path / "copy.db")
        with connected(path, "INSERT INTO t VALUES(0)") as writing:
            assert writing.answer == "database is locked"

    with connected(path, "INSERT INTO t VALUES(0)") as writing:
        assert writing.answer == "ready"


def test_one_of_many_databases_stays_locked_after_its_copy(tmp_path: Path) -> None:
    """The descriptor of the lock is the one that is read."""
    path = build(tmp_path / "a.db", "DELETE")

    with DescriptorLock(path, Limits(), RecentReaders()) as write_lock:
        digest = copy_pages(write_lock, tmp_path / "copy.db")
        with connected(path, "INSERT INTO t VALUES(0)") as writing:
            assert writing.answer == "database is locked"

    assert digest == digest_file(tmp_path / "copy.db")


def test_small_databases_and_wal_rows_are_left_to_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file alone lacks the rows of the -wal."""
    path = build(tmp_path / "a.db", "DELETE")
    with WriteLock(path) as write_lock:
        is_small = not is_copied_by_pages(write_lock)
        monkeypatch.setattr(page_copies, "PARALLEL_MIN_BYTES", 0)
        is_large = is_copied_by_pages(write_lock)
        path.with_name("a.db-wal").write_bytes(b"x")
        has_rows = not is_copied_by_pages(write_lock)

    assert (is_small, is_large, has_rows) == (True, True, True)


def test_another_file_under_the_name_is_not_copied(tmp_path: Path) -> None:
    """The lock is on the first file."""
    path = build(tmp_path / "a.db", "DELETE")
    with WriteLock(path) as write_lock:
        shutil.copyfile(path, tmp_path / "other.db")
        path.rename(tmp_path / "first.db")
        (tmp_path / "other.db").rename(path)

        with pytest.raises(ProblemError) as caught:
            copy_pages(write_lock, tmp_path / "copy.db")

    assert caught.value.ids == ("in-use",)


def test_file_that_becomes_shorter_is_not_copied(tmp_path: Path) -> None:
    """A copy without its last pages is none."""
    path = build(tmp_path / "a.db", "DELETE")
    with WriteLock(path) as write_lock:
        write_lock.reader.execute("BEGIN")
        write_lock.reader.execute("SELECT count(*) FROM t").fetchone()
        os.truncate(path, path.stat().st_size - 1)

        with pytest.raises(sqlite3.DatabaseError, match="shorter"):
            copy_pages(write_lock, tmp_path / "copy.db")


def test_interruption_ends_the_copy(tmp_path: Path) -> None:
    """The error is that of an interrupted statement."""
    path, limits = build(tmp_path / "a.db", "DELETE"), Limits()
    with WriteLock(path, limits) as write_lock:
        limits.interrupted.set()

        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            copy_pages(write_lock, tmp_path / "copy.db")


@pytest.fixture
def inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InspectedDatabase]:
    """Provide a locked database that was read, and whose pages are copied."""
    monkeypatch.setattr(page_copies, "PARALLEL_MIN_BYTES", 0)
    create_backup_set(tmp_path / "backups" / "set")
    build(tmp_path / "a.db", "DELETE")
    with ExitStack() as write_locks:
        database = inspect_database("a", "a.db", tmp_path, write_locks, 60)
        assert isinstance(database, InspectedDatabase)
        yield database


def test_pages_that_changed_since_their_reading_are_refused(tmp_path: Path, inspected: InspectedDatabase) -> None:
    """A process without locks has changed the last row."""
    data = bytearray((tmp_path / "a.db").read_bytes())
    data[data.rindex((5000).to_bytes(2, "big")) + 1] ^= 1
    assert run_in_child(lambda: (tmp_path / "a.db").write_bytes(data)) == 0

    with pytest.raises(ProblemError) as caught:
        copy_database(inspected, tmp_path / "backups" / "set")

    assert caught.value.ids == ("copy-differs",)


def test_copied_pages_are_not_read_again_without_a_change(
    tmp_path: Path, inspected: InspectedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last change of the file is much older than its reading."""
    monkeypatch.delattr(copies, "read_contents")
    database = replace(inspected, read_from=inspected.read_from + 10**10)

    copy = copy_database(database, tmp_path / "backups" / "set")

    assert read_contents(tmp_path / "backups" / "set" / copy.copy).digest == inspected.digest

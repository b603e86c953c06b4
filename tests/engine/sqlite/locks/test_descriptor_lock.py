"""Specify that one descriptor excludes writers like SQLite's own locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DescriptorLock, RecentReaders, lock_one_of_many
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_in, make_database
from tests.support.processes import connected
from tests.support.thorough import thorough

pytestmark = pytest.mark.usefixtures("impatient")
_INSERT = "INSERT INTO t VALUES(2)"


def lock_of(path: Path, readers: int = 1) -> DescriptorLock:
    """Lock a database by one descriptor."""
    return DescriptorLock(path, Limits(), RecentReaders(readers))


def open_descriptors(path: Path) -> int:
    """Return how often this process has a file open."""
    links = Path("/proc/self/fd").iterdir()
    return sum(link.is_symlink() and link.readlink() == path for link in links)


@pytest.mark.parametrize("mode", ["DELETE", *thorough("TRUNCATE", "PERSIST")])
def test_writers_are_kept_out_and_readers_are_not(tmp_path: Path, mode: str) -> None:
    """The lock outlives each connection and descriptor that this process closes."""
    path = make_database(tmp_path / "a.db", mode)
    before = bytes_in(tmp_path)
    write_lock = lock_of(path)

    for _ in range(2):
        with open_readonly(path) as con:
            assert con.execute("SELECT * FROM t").fetchall() == [(1,)]
        con.close()
        path.read_bytes()
    with connected(path, "SELECT * FROM t") as reading, connected(path, _INSERT) as writing:
        assert (reading.answer, writing.answer) == ("ready", "database is locked")
    held = [write_lock.is_held]
    write_lock.release()
    write_lock.release()

    assert [*held, write_lock.is_held] == [True, False]
    assert bytes_in(tmp_path) == before
    with connected(path, _INSERT) as writing:
        assert writing.answer == "ready"


def test_many_locks_have_one_descriptor_each(tmp_path: Path) -> None:
    """Only the connections that were used last stay open. Others are opened again."""
    readers, paths = RecentReaders(2), [make_database(tmp_path / f"{name}.db") for name in "abcd"]
    locks = [DescriptorLock(path, Limits(), readers) for path in paths]

    assert [open_descriptors(path) for path in paths] == [1, 1, 2, 2]
    assert [lock.reader.execute("SELECT * FROM t").fetchall() for lock in locks] == [[(1,)]] * 4
    assert sum(open_descriptors(path) for path in paths) == 6
    for lock in locks:
        lock.release()
    assert sum(open_descriptors(path) for path in paths) == 0


def test_connection_in_use_outlives_its_place(tmp_path: Path) -> None:
    """A cursor goes on while other databases are read."""
    readers, paths = RecentReaders(1), [make_database(tmp_path / f"{name}.db") for name in "ab"]
    first, second = (DescriptorLock(path, Limits(), readers) for path in paths)

    cursor = first.reader.execute("SELECT 1 UNION ALL SELECT 2")
    assert next(cursor) == (1,)
    assert second.reader.execute("SELECT * FROM t").fetchall() == [(1,)]

    assert cursor.fetchall() == [(2,)]
    for lock in (first, second):
        lock.release()


@pytest.mark.parametrize("statement", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_locked_database_is_error_that_names_it(tmp_path: Path, statement: str) -> None:
    """The error comes within the busy time, and nothing stays open."""
    path = make_database(tmp_path / "a.db")

    with connected(path, statement) as other, pytest.raises(ProblemError) as caught:
        lock_of(path)

    assert other.answer == "ready"
    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("in-use", "a.db")]
    assert open_descriptors(path) == 0


def test_exclusive_lock_excludes_readers_and_writers(tmp_path: Path) -> None:
    """This process can still read the database, and write to it."""
    path = make_database(tmp_path / "a.db")
    write_lock = lock_of(path)

    writer = write_lock.acquire_exclusive()

    with connected(path, "SELECT * FROM t") as other:
        assert other.answer == "database is locked"
    assert writer.in_transaction
    writer.execute(_INSERT)
    writer.execute("COMMIT")
    writer.close()
    with write_lock.held_reader() as con:
        assert con.execute("SELECT count(*) FROM t").fetchone() == (2,)
    write_lock.release()
    with connected(path, "SELECT * FROM t") as other:
        assert other.answer == "ready"


def test_exclusive_lock_detects_readers(tmp_path: Path) -> None:
    """The write lock stays, and other processes can begin to read again."""
    path = make_database(tmp_path / "a.db")
    write_lock = lock_of(path)

    with connected(path, "BEGIN", "SELECT * FROM t") as other:
        with pytest.raises(ProblemError, match=r"^a\.db: .*\[in-use\]$"):
            write_lock.acquire_exclusive()
        with connected(path, "SELECT * FROM t") as reading, connected(path, _INSERT) as writing:
            assert (reading.answer, writing.answer) == ("ready", "database is locked")

    assert other.answer == "ready"
    write_lock.acquire_exclusive().close()
    write_lock.release()


def test_replaced_file_is_not_held(tmp_path: Path) -> None:
    """The lock is on the file that had the name."""
    path = make_database(tmp_path / "a.db")
    write_lock = lock_of(path)

    path.rename(tmp_path / "b.db")
    held = [write_lock.is_held]
    make_database(path)

    assert [*held, write_lock.is_held] == [False, False]
    write_lock.release()


@pytest.mark.parametrize(("mode", "kind"), [("DELETE", DescriptorLock), ("WAL", WriteLock)])
def test_wal_database_is_locked_by_sqlite(tmp_path: Path, mode: str, kind: type) -> None:
    """SQLite keeps the write lock of a WAL database in another file."""
    path = make_database(tmp_path / "a.db", mode)

    write_lock = lock_one_of_many(path, Limits(), RecentReaders())

    assert type(write_lock) is kind
    with connected(path, _INSERT) as writing:
        assert writing.answer == "database is locked"
    write_lock.release()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]


def test_system_without_such_locks_uses_those_of_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old kernel and some file systems refuse the request."""
    path = make_database(tmp_path / "a.db")
    monkeypatch.setattr("fcntl.F_OFD_SETLK", -1)

    write_lock = lock_one_of_many(path, Limits(), RecentReaders())

    assert type(write_lock) is WriteLock
    write_lock.release()
    assert open_descriptors(path) == 0


def test_file_that_is_no_database_raises_its_error(tmp_path: Path) -> None:
    """The preflight translates the error, and nothing stays open."""
    path = tmp_path / "a.db"
    path.write_bytes(b"something else " * 99)

    with pytest.raises(Exception, match="not a database"):
        lock_of(path)

    assert open_descriptors(path) == 0

"""Specify that the write lock excludes writers and leaves no file behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_existing, open_for_inspection, open_readonly, pragma
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_in, make_database
from tests.support.processes import connected
from tests.support.thorough import thorough

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


pytestmark = pytest.mark.usefixtures("impatient")


def make_as_after_a_crash(path: Path) -> Path:
    """Create a WAL database with rows in a ``-wal`` but without a ``-shm``."""
    born = make_database(path.with_name("born.db"), "WAL")
    con = open_existing(born)
    con.execute("INSERT INTO t VALUES(2)")
    path.write_bytes(born.read_bytes())
    path.with_name(path.name + "-wal").write_bytes(born.with_name("born.db-wal").read_bytes())
    con.close()
    born.unlink()
    return path


@pytest.mark.parametrize("mode", ["DELETE", "WAL", *thorough("TRUNCATE", "PERSIST")])
def test_writers_are_kept_out_and_readers_are_not(tmp_path: Path, mode: str) -> None:
    """It holds in both journal modes. Other processes can write again after the release."""
    path = make_database(tmp_path / "a.db", mode)
    write_lock = WriteLock(path)

    with connected(path, "SELECT * FROM t") as reading, connected(path, "INSERT INTO t VALUES(2)") as writing:
        assert (reading.answer, writing.answer) == ("ready", "database is locked")
    write_lock.release()

    with connected(path, "INSERT INTO t VALUES(2)") as writing:
        assert writing.answer == "ready"


@pytest.mark.parametrize("mode", ["DELETE", "WAL", "PERSIST"])
def test_inspection_changes_no_byte(tmp_path: Path, mode: str) -> None:
    """Every byte and every file name stays, even of a closed WAL database."""
    path = make_database(tmp_path / "a.db", mode)
    before = bytes_in(tmp_path)

    write_lock = WriteLock(path)
    rows = write_lock.reader.execute("SELECT * FROM t").fetchall()
    write_lock.release()

    assert rows == [(1,)]
    assert bytes_in(tmp_path) == before


@pytest.mark.parametrize("method", ["write-lock", "inspection"])
def test_wal_after_a_crash_is_read_and_kept(tmp_path: Path, method: str) -> None:
    """Rows in a -wal without a -shm count, and the -wal is kept."""
    path = make_as_after_a_crash(tmp_path / "a.db")
    before = bytes_in(tmp_path)

    if method == "write-lock":
        write_lock = WriteLock(path)
        rows = write_lock.reader.execute("SELECT * FROM t").fetchall()
        write_lock.release()
    else:
        with open_for_inspection(path) as con:
            rows = con.execute("SELECT * FROM t").fetchall()

    assert rows == [(1,), (2,)]
    assert sorted(before) == ["a.db", "a.db-wal"]
    assert bytes_in(tmp_path) == before


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("method", ["write-lock", "inspection"])
def test_another_process_keeps_its_files(tmp_path: Path, mode: str, method: str) -> None:
    """An idle connection of another process can write afterwards."""
    path = make_database(tmp_path / "a.db", mode)

    with connected(path, "INSERT INTO t VALUES(2)") as other:
        before = bytes_in(tmp_path)
        if method == "write-lock":
            WriteLock(path).release()
        else:
            with open_for_inspection(path) as con:
                assert con.execute("SELECT count(*) FROM t").fetchone() == (2,)
        after = bytes_in(tmp_path)

    assert other.answer == "ready"
    assert after == before
    assert ("a.db-wal" in after) == (mode == "WAL")


def test_sidecars_in_use_by_another_process_are_kept(tmp_path: Path) -> None:
    """Another process may open the database and use the sidecars that this process created."""
    path = make_database(tmp_path / "a.db", "WAL")
    inspection = open_for_inspection(path)
    inspection.__enter__().execute("SELECT * FROM t").fetchall()

    with connected(path, "SELECT * FROM t") as other:
        inspection.__exit__(None, None, None)
        names = sorted(entry.name for entry in tmp_path.iterdir())

    assert other.answer == "ready"
    assert names == ["a.db", "a.db-shm", "a.db-wal"]


def test_inspection_connection_cannot_write(tmp_path: Path) -> None:
    """The lent connection is read-only."""
    with open_for_inspection(make_database(tmp_path / "a.db")) as con:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            con.execute("DELETE FROM t")


def test_error_during_inspection_leaves_no_sidecars(tmp_path: Path) -> None:
    """The error is raised after the sidecars are removed."""
    path = make_database(tmp_path / "a.db", "WAL")

    with pytest.raises(sqlite3.OperationalError, match="no such table"), open_for_inspection(path) as con:
        con.execute("SELECT * FROM missing")

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize(
    ("mode", "sql"),
    [
        ("DELETE", ["BEGIN EXCLUSIVE"]),
        ("WAL", ["PRAGMA locking_mode=EXCLUSIVE", "INSERT INTO t VALUES(9)"]),
        *thorough(("DELETE", ["BEGIN IMMEDIATE"]), ("WAL", ["BEGIN IMMEDIATE"])),
    ],
)
def test_locked_database_is_error_that_names_it(tmp_path: Path, mode: str, sql: list[str]) -> None:
    """The error comes within the busy time, and no file of the other process changes."""
    path = make_database(tmp_path / "a.db", mode)

    with connected(path, *sql) as other:
        before = sorted(entry.name for entry in tmp_path.iterdir())
        with pytest.raises(ProblemError) as caught:
            WriteLock(path)
        after = sorted(entry.name for entry in tmp_path.iterdir())

    assert other.answer == "ready"
    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("in-use", "a.db")]
    assert caught.value.problems[0].hint
    assert after == before


def test_file_that_is_no_database_raises_database_error(tmp_path: Path) -> None:
    """The survey translates the error."""
    (tmp_path / "a.db").write_bytes(b"something else " * 99)

    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        WriteLock(tmp_path / "a.db")

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_exclusive_lock_excludes_readers_and_writers(tmp_path: Path, mode: str) -> None:
    """The database is one file, has all its rows, and can be written."""
    path = make_database(tmp_path / "a.db", mode)
    write_lock = WriteLock(path)

    writer = write_lock.acquire_exclusive()

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]
    assert pragma(writer, "journal_mode") == "delete"
    with connected(path, "SELECT * FROM t") as other:
        assert other.answer == "database is locked"
    writer.execute("INSERT INTO t VALUES(2)")
    writer.execute("COMMIT")
    write_lock.release()
    with connected(path, "SELECT * FROM t") as other:
        assert other.answer == "ready"


def test_exclusive_lock_keeps_rows_of_crashed_wal(tmp_path: Path) -> None:
    """SQLite writes them into the database before it deletes the -wal."""
    path = make_as_after_a_crash(tmp_path / "a.db")
    write_lock = WriteLock(path)

    write_lock.acquire_exclusive()
    write_lock.release()

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]
    con = open_readonly(path)
    assert con.execute("SELECT v FROM t").fetchall() == [(1,), (2,)]
    con.close()


@pytest.mark.parametrize(
    ("mode", "sql"),
    [
        ("WAL", ["SELECT * FROM t"]),
        ("WAL", ["BEGIN", "SELECT * FROM t"]),
        ("DELETE", ["BEGIN", "SELECT * FROM t"]),
    ],
)
def test_exclusive_lock_detects_open_connections(tmp_path: Path, mode: str, sql: list[str]) -> None:
    """It detects an idle connection in WAL mode and a reader inside a transaction."""
    path = make_database(tmp_path / "a.db", mode)
    write_lock = WriteLock(path)

    with connected(path, *sql) as other:
        with pytest.raises(ProblemError, match=r"^a\.db: .*\[in-use\]$"):
            write_lock.acquire_exclusive()
        write_lock.release()

    assert other.answer == "ready"
    con = open_readonly(path)
    assert con.execute("SELECT v FROM t").fetchall() == [(1,)]
    con.close()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_write_before_the_exclusive_lock_is_detected(tmp_path: Path, mode: str) -> None:
    """Another process may write between the two locks."""
    path = make_database(tmp_path / "a.db", mode)
    write_lock = WriteLock(path)
    answers = []

    def write_in_the_gap(statement: str) -> None:
        if statement == "BEGIN EXCLUSIVE":
            with connected(path, "INSERT INTO t VALUES(2)") as other:
                answers.append(other.answer)

    write_lock.writer.set_trace_callback(write_in_the_gap)

    with pytest.raises(ProblemError, match=r"^a\.db: .*\[late-write\]$"):
        write_lock.acquire_exclusive()

    write_lock.release()
    assert answers == ["ready"]
    con = open_readonly(path)
    assert con.execute("SELECT v FROM t").fetchall() == [(1,), (2,)]
    con.close()


def test_release_can_be_called_again(tmp_path: Path) -> None:
    """A caller need not know how far the work went."""
    write_lock = WriteLock(make_database(tmp_path / "a.db", "WAL"))

    write_lock.release()
    write_lock.release()

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.db"]


def test_release_rolls_back_an_open_transaction(tmp_path: Path) -> None:
    """Changes without COMMIT are lost."""
    path = make_database(tmp_path / "a.db")
    write_lock = WriteLock(path)
    write_lock.acquire_exclusive().execute("DELETE FROM t")

    write_lock.release()

    con = open_readonly(path)
    assert con.execute("SELECT count(*) FROM t").fetchone() == (1,)
    con.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """It has a hint. The file can still be inspected."""
    path = make_database(tmp_path / "a.db", "WAL")
    path.chmod(0o400)

    with open_for_inspection(path) as con:
        assert con.execute("SELECT v FROM t").fetchall() == [(1,)]
    with pytest.raises(ProblemError, match=r"^a\.db: .*\[read-only\]$"):
        WriteLock(path)

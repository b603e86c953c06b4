"""Test that a snapshot has every row and the workspace keeps every byte."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import snapshot as snapshots
from sqlite_consolidate.engine.backup.snapshot import snapshot
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_in, make_database
from tests.support.processes import connected, die_in_a_transaction, other_process

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Provide a folder for the live database."""
    (tmp_path / "live").mkdir()
    return tmp_path / "live" / "a.db"


def rows(copy: Path) -> list[object]:
    """Return the copied rows."""
    con = open_existing(copy)
    assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    values = [value for (value,) in con.execute("SELECT v FROM t ORDER BY rowid")]
    con.close()
    return values


@pytest.mark.parametrize("mode", ["DELETE", "WAL", "PERSIST", "TRUNCATE"])
def test_closed_database_is_copied_in_every_journal_mode(live: Path, tmp_path: Path, mode: str) -> None:
    """The live folder gets no new file."""
    make_database(live, mode, *range(20))
    before = bytes_in(live.parent)

    snapshot(live, tmp_path / "copy.db")

    assert rows(tmp_path / "copy.db") == list(range(20))
    assert bytes_in(live.parent) == before


def test_rows_in_wal_of_a_crash_are_copied(live: Path, tmp_path: Path) -> None:
    """The live -wal stays."""
    make_database(tmp_path / "born.db", "WAL", *range(20))
    con = open_existing(tmp_path / "born.db")
    con.execute("INSERT INTO t VALUES('late')")
    shutil.copyfile(tmp_path / "born.db", live)
    shutil.copyfile(tmp_path / "born.db-wal", live.with_name("a.db-wal"))
    con.close()
    before = bytes_in(live.parent)

    snapshot(live, tmp_path / "copy.db")

    assert rows(tmp_path / "copy.db")[-1] == "late"
    assert sorted(before) == ["a.db", "a.db-wal"]
    assert bytes_in(live.parent) == before


def test_wal_beside_database_in_rollback_mode_is_copied(live: Path, tmp_path: Path) -> None:
    """A restored backup may have the -wal of the lost database beside it.

    SQLite would read that -wal and create a -shm.
    """
    make_database(tmp_path / "born.db", "WAL", *range(20))
    con = open_existing(tmp_path / "born.db")
    con.execute("INSERT INTO t VALUES('late')")
    shutil.copyfile(tmp_path / "born.db-wal", live.with_name("a.db-wal"))
    con.close()
    make_database(tmp_path / "restored.db", "DELETE", *range(20))
    shutil.copyfile(tmp_path / "restored.db", live)
    before = bytes_in(live.parent)

    snapshot(live, tmp_path / "copy.db")

    assert bytes_in(live.parent) == before
    assert (tmp_path / "copy.db-wal").read_bytes() == before["a.db-wal"]


def test_hot_journal_is_copied_and_not_rolled_back(live: Path, tmp_path: Path) -> None:
    """The rehearsal sees the state after the crash, and the live database is unchanged."""
    make_database(live, "DELETE", *range(20))
    die_in_a_transaction(live)
    before = bytes_in(live.parent)

    snapshot(live, tmp_path / "copy.db")

    assert bytes_in(live.parent) == before
    assert sorted(before) == ["a.db", "a.db-journal"]
    assert rows(tmp_path / "copy.db") == list(range(20))


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_database_in_use_is_copied_as_committed(live: Path, tmp_path: Path, mode: str) -> None:
    """Another process has an open transaction."""
    make_database(live, mode, *range(20))

    with other_process(live, "INSERT INTO t VALUES('committed')", "BEGIN IMMEDIATE", "INSERT INTO t VALUES('not yet')"):
        before = bytes_in(live.parent)
        snapshot(live, tmp_path / "copy.db")
        after = bytes_in(live.parent)

    assert rows(tmp_path / "copy.db") == [*range(20), "committed"]
    assert after == before


@pytest.mark.parametrize(
    ("mode", "sql"),
    [
        ("DELETE", ["BEGIN EXCLUSIVE"]),
        ("DELETE", ["BEGIN EXCLUSIVE", "PRAGMA cache_size=1", "UPDATE t SET v = zeroblob(3000)"]),
        ("WAL", ["PRAGMA locking_mode=EXCLUSIVE", "INSERT INTO t VALUES(9)"]),
    ],
)
def test_exclusive_lock_is_a_problem_of_the_file(live: Path, tmp_path: Path, mode: str, sql: list[str]) -> None:
    """The live folder is unchanged."""
    make_database(live, mode, *range(20))

    with other_process(live, *sql):
        before = bytes_in(live.parent)
        with pytest.raises(ProblemError, match=r"^a\.db: .*\[in-use\]$"):
            snapshot(live, tmp_path / "copy.db")
        after = bytes_in(live.parent)

    assert after == before


def test_database_is_locked_while_its_file_is_copied(
    live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may begin a transaction, and cannot commit it."""
    make_database(live, "DELETE", *range(20))
    before, answers, clone = live.read_bytes(), [], snapshots.clone_file

    def clone_meanwhile(source: int, destination: int) -> bool:
        with connected(live, "BEGIN", "INSERT INTO t VALUES('late')", "COMMIT") as other:
            answers.append(other.answer)
        return clone(source, destination)

    monkeypatch.setattr(snapshots, "clone_file", clone_meanwhile)
    snapshot(live, tmp_path / "copy.db")

    assert answers == ["database is locked"]
    assert (tmp_path / "copy.db").read_bytes() == before


def test_database_is_copied_where_the_system_copies_no_file(
    live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite copies the pages."""
    make_database(live, "DELETE", *range(20))
    monkeypatch.delattr(os, "copy_file_range")

    snapshot(live, tmp_path / "copy.db")

    assert rows(tmp_path / "copy.db") == list(range(20))


def test_file_that_is_no_database_is_copied(live: Path, tmp_path: Path) -> None:
    """The preflight of the rehearsal reports it."""
    live.write_bytes(b"no database")

    snapshot(live, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_bytes() == b"no database"


def test_damaged_database_is_copied_with_its_damage(live: Path, tmp_path: Path) -> None:
    """Only the counters of the header may differ."""
    make_database(live, "DELETE", *range(20))
    data = bytearray(live.read_bytes())
    data[100:200] = b"\xff" * 100
    live.write_bytes(data)

    snapshot(live, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_bytes()[100:] == bytes(data)[100:]
    assert bytes_in(live.parent) == {"a.db": bytes(data)}


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o444])
def test_copy_has_the_mode_of_the_original(live: Path, tmp_path: Path, mode: int) -> None:
    """The operator can always write to the copy."""
    make_database(live, "DELETE", *range(20))
    live.chmod(mode)

    snapshot(live, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == mode | 0o600

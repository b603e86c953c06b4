"""Test that a restore keeps the target's old contents unless they are known."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import copy_contents
from sqlite_consolidate.engine.backup.rollback import restore, target_state
from sqlite_consolidate.engine.backup.rollback.restore import (
    DatabaseState,
    remove_stale_journal,
    restore_in_place,
    restore_wal_mode,
    write_version,
)
from sqlite_consolidate.engine.backup.rollback.target_state import read_target_state
from sqlite_consolidate.engine.content import contents
from sqlite_consolidate.engine.content.contents import read_contents, read_contents_alone
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.problem import ProblemError
from tests.support.pages.program import need_page_reader, use_pages_for_every_size

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.content.contents import Contents


@dataclass(frozen=True)
class Place:
    """Hold a target that has changed since its backup was made, and the backup set."""

    target: Path
    backup: Path
    folder: Path

    def known(self) -> DatabaseState:
        """Return the state of the target."""
        now = read_target_state(self.target, "none")
        return DatabaseState(now.digest, now.files)

    def kept(self, known: DatabaseState | None) -> list[str]:
        """Restore the target and return the names of the kept copies."""
        restore_in_place(self.target, self.backup, self.folder, known=known)
        return sorted(path.name for path in (self.folder / "databases").iterdir())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Provide a small target that is treated as a large one."""
    monkeypatch.setattr(target_state, "PARALLEL_MIN_BYTES", 0)
    monkeypatch.setattr(copy_contents, "is_settled", lambda _changed, _now: True)
    (tmp_path / "set" / "databases").mkdir(parents=True)
    for name, rows in (("target.db", 2), ("backup.db", 1)):
        with closing(open_new(tmp_path / name)) as con:
            con.execute("CREATE TABLE t(v)")
            con.executemany("INSERT INTO t VALUES(?)", [(number,) for number in range(rows)])
    os.utime(tmp_path / "target.db", (0, 0))  # so that each later change has another time
    return Place(tmp_path / "target.db", tmp_path / "backup.db", tmp_path / "set")


def test_unchanged_target_is_not_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system reports no change since the target was read."""
    known = place.known()
    readings: list[Path] = []

    def note_and_read(path: Path, con: sqlite3.Connection) -> Contents:
        readings.append(path)
        return read_contents_alone(path, con)

    monkeypatch.setattr(restore, "read_contents_alone", note_and_read)

    assert known.files
    assert place.kept(known) == []
    assert readings == [place.target]  # after it was restored


def test_target_that_was_just_written_is_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change could have the same time."""
    monkeypatch.setattr(copy_contents, "is_settled", lambda _changed, _now: False)

    assert place.known().files == ()
    assert place.kept(place.known()) == []


def test_known_contents_with_other_bytes_are_not_kept(place: Place) -> None:
    """The file was written, and has the same rows."""
    known = place.known()
    with closing(open_existing(place.target)) as con:
        con.execute("PRAGMA user_version=0")
        con.execute("CREATE TABLE more(v)")
        con.execute("DROP TABLE more")

    assert place.known().files != known.files
    assert place.kept(known) == []


def test_restored_target_is_read_by_pages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page reader needs no lock, and the restoring connection holds the exclusive one."""
    need_page_reader(monkeypatch)
    expected, known = read_contents(place.backup).digest, place.known()
    use_pages_for_every_size(monkeypatch)
    monkeypatch.delattr(contents, "digest_tables")

    digest, _ = restore_in_place(place.target, place.backup, place.folder, known=known)

    assert digest == expected


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_row_written_before_the_lock_is_kept(place: Place, journal: str) -> None:
    """Another process writes after the target was read and before it is locked."""
    known = place.known()
    with closing(open_existing(place.target)) as con:
        con.execute(f"PRAGMA journal_mode={journal}")
        con.execute("INSERT INTO t VALUES('late')")

    assert place.kept(known) == ["target-before-rollback.db"]


def test_unknown_contents_are_kept(place: Place) -> None:
    """There is no digest to compare with."""
    assert place.kept(None) == ["target-before-rollback.db"]


@pytest.fixture(params=["file and -wal", "-wal"])
def half_left(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Provide a database whose ``-wal`` could not be deleted when it left WAL mode.

    SQLite then writes the header of rollback mode into the ``-wal``, and copies it into the file later.
    """
    path = tmp_path / "half.db"
    with closing(open_new(path)) as con:
        con.execute("CREATE TABLE t(v)")
    wal = path.with_name("half.db-wal")
    with closing(open_existing(path)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("INSERT INTO t VALUES('kept')")
        frames = wal.read_bytes()
        con.execute("PRAGMA journal_mode=DELETE")
    wal.write_bytes(frames)
    with closing(open_existing(path)) as con:
        con.execute("PRAGMA user_version=7")  # the first page, with the header of rollback mode
        frames = wal.read_bytes()
    if request.param == "-wal":
        with path.open("r+b") as file:
            file.seek(18)
            file.write(b"\2\2")
    wal.write_bytes(frames)
    return path


def test_wal_mode_is_restored_when_it_was_half_left(half_left: Path) -> None:
    """SQLite reads each database beside a ``-wal`` in WAL mode."""
    assert write_version(half_left) == 1

    restore_wal_mode(half_left)

    assert half_left.read_bytes()[18:20] == b"\2\2"
    assert not half_left.with_name("half.db-wal").exists()
    with closing(open_existing(half_left)) as con:
        assert con.execute("SELECT v, user_version FROM t, pragma_user_version").fetchall() == [("kept", 7)]


def test_half_left_wal_mode_is_reported_when_shared(half_left: Path) -> None:
    """SQLite changes the mode for the only connection."""
    with closing(open_existing(half_left)) as other:
        assert other.execute("SELECT v FROM t").fetchall() == [("kept",)]

        with pytest.raises(ProblemError) as refused:
            restore_wal_mode(half_left)

    assert [problem.id for problem in refused.value.problems] == ["in-use"]


def test_wal_mode_is_reported_when_it_stays_left(half_left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk still deletes nothing."""
    monkeypatch.setattr(restore, "leave_wal_mode", lambda _con, _path: "wal")

    with pytest.raises(ProblemError) as refused:
        restore_wal_mode(half_left)

    assert [problem.id for problem in refused.value.problems] == ["not-restored"]


@pytest.mark.parametrize(("mode", "version"), [("delete", 1), ("wal", 2)])
def test_database_keeps_its_mode_without_a_stale_journal(tmp_path: Path, mode: str, version: int) -> None:
    """The exclusive lock needs a database in rollback mode."""
    with closing(open_new(tmp_path / "target.db")) as con:
        con.execute("CREATE TABLE t(x)")
        con.execute(f"PRAGMA journal_mode={mode}").fetchone()
    (tmp_path / "target.db-journal").write_bytes(b"")

    remove_stale_journal(tmp_path / "target.db")

    assert not (tmp_path / "target.db-journal").exists()
    assert write_version(tmp_path / "target.db") == version

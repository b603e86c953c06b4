"""Test when recorded contents are reused, and that all others are read within the limits."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import copy_contents
from sqlite_consolidate.engine.backup.copies import copy_database, create_backup_set, dump_database
from sqlite_consolidate.engine.backup.copy_contents import (
    KeptReadings,
    contents_of_copy,
    contents_of_dump,
    is_settled,
    read_contents_using_backup,
)
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.content.contents import digest_or_reason, load_contents, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES, DumpLoads
from sqlite_consolidate.engine.sqlite.limits import Deadline, Limits
from tests.support.workspaces.two_sources import build_two_sources, execute, plan_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.content.contents import Contents
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
else:
    from sqlite_utils.utils import sqlite3

RECORDED = "f" * 64


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[InspectedDatabase]:
    """Provide the locked source notes with line ends and a text that is not UTF-8."""
    root = build_two_sources(tmp_path / "workspace")
    execute(
        root / "logs/notes.db", "INSERT INTO notes VALUES('f', 'a' || char(13, 10) || 'b'), ('g', CAST(x'ff' AS TEXT))"
    )
    with ExitStack() as write_locks:
        yield inspect_databases(plan_of(root), root, write_locks).sources["notes"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide an empty backup set."""
    create_backup_set(tmp_path / "backups" / "set")
    return tmp_path / "backups" / "set"


@pytest.fixture
def copy(notes: InspectedDatabase, folder: Path) -> DatabaseCopy:
    """Copy and dump the notes.

    The recorded digest is changed, so that a test can see where an answer comes from.
    """
    made = dump_database(copy_database(notes, folder), folder)
    assert made.digest == notes.digest
    return replace(made, digest=RECORDED)


@pytest.fixture
def archive(copy: DatabaseCopy, folder: Path) -> Path:
    """Provide a database with the pages of the copy."""
    shutil.copyfile(folder / copy.copy, folder / "archive.db")
    return folder / "archive.db"


def test_unchanged_copy_is_not_read_again(copy: DatabaseCopy, folder: Path, notes: InspectedDatabase) -> None:
    """The manifest has its contents, table by table."""
    contents = contents_of_copy(copy, folder)

    assert (contents.digest, contents.tables) == (RECORDED, notes.digests)


def test_copy_with_other_bytes_is_read(copy: DatabaseCopy, folder: Path) -> None:
    """A missing copy is an error."""
    execute(folder / copy.copy, "DELETE FROM notes")

    assert contents_of_copy(copy, folder) == read_contents(folder / copy.copy)

    (folder / copy.copy).unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        contents_of_copy(copy, folder)


def test_archive_with_equal_pages_has_recorded_contents(
    copy: DatabaseCopy, folder: Path, archive: Path, notes: InspectedDatabase
) -> None:
    """Equal pages hold equal rows."""
    contents = read_contents_using_backup(archive, replace(copy, digest=notes.digest), folder)

    assert (contents.digest, contents.tables) == (notes.digest, notes.digests)


def test_archive_is_compared_with_digest_of_backup_alone(
    copy: DatabaseCopy, folder: Path, archive: Path, notes: InspectedDatabase
) -> None:
    """A page of the backup that was damaged since says nothing about the archive."""
    (folder / copy.copy).write_bytes((folder / copy.copy).read_bytes()[:-1] + b"\1")

    assert read_contents_using_backup(archive, replace(copy, digest=notes.digest), folder).digest == notes.digest


@pytest.mark.parametrize("change", ["a row", "a row in the -wal", "the header", "both", "the copy is gone"])
def test_archive_that_differs_from_backup_is_read(copy: DatabaseCopy, folder: Path, archive: Path, change: str) -> None:
    """The difference may be in the archive, in its -wal or in the header of the backup."""
    if change == "a row":
        execute(archive, "DELETE FROM notes")
    elif change == "a row in the -wal":
        wal = written_in_the_wal(archive)
        assert wal.stat().st_size
    elif change == "both":
        execute(folder / copy.copy, "DELETE FROM notes")
        shutil.copyfile(folder / copy.copy, archive)
    elif change == "the header":
        data = bytearray((folder / copy.copy).read_bytes())
        data[60] ^= 1
        (folder / copy.copy).write_bytes(data)
    else:
        (folder / copy.copy).unlink()

    contents = read_contents_using_backup(archive, copy, folder)

    assert contents == read_contents(archive)
    assert contents.digest != RECORDED


def written_in_the_wal(path: Path) -> Path:
    """Write a row only to the -wal, as a killed process would leave it.

    The file itself keeps its bytes.
    """
    before = path.read_bytes()
    other = path.with_name("other.db")
    shutil.copyfile(path, other)
    with sqlite3.connect(other, isolation_level=None) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.execute("DELETE FROM notes")
        shutil.copyfile(f"{other}-wal", f"{path}-wal")
    con.close()
    assert path.read_bytes() == before
    return path.with_name(f"{path.name}-wal")


def test_archive_that_sqlite_refuses_is_an_error(copy: DatabaseCopy, folder: Path, archive: Path) -> None:
    """Its header demands a later version of SQLite, or the file is missing."""
    data = bytearray(archive.read_bytes())
    data[18:20] = 9, 9
    archive.write_bytes(data)

    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        read_contents_using_backup(archive, copy, folder)

    archive.unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        read_contents_using_backup(archive, copy, folder)


class Loaded(DumpLoads):
    """Answer as a process that has loaded each dump."""

    def __init__(self, digest: str) -> None:
        super().__init__(Limits())
        self._digest = digest

    def digest(self, _dump: Path) -> str:
        """Return what the process has found."""
        return self._digest


def test_unchanged_dump_is_not_loaded_again(copy: DatabaseCopy, folder: Path, notes: InspectedDatabase) -> None:
    """Another process has loaded it, and found what the copy has."""
    contents = contents_of_dump(copy, folder, loads=Loaded(RECORDED))

    assert (contents.digest, contents.tables) == (RECORDED, notes.digests)


def test_dump_that_changes_during_its_load_is_loaded_again(
    copy: DatabaseCopy, folder: Path, notes: InspectedDatabase
) -> None:
    """The other process has read the bytes of before."""
    dump = folder / copy.dump

    class Changing(Loaded):
        def digest(self, dump_path: Path) -> str:
            dump.write_bytes(dump.read_bytes().replace(b"'first'", b"'furst'"))
            return super().digest(dump_path)

    contents = contents_of_dump(replace(copy, digest=notes.digest), folder, loads=Changing(notes.digest))

    assert contents.digest == load_contents(dump).digest != notes.digest


@pytest.mark.parametrize("other", ["", "0" * 64, "the same"])
def test_dump_is_loaded_when_other_process_proves_nothing(
    copy: DatabaseCopy, folder: Path, notes: InspectedDatabase, other: str
) -> None:
    """The other process has loaded nothing, something else, or other bytes than the file has."""
    dump, original = folder / copy.dump, replace(copy, digest=notes.digest)
    dump.write_bytes(dump.read_bytes().replace(b"'first'", b"'furst'"))
    as_recorded = original if other == "the same" else replace(original, dump_sha256=digest_file(dump))
    loads = Loaded(notes.digest if other == "the same" else other)

    contents = contents_of_dump(as_recorded, folder, loads=loads)

    assert contents.digest == load_contents(dump).digest != notes.digest


def test_digest_or_reason_uses_the_given_reader(archive: Path, copy: DatabaseCopy, folder: Path) -> None:
    """Without a reader it digests the contents of the file."""
    assert digest_or_reason(archive) == read_contents(archive).digest
    assert digest_or_reason(archive, lambda _: contents_of_copy(copy, folder)) == RECORDED
    assert digest_or_reason(archive.with_name("dangling.db")) == "no such file"


def test_copies_are_read_within_the_limits(
    copy: DatabaseCopy, folder: Path, archive: Path, notes: InspectedDatabase
) -> None:
    """The deadline also ends the comparison of pages."""
    over = Limits(Deadline(until=-math.inf))
    unchanged = replace(copy, digest=notes.digest)
    changed = replace(copy, sha256="0" * 64, dump_sha256="0" * 64)

    for read, of_set in ((contents_of_copy, changed), (contents_of_dump, changed)):
        assert read(of_set, folder).digest == notes.digest
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            read(of_set, folder, over)
    for of_set in (unchanged, changed):
        assert read_contents_using_backup(archive, of_set, folder).digest == notes.digest
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            read_contents_using_backup(archive, of_set, folder, over)


def test_new_copy_is_compared_within_the_limits(notes: InspectedDatabase, folder: Path) -> None:
    """An interrupted comparison publishes no copy."""
    notes.write_lock.limits.deadline.until = -math.inf

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        copy_database(notes, folder)

    assert not (folder / "databases/notes.db").exists()


def test_copy_of_another_dump_is_read_within_limits(
    copy: DatabaseCopy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the reload has another digest, the digest of a complete dump is read from the copy."""
    limits = Limits()

    def load_at_last(dump: Path, limits: Limits) -> Contents:
        loaded = load_contents(dump, limits)
        limits.deadline.until = -math.inf
        return loaded

    monkeypatch.setattr(copy_contents, "load_contents", load_at_last)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        contents_of_dump(copy, folder, limits)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Provide a file of more than a megabyte."""
    (tmp_path / "large").write_bytes(bytes(1_000_001))
    return tmp_path / "large"


def read_twice(path: Path) -> list[Path]:
    """Read a file twice, and return the readings of the file system."""
    readings: list[Path] = []
    kept = KeptReadings[None]()
    kept.read(path, readings.append)
    kept.read(path, readings.append)
    return readings


def test_large_file_is_read_once_while_it_is_unchanged(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file is always read."""
    monkeypatch.setattr(copy_contents, "is_settled", lambda _changed, _now: True)
    small = large.with_name("small")
    small.write_bytes(bytes(1_000_000))

    assert (read_twice(large), read_twice(small)) == ([large], [small, small])


@pytest.mark.parametrize(
    ("changed", "elapsed", "expected"),
    [
        (7_000_000_001, 20_000_000, False),
        (7_000_000_001, 20_000_001, True),
        (7_000_000_000, 20_000_001, False),
        (7_000_000_000, 2_500_000_001, True),
    ],
    ids=["in a tick", "after it", "in a coarse tick", "after a coarse tick"],
)
def test_change_is_settled_after_the_longest_tick(changed: int, elapsed: int, expected: bool) -> None:
    """A time in whole milliseconds may be one in whole seconds."""
    assert is_settled(changed, changed + elapsed) == expected


def test_file_is_read_again_after_a_new_change(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change in the same tick of the clock would have the same time."""
    monkeypatch.setattr(copy_contents, "is_settled", lambda _changed, _now: False)

    assert read_twice(large) == [large, large]


def test_very_large_file_is_read_once_when_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read it again would take longer than to wait for the next tick of the clock."""
    monkeypatch.setattr(copy_contents, "_LONGEST_COARSE_TICK_NS", 20_000_000)
    path = tmp_path / "very large"
    path.write_bytes(bytes(PARALLEL_MIN_BYTES))

    assert read_twice(path) == [path]


def test_changed_file_is_read_again_despite_its_times(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may give it the time of modification that it had."""
    monkeypatch.setattr(copy_contents, "is_settled", lambda _changed, _now: True)
    kept, before = KeptReadings[bytes](), large.stat()
    first = kept.read(large, lambda path: path.read_bytes())
    while large.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of files has ticks
        large.write_bytes(bytes(1_000_000) + b"x")
        os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert kept.read(large, lambda path: path.read_bytes()) != first


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_file_is_read_again_with_a_new_sidecar(large: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """A late write may be in a file beside the database alone."""
    monkeypatch.setattr(copy_contents, "is_settled", lambda _changed, _now: True)
    readings: list[Path] = []
    kept = KeptReadings[None]()
    kept.read(large, readings.append)
    large.with_name(large.name + suffix).write_bytes(b"rows")
    kept.read(large, readings.append)

    assert readings == [large, large]


def test_missing_file_is_left_to_its_reader(tmp_path: Path) -> None:
    """The error is that of the reader."""
    with pytest.raises(FileNotFoundError):
        KeptReadings[bytes]().read(tmp_path / "none", lambda path: path.read_bytes())

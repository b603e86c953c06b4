"""Return the contents of copies and dumps in a backup set.

The recorded contents are returned if the bytes are unchanged. Otherwise every row is read.
"""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlite_consolidate.engine.content.contents import (
    Contents,
    digest_pages_of_copy,
    has_wal_frames,
    load_contents,
    read_contents,
)
from sqlite_consolidate.engine.content.digest import digest_database, digest_file
from sqlite_consolidate.engine.content.dump import dumped_digest, load_dump
from sqlite_consolidate.engine.content.table_differences import compare_databases_or_raise, differences_or_note
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, open_new, open_readonly
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.sqlite.sidecars import file_states

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.content.worker import DumpLoads
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.sidecars import FileStates
    from sqlite_consolidate.row_differences import RowDifferences
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_T = TypeVar("_T")
SMALL = 1_000_000  # bytes up to which a file is always read
_LONGEST_TICK_NS = 20_000_000
"""Nanoseconds that are longer than the ticks in which the kernel counts the times of files."""
_LONGEST_COARSE_TICK_NS = 2_500_000_000
"""The same for file systems that count seconds, as ext3 and HFS+ do, or two seconds, as FAT does."""


class KeptReadings(Generic[_T]):
    """Keep what was read of a large database until the file system reports a change.

    The status of a file has the time of its last change, which the kernel sets at each write and which no process can
    set. The kernel counts that time in ticks. So a reading is kept only if it has begun ticks after the last change.
    Each later change then has another time. A process that has mapped a page of the file can change it once more
    without that, until the kernel writes the page out. SQLite does not write databases through a map.

    To wait for those ticks takes less time than to read a database of some megabytes again.
    """

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[FileStates, _T]] = {}

    def read(self, path: Path, reader: Callable[[Path], _T]) -> _T:
        """Return what a reader reads of a database, or what was read of the same bytes before.

        Args:
            path: The database, or its copy.
            reader: Reads it. What it raises is raised.
        """
        states = file_states(path)
        if path in self._kept and self._kept[path][0] == states:
            return self._kept[path][1]
        size = sum(each for _, _, each, _, _ in states)
        if size >= PARALLEL_MIN_BYTES:
            _wait_for_tick(states)
        is_kept = are_settled(states)
        value = reader(path)
        if is_kept and size > SMALL:
            self._kept[path] = states, value
        return value


def are_settled(states: FileStates) -> bool:
    """Return whether each later change of the files gets another time than their last one."""
    now = time.time_ns()
    return all(is_settled(changed, now) for *_, changed in states)


def is_settled(changed: int, now: int) -> bool:
    """Return whether a later change of a file gets another time than its last one.

    Args:
        changed: Nanoseconds of the last change of its status.
        now: Nanoseconds of this moment.
    """
    is_coarse = changed % 1_000_000 == 0
    return now - changed > (_LONGEST_COARSE_TICK_NS if is_coarse else _LONGEST_TICK_NS)


def _wait_for_tick(states: FileStates) -> None:
    """Wait until the longest tick has passed since the last change of some files.

    A tick of whole seconds is too long to wait for.
    """
    elapsed = time.time_ns() - max(changed for *_, changed in states)
    if 0 <= elapsed <= _LONGEST_TICK_NS:
        time.sleep((_LONGEST_TICK_NS - elapsed + 1_000) / 1e9)


def contents_of_copy(
    copy: DatabaseCopy, folder: Path, limits: Limits | None = None, digests: KeptReadings[str] | None = None
) -> Contents:
    """Return the contents of a copy in a backup set.

    The recorded contents are returned if the copy has the recorded bytes.

    Args:
        copy: The manifest's entry of the copy.
        folder: The backup set.
        limits: Limits of reading.
        digests: Digests of copies that were read before.

    Raises:
        sqlite3.Error: The copy is missing or is not a database any more.
    """
    path = folder / copy.copy
    digests = digests or KeptReadings()
    is_unchanged = path.is_file() and digests.read(path, digest_file) == copy.sha256
    return Contents(copy.digest, copy.tables) if is_unchanged else read_contents(path, limits)


def contents_of_dump(
    copy: DatabaseCopy,
    folder: Path,
    limits: Limits | None = None,
    loads: DumpLoads | None = None,
    digests: KeptReadings[str] | None = None,
) -> Contents:
    """Return the contents of an empty database after loading a dump.

    They are those of the copy if the dump lacks nothing but the objects for which SQLite lacks something. The dump is
    loaded by this process unless it has the recorded bytes, and another process has loaded what the copy has.

    Args:
        copy: The manifest's entry of the copy.
        folder: The backup set.
        limits: Limits of reading.
        loads: The process that has loaded large dumps.
        digests: Keeps the digest of a large dump.

    Raises:
        sqlite3.Error: SQLite cannot load the dump.
        ProblemError: The other process was ended (``reader-ended``), or did not finish in time (``reader-late``).
    """
    path = folder / copy.dump
    loaded = loads.digest(path) if loads else ""  # before the bytes are read, which may change during the load
    is_unchanged = (digests or KeptReadings()).read(path, digest_file) == copy.dump_sha256
    if is_unchanged and loaded == copy.digest:
        return Contents(copy.digest, copy.tables)
    contents = load_contents(path, limits)
    if contents.digest == copy.digest or not is_unchanged:
        return contents
    is_complete = contents.digest == _digest_of_dump(copy, folder, limits)
    return Contents(copy.digest, copy.tables) if is_complete else contents


def _digest_of_dump(copy: DatabaseCopy, folder: Path, limits: Limits | None) -> str:
    """Return the digest that a complete dump of a copy has."""
    with closing(open_readonly(folder / copy.copy, limits)) as con:
        return dumped_digest(con, copy.tables)


def read_contents_using_backup(path: Path, copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> Contents:
    """Return the contents of a database, reusing the recorded contents of its backup.

    They are reused only if all pages of the database are those that the backup had when its digest was recorded. Every
    row is read if the recorded digests contradict each other, because the manifest was edited then.

    Args:
        path: A database that no connection of this process has open.
        copy: The manifest's entry of its backup.
        folder: The backup set.
        limits: Limits of reading.

    Raises:
        sqlite3.Error: The database is missing or is not a database.
    """
    return recorded_contents(path, copy, folder, limits) or read_contents(path, limits)


def recorded_contents(path: Path, copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> Contents | None:
    """Return the recorded contents of a backup if a database has all its pages, or None.

    None as well if the recorded digests contradict each other, because the manifest was edited then.
    """
    both_exist = path.is_file() and (folder / copy.copy).is_file()
    if both_exist and not has_wal_frames(path) and digest_pages_of_copy(path, folder / copy.copy) == copy.sha256:
        with open_for_inspection(path, limits) as con:
            if _digest_by_tables(con, copy) == copy.digest:
                return Contents(copy.digest, copy.tables)
    return None


def contradicts_itself(copy: DatabaseCopy, folder: Path) -> bool:
    """Return whether the recorded digest of a copy is not that of its recorded tables.

    The manifest was edited then. A copy that SQLite cannot read contradicts nothing.
    """
    try:
        with open_for_inspection(folder / copy.copy) as con:
            return _digest_by_tables(con, copy) != copy.digest
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _digest_by_tables(con: sqlite3.Connection, copy: DatabaseCopy) -> str:
    """Return the content digest of a database by the recorded digests of its tables."""
    return digest_database(read_schema(con), copy.tables, read_autoincrement_marks(con))


def dump_differences(copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> RowDifferences:
    """Return the rows in which an SQL dump differs from the copy it was made of."""
    return differences_or_note(partial(_dump_differences, copy, folder, limits))


def _dump_differences(copy: DatabaseCopy, folder: Path, limits: Limits | None) -> RowDifferences:
    with scratch_folder("rows") as scratch:
        dump = folder / copy.dump
        con = open_new(scratch / "reloaded.db", limits)
        try:
            con.execute("PRAGMA synchronous=OFF")
            with dump.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                load_dump(con, lines)
            return compare_databases_or_raise(folder / copy.copy, con, limits)
        finally:
            con.close()

"""Copy a live database for a rehearsal without changing the workspace."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.copied_files import allocated_parts
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, open_new
from sqlite_consolidate.engine.sqlite.errors import in_use_problem, is_in_use
from sqlite_consolidate.engine.sqlite.files import MAGIC, has_hot_journal, uses_wal
from sqlite_consolidate.engine.sqlite.locks.write_lock import identity_of
from sqlite_consolidate.engine.sqlite.processes import lock_owner
from sqlite_consolidate.engine.sqlite.sidecars import CONTENT_SIDECARS, WAL, sidecar_path
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.regular_files import open_regular

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_HEADER_BYTES = 100
_READ_VERSION, _ROLLBACK_MODE = 19, b"\1"  # place and value in the header (https://sqlite.org/fileformat.html)
_TRIES = 5
_PERMIT = "Give read permission and run again."
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_CHUNK = 1 << 30
_FICLONE = 0x4004_9409  # ioctl of Linux: share the blocks of another file (linux/fs.h)


def snapshot(live: Path, copy: Path) -> None:
    """Copy one database as a reader would see it, with the permission bits of the original.

    A database that no process has open is copied together with a ``-wal`` that has rows or a hot journal, because
    SQLite would change the folder when it opens the database. Any other database is copied under a
    lock of SQLite. That changes nothing, because its sidecar files exist already. A file that is not a database, or is
    damaged, is copied byte by byte.

    Raises:
        ProblemError: The file cannot be read, is locked, or is written too often to copy one state.
    """
    try:
        if _is_copied_as_files(live) or not _copy_locked(live, copy):
            _copy_files(live, copy)
        copy.chmod(live.stat().st_mode & 0o777 | 0o600)
    except OSError as error:
        raise ProblemError(not_copied(live, error)) from error


def not_copied(file: Path, error: OSError) -> Problem:
    """Return an error of the operating system as a problem.

    The file cannot be read, or there is no space for its copy.
    """
    if error.errno in _NO_SPACE:
        text = f"cannot be copied ({error.strerror})."
        return Problem("no-space", file.name, text, "Free some space, or set TMPDIR to a larger disk.")
    failed_name = Path(error.filename).name if isinstance(error.filename, str) else file.name
    reason = str(error.strerror or error) + ("" if failed_name == file.name else f": {failed_name}")
    text = f"cannot be read ({reason})."
    return Problem("unreadable", file.name, text, _PERMIT)


def _is_copied_as_files(live: Path) -> bool:
    with open_regular(live) as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(MAGIC) or len(head) < _HEADER_BYTES:
        return True
    if has_hot_journal(live):
        return lock_owner(live) is None
    return uses_wal(live) and lock_owner(live) is None


def _copy_files(live: Path, copy: Path) -> None:
    names = ["", *CONTENT_SIDECARS]
    for _ in range(_TRIES):
        before = _stats(live, names)
        for suffix in names:
            sidecar_path(copy, suffix).unlink(missing_ok=True)
            if sidecar_path(live, suffix).exists():
                shutil.copyfile(sidecar_path(live, suffix), sidecar_path(copy, suffix))
        if _stats(live, names) == before:
            return
    text = "is being written to by another process."
    raise ProblemError(in_use_problem(live.name, text, "Rehearse when no process writes to it, or stop the process."))


def _copy_locked(live: Path, copy: Path) -> bool:
    """Copy one state of a database and return True, or return False if it is damaged.

    The rehearsal must see the damage.
    """
    try:
        # Closing the file releases the lock of this process, so the file is closed last.
        with open_regular(live) as file, open_for_inspection(live) as source:
            # Begin to read first, because Connection.backup() would wait for a lock without a time limit. This pragma
            # reads the header alone. A hostile schema may be expensive, so it is read later, with a deadline.
            source.execute("BEGIN")
            source.execute("PRAGMA schema_version").fetchone()
            if not _copy_file_alone(live, file.fileno(), copy):
                _copy_through_sqlite(source, copy)
    except sqlite3.OperationalError as error:
        if is_in_use(error):
            problem = in_use_problem(live.name)
        else:
            text = f"cannot be read ({error})."
            problem = Problem("unreadable", live.name, text, _PERMIT)
        raise ProblemError(problem) from error
    except sqlite3.DatabaseError:
        return False
    return True


def _copy_file_alone(live: Path, descriptor: int, copy: Path) -> bool:
    """Copy the file of a database that this process reads, and return True.

    The result is False if a ``-wal`` may hold a part of it, if another file has its name now, or if the system cannot
    copy a file.
    """
    with_wal = os.pread(descriptor, 1, _READ_VERSION) != _ROLLBACK_MODE or sidecar_path(live, WAL).exists()
    if with_wal or identity_of(os.fstat(descriptor)) != identity_of(live.stat()):
        return False
    with copy.open("wb") as destination:
        return clone_file(descriptor, destination.fileno())


def _copy_through_sqlite(source: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with contextlib.closing(open_new(copy)) as con:
        con.execute("PRAGMA synchronous=OFF")  # no process needs the copy after a crash
        source.backup(con)


def clone_file(source: int, destination: int) -> bool:
    """Copy an open file by sharing its blocks or inside the kernel, if possible.

    Only Linux offers these calls. Otherwise the result is False.
    """
    if not hasattr(os, "copy_file_range"):
        return False
    try:
        fcntl.ioctl(destination, _FICLONE, source)
    except OSError:
        pass
    else:
        return True
    try:
        _copy_allocated(source, destination)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise
        return False
    return True


def _copy_allocated(source: int, destination: int) -> None:
    """Copy the parts of a file for which the disk has blocks, so that a sparse file stays one.

    Raises:
        OSError: The file system does not offer these calls, or the disk is full.
    """
    os.ftruncate(destination, os.fstat(source).st_size)
    for start, end in allocated_parts(source):
        done = start
        while done < end:
            copied = os.copy_file_range(source, destination, min(_CHUNK, end - done), done, done)
            if not copied:  # another process has made the file shorter
                return
            done += copied


def _stats(path: Path, suffixes: list[str]) -> list[tuple[int, int, int] | None]:
    states: list[tuple[int, int, int] | None] = []
    for suffix in suffixes:
        try:
            status = sidecar_path(path, suffix).stat()
            states.append((status.st_size, status.st_mtime_ns, status.st_ino))
        except FileNotFoundError:
            states.append(None)
    return states

"""Lock one of many live databases by a single descriptor.

SQLite holds its locks by two connections to a database, and keeps three files open for them. The kernel grants the same
locks to one open file description (https://sqlite.org/lockingv3.html, section 3). They stay until that description is
closed, whatever this process opens and closes besides. So no connection has to be open while the lock is held.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.engine.sqlite.connections import open_readonly, open_unlocked
from sqlite_consolidate.engine.sqlite.errors import in_use_problem
from sqlite_consolidate.engine.sqlite.files import uses_wal
from sqlite_consolidate.engine.sqlite.locks.write_lock import (
    WriteLock,
    identity_of,
    is_file,
    not_writable,
    translate_error,
)
from sqlite_consolidate.engine.sqlite.processes import lock_request
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3

KEPT_READERS = 16
"""Connections that stay open to the databases that were read last. Each takes about 200 KB of memory."""

_PENDING, _RESERVED, _SHARED = (0x4000_0000, 1), (0x4000_0001, 1), (0x4000_0002, 510)
_BUSY_ERRORS = (errno.EACCES, errno.EAGAIN)
_UNSUPPORTED_ERRORS = (errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_SECONDS_BETWEEN_TRIES = 0.01


class RecentReaders:
    """Keep the read-only connections open that were used last.

    A connection that is still in use elsewhere stays open until its last reference is gone.
    """

    def __init__(self, number: int = KEPT_READERS) -> None:
        self._number = number
        self._readers: OrderedDict[Path, sqlite3.Connection] = OrderedDict()

    def reader(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Return a read-only connection to a database."""
        con = self._readers.pop(path, None) or open_readonly(path, limits)
        self._readers[path] = con
        if len(self._readers) > self._number:
            self._readers.popitem(last=False)
        return con

    def close(self, path: Path) -> None:
        """Close the connection to a database, if there is one."""
        if con := self._readers.pop(path, None):
            con.close()


class DescriptorLock:
    """Hold the write lock of a database without WAL by one descriptor.

    Other processes can still read it.

    Attributes:
        limits: Limits of its connections.
    """

    __slots__ = ("_descriptor", "_name", "_readers", "limits")

    def __init__(self, path: Path, limits: Limits, readers: RecentReaders) -> None:
        """Acquire the lock.

        Raises:
            ProblemError: Another process has locked the database, or it cannot be written.
            sqlite3.DatabaseError: The file is not a database.
            OSError: The system has no locks of open file descriptions, or cannot open the file.
        """
        self._name, self.limits, self._readers = str(path), limits, readers
        self._descriptor = -1
        if path.exists() and not os.access(path, os.W_OK):
            raise not_writable(path, "no write permission")
        try:
            self._acquire(self.reader)
        except sqlite3.Error as error:
            self.release()
            raise translate_error(path, error) from error
        except BaseException:
            self.release()
            raise

    def __enter__(self) -> Self:
        """Return the lock, which was acquired when it was made."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Release the lock."""
        self.release()

    @property
    def path(self) -> Path:
        """Return the live file.

        It is kept as a text, because a path takes several times as much memory.
        """
        return Path(self._name)

    @property
    def reader(self) -> sqlite3.Connection:
        """Return a read-only connection for inspection, copies and digests.

        It may be closed as soon as the caller has no reference to it.
        """
        return self._readers.reader(self.path, self.limits)

    @property
    def is_held(self) -> bool:
        """Return whether the descriptor is open, and leads to the file that has the name."""
        return self._descriptor >= 0 and is_file(self.path, identity_of(os.fstat(self._descriptor)))

    @contextlib.contextmanager
    def held_reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that does not ask for the locks of this descriptor."""
        with contextlib.closing(open_unlocked(self.path, "ro", self.limits)) as con:
            yield con

    def open_descriptor(self) -> int:
        """Return a descriptor that reads the live file. It stays open until the lock is released."""
        return self._descriptor

    def acquire_exclusive(self) -> sqlite3.Connection:
        """Acquire the exclusive lock, without a moment in which another process can write.

        Returns:
            A connection inside a transaction. No other process can read or write as long as the lock is held.

        Raises:
            ProblemError: Another process reads the database.
        """
        self._readers.close(self.path)
        self._lock(fcntl.F_WRLCK, *_PENDING)
        try:
            self._lock(fcntl.F_WRLCK, *_SHARED)
        except ProblemError:
            self._lock(fcntl.F_UNLCK, *_PENDING)
            raise
        con = open_unlocked(self.path, "rw", self.limits)
        con.execute("BEGIN EXCLUSIVE")
        return con

    def release(self) -> None:
        """Release the lock."""
        self._readers.close(self.path)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _acquire(self, reader: sqlite3.Connection) -> None:
        """Acquire the lock inside a transaction of a reader.

        The transaction keeps other processes from writing pages until the lock is held. Otherwise SQLite would take a
        hot journal of a process that has died for the journal of the process with the lock.
        """
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        self._lock(fcntl.F_RDLCK, *_SHARED)
        self._lock(fcntl.F_WRLCK, *_RESERVED)
        reader.execute("COMMIT")
        if not self.is_held or uses_wal(self.path):
            raise ProblemError(in_use_problem(self.path.name))

    def _lock(self, kind: int, start: int, length: int) -> None:
        """Request a lock until it is granted or the time for it is over."""
        until = time.monotonic() + connections.BUSY_SECONDS
        request = lock_request(kind, start, length)
        while True:
            try:
                fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, request)
            except OSError as error:
                if error.errno not in _BUSY_ERRORS:
                    raise
                if time.monotonic() > until or self.limits.must_stop():
                    raise ProblemError(in_use_problem(self.path.name)) from error
                time.sleep(_SECONDS_BETWEEN_TRIES)
            else:
                return


DatabaseLock = WriteLock | DescriptorLock


def lock_one_of_many(path: Path, limits: Limits, readers: RecentReaders) -> DatabaseLock:
    """Lock a database by one descriptor if its journal mode and the system allow that.

    Raises:
        ProblemError: Another process has locked the database, or it cannot be written.
        sqlite3.DatabaseError: The file is not a database.
    """
    if not is_lockable_by_descriptor(path):
        return WriteLock(path, limits)
    try:
        return DescriptorLock(path, limits, readers)
    except OSError as error:
        if error.errno not in _UNSUPPORTED_ERRORS:
            raise
        return WriteLock(path, limits)


def is_lockable_by_descriptor(path: Path) -> bool:
    """Return whether one descriptor holds all locks that SQLite needs for a database."""
    return hasattr(fcntl, "F_OFD_SETLK") and not uses_wal(path)

"""Lock one live database against writers during a run, and leave its files unchanged."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

from sqlite_consolidate.engine.sqlite.connections import leave_wal_mode, open_existing, open_readonly, pragma
from sqlite_consolidate.engine.sqlite.errors import in_use_problem, is_in_use, is_read_only
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.sidecars import existing_sidecars, remove_created_sidecars
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

else:
    from sqlite_consolidate.sqlite_library import sqlite3


class WriteLock:
    """Hold the write lock of a live database. Other processes can still read it.

    The read-only connection is opened first and closed last. The last connection that closes a WAL database checkpoints
    it and deletes its ``-wal``, unless this connection cannot write. So a run that only reads leaves every byte
    unchanged.

    Attributes:
        path: The live file.
        reader: Read-only connection for inspection, copies and digests.
        writer: The connection that holds the write lock.
        limits: Limits of both connections.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        """Acquire the lock.

        Raises:
            ProblemError: Another process has locked the database, or it cannot be written.
            sqlite3.DatabaseError: The file is not a database.
        """
        self.path, self.limits = path, limits or Limits()
        self._descriptor = -1
        if path.exists() and not os.access(path, os.W_OK):
            # SQLite would open it read-only and begin a transaction that excludes no other process.
            raise not_writable(path, "no write permission")
        self._sidecars_before = existing_sidecars(path)
        self.reader: sqlite3.Connection = open_readonly(path, self.limits)
        try:
            self.reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            self.writer: sqlite3.Connection = open_existing(path, self.limits)
            self.writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self.release()
            raise translate_error(path, error) from error
        except BaseException:
            self.release()
            raise
        self._data_version = pragma(self.writer, "data_version")
        self._file = identity_of(path.stat())

    def __enter__(self) -> Self:
        """Return the lock, which was acquired when it was made."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Release the lock."""
        self.release()

    @property
    def is_held(self) -> bool:
        """Return whether the lock has excluded writers without interruption.

        The locked file must still have this name.
        """
        try:
            return self.writer.in_transaction and is_file(self.path, self._file)
        except sqlite3.ProgrammingError:  # closed
            return False

    @contextlib.contextmanager
    def held_reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that reads the database, even if the lock is exclusive."""
        yield self.writer

    def open_descriptor(self) -> int:
        """Return a descriptor that reads the live file.

        It stays open until the lock is released, because closing it would release the locks of this process on the
        file (https://sqlite.org/howtocorrupt.html, section 2.2).

        Raises:
            ProblemError: The path leads to another file than the one that is locked.
            OSError: The system cannot open the file.
        """
        if self._descriptor < 0:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            if identity_of(os.fstat(self._descriptor)) != self._file:
                raise ProblemError(in_use_problem(self.path.name))
        return self._descriptor

    def acquire_exclusive(self) -> sqlite3.Connection:
        """Acquire the exclusive lock as the only connection, and leave WAL mode.

        Returns:
            The writer, inside a transaction. No other process can read or write meanwhile.

        Raises:
            ProblemError: Another process has the database open, or has written to it since the lock was acquired.
        """
        self.reader.close()
        self.writer.execute("ROLLBACK")
        leave_wal_mode(self.writer, self.path)
        try:
            self.writer.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise translate_error(self.path, error) from error
        if pragma(self.writer, "data_version") != self._data_version:
            raise ProblemError(
                Problem(
                    "late-write",
                    self.path.name,
                    "was written to by another process during the run. The write is kept in this file.",
                    "Stop the process that writes to it and run again.",
                )
            )
        return self.writer

    def release(self) -> None:
        """Release the lock.

        No sidecar file is left that did not exist before.
        """
        for con in (getattr(self, "writer", None), self.reader):
            if con is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
                    if con.in_transaction:
                        con.execute("ROLLBACK")
                    con.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        remove_created_sidecars(self.path, self._sidecars_before)


def identity_of(status: os.stat_result) -> tuple[int, int]:
    """Return device and inode of a file."""
    return status.st_dev, status.st_ino


def is_file(path: Path, identity: tuple[int, int]) -> bool:
    """Return whether a path leads to the file of this device and inode."""
    try:
        return identity_of(path.stat()) == identity
    except FileNotFoundError:
        return False


def translate_error(path: Path, error: sqlite3.Error) -> Exception:
    """Return the problem that explains why a lock was not acquired, or the error itself."""
    if is_in_use(error):
        return ProblemError(in_use_problem(path.name))
    if is_read_only(error):
        return not_writable(path, str(error))
    return error


def not_writable(path: Path, reason: str) -> ProblemError:
    """Return the error that a database cannot be written."""
    fact = f"cannot be written ({reason})."
    hint = "Give the user who runs this write permission on the file and its folder."
    return ProblemError(Problem("read-only", path.name, fact, hint))

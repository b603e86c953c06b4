"""Guard: keeps writers out of one live database for the length of a run, and leaves its files as they were."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import leave_wal_mode, open_existing, open_readonly, pragma
from sqlite_consolidate.engine.sqlite.errors import in_use_problem, is_in_use, is_read_only
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.sidecars import existing_sidecars, remove_created_sidecars
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

else:
    from sqlite_utils.utils import sqlite3


class WriteLock:
    """Holds the write lock of a live database; readers may go on reading.

    The read-only connection is opened first and closed last: a WAL database is checkpointed and its ``-wal`` deleted by
    the last connection that closes, unless that one cannot write. So a run that only looked leaves every byte alone.

    Attributes:
        path: The live file.
        reader: Read-only connection, for looking, copying and digests.
        writer: The connection that holds the write lock.
        limits: What both connections look at.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        """Take the lock, or say in one sentence why not.

        Raises:
            ProblemError: The database is locked by somebody else, or cannot be written.
            sqlite3.DatabaseError: The file is no database.
        """
        self.path, self.limits = path, limits or Limits()
        if path.exists() and not os.access(path, os.W_OK):
            # SQLite would open it all the same, and begin a transaction that locks nobody out.
            raise _not_writable(path, "no write permission")
        self._sidecars_before = existing_sidecars(path)
        self.reader: sqlite3.Connection = open_readonly(path, self.limits)
        try:
            self.reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            self.writer: sqlite3.Connection = open_existing(path, self.limits)
            self.writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self.release()
            raise _translate_error(path, error) from error
        except BaseException:
            self.release()
            raise
        self._data_version = pragma(self.writer, "data_version")
        self._file = path.stat()

    @property
    def holds_current_file(self) -> bool:
        """Whether the file of that name still is the one that is held."""
        try:
            return os.path.samestat(self.path.stat(), self._file)
        except FileNotFoundError:
            return False

    def acquire_exclusive(self) -> sqlite3.Connection:
        """Become the only connection to the database and hold it exclusively; afterwards it is out of WAL mode.

        Returns:
            The writer, inside a transaction that nobody else can read or write beside.

        Raises:
            ProblemError: Somebody has the database open, or has written to it since the write lock was taken.
        """
        self.reader.close()
        self.writer.execute("ROLLBACK")
        leave_wal_mode(self.writer, self.path)
        try:
            self.writer.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise _translate_error(self.path, error) from error
        if pragma(self.writer, "data_version") != self._data_version:
            raise ProblemError(
                Problem(
                    "late-write",
                    self.path.name,
                    "was written to by another process while the run held it. The write is kept where it was made.",
                    "Stop the process that writes to it and run again.",
                )
            )
        return self.writer

    def release(self) -> None:
        """Give the lock back; nothing that was not beside the database before is left there."""
        for con in (getattr(self, "writer", None), self.reader):
            if con is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
                    if con.in_transaction:
                        con.execute("ROLLBACK")
                    con.close()
        remove_created_sidecars(self.path, self._sidecars_before)


def _translate_error(path: Path, error: sqlite3.Error) -> Exception:
    if is_in_use(error):
        return ProblemError(in_use_problem(path.name))
    if is_read_only(error):
        return _not_writable(path, str(error))
    return error


def _not_writable(path: Path, why: str) -> ProblemError:
    what = f"cannot be written ({why})."
    hint = "Give the user who runs this write permission on the file and its folder."
    return ProblemError(Problem("read-only", path.name, what, hint))

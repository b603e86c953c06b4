"""Provide the file operations of a rollback.

Each operation can be retried after a crash, and none loses a row.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import make_private_folder, sync_folder, written_file_named
from sqlite_consolidate.engine.backup.copies import publish_file
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.content.contents import read_contents_alone
from sqlite_consolidate.engine.sqlite.connections import (
    leave_wal_mode,
    open_existing,
    open_new,
    open_readonly,
)
from sqlite_consolidate.engine.sqlite.errors import in_use_problem, is_in_use
from sqlite_consolidate.engine.sqlite.files import MAGIC, has_hot_journal
from sqlite_consolidate.engine.sqlite.sidecars import JOURNAL, SIDECARS, WAL, file_states, sidecar_path
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.regular_files import open_regular

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.sidecars import FileStates
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ASIDE = "set-aside"
_STOP = "Stop the process that uses it and roll back again."
_WRITE_VERSION = 18  # byte of the header: 1 in rollback mode, 2 in WAL mode (https://sqlite.org/fileformat.html)
_WAL_HEADER, _FRAME_HEADER = 32, 24  # bytes before the first frame, and of each frame before its page (section 4.1)
_SMALLEST_PAGE = 512


@dataclass(frozen=True)
class DatabaseState:
    """Hold the contents that a database had when it was read.

    Attributes:
        digest: Content digest.
        files: What the file system reported of its files. Empty if a change could have shown nothing there.
    """

    digest: str
    files: FileStates = ()


def existing_sidecars(path: Path) -> list[Path]:
    """Return the existing sidecar files of a database, even if the database is missing."""
    return [file for suffix in SIDECARS if os.path.lexists(file := sidecar_path(path, suffix))]


def write_version(database: Path) -> int:
    """Return 1 in rollback mode, 2 in WAL mode, and 0 if the file is empty or no database.

    A connection that left WAL mode and could not delete the ``-wal`` has written the version of rollback mode there. It
    counts, because SQLite will copy it into the file.
    """
    with open_regular(database) as file:
        head = file.read(_WRITE_VERSION + 1)
    version = head[_WRITE_VERSION] if head.startswith(MAGIC) and len(head) > _WRITE_VERSION else 0
    return 1 if version and 1 in _versions_in_wal(sidecar_path(database, WAL)) else version


def _versions_in_wal(wal: Path) -> Iterator[int]:
    """Yield the version in each frame of the first page, current or not."""
    if not wal.exists():
        return
    with open_regular(wal) as file:
        page_size = max(int.from_bytes(file.read(_WAL_HEADER)[8:12], "big"), _SMALLEST_PAGE)
        frame_size = _FRAME_HEADER + page_size
        for start in range(_WAL_HEADER, os.fstat(file.fileno()).st_size - frame_size + 1, frame_size):
            frame = os.pread(file.fileno(), _FRAME_HEADER + _WRITE_VERSION + 1, start)
            if int.from_bytes(frame[:4], "big") == 1:
                yield frame[-1]


def is_empty_placeholder(path: Path) -> bool:
    """Return whether a file is empty and has no sidecar files.

    SQLite creates such a file when a process opens a name that does not exist.
    """
    return path.is_file() and not path.is_symlink() and not path.stat().st_size and not existing_sidecars(path)


def remove_empty_placeholder(path: Path) -> None:
    """Delete an empty file.

    Raises:
        ProblemError: Another process has written into the file. It was not deleted.
    """
    if not is_empty_placeholder(path):
        text = "is being written to. It was not changed."
        raise ProblemError(in_use_problem(path.name, text, _STOP))
    path.unlink()


def roll_back_hot_journal(database: Path) -> None:
    """Let SQLite roll back the hot journal of a database, if both exist.

    The journal may be from this tool, because leaving WAL mode writes the header in a transaction.

    Raises:
        sqlite3.Error: The database is locked, or the file is not a database.
    """
    if has_hot_journal(database) and database.is_file():
        with contextlib.closing(open_existing(database)) as con:
            con.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def remove_stale_journal(database: Path) -> None:
    """Delete a journal that SQLite neither needs nor deletes.

    A transaction that was killed before it synced its journal leaves one. No process needs it if this process can get
    the exclusive lock. Otherwise the journal stays.
    """
    journal = sidecar_path(database, JOURNAL)
    if not journal.exists():
        return
    was_wal = write_version(database) != 1
    with contextlib.suppress(ProblemError):
        with translate_sqlite_errors(database), exclusive_connection(database):
            journal.unlink(missing_ok=True)
        if was_wal:
            restore_wal_mode(database)


def move_to_backup_set(path: Path, folder: Path) -> None:
    """Move a file into the backup set under an unused name."""
    if not (folder / _ASIDE).exists():
        make_private_folder(folder / _ASIDE)
    kept = _unused_path(folder / _ASIDE, path.name)
    Ledger(folder).note("keeping", file=path.name, kept=f"{_ASIDE}/{kept.name}")
    with written_file_named(kept):
        _copy_bytes(path, kept, 0o600)
    path.unlink()
    sync_folder(path.parent)


def restore_in_place(
    database: Path, backup: Path, folder: Path, *, known: DatabaseState | None, limits: Limits | None = None
) -> tuple[str, str]:
    """Replace the contents of a database by those of its backup in one transaction.

    Every other connection reads either the old or the new contents. A copy of the old contents is kept in the backup
    set first, unless they are ``known``. The exclusive lock keeps other processes from writing in between.

    Returns:
        The content digest after the restore, and a text about the kept copy, which may be empty.

    Raises:
        ProblemError: Another process has the database open, or SQLite cannot write it. It is unchanged.
    """
    with (
        translate_sqlite_errors(database),
        contextlib.closing(open_readonly(backup, limits)) as source,
        exclusive_connection(database, limits) as con,
    ):
        kept = _keep_copy(con, database, folder, known)
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        source.backup(con)
        digest = read_contents_alone(database, con).digest
    sync_folder(database.parent)  # otherwise a power failure could bring the journal, and so the old contents, back
    return digest, kept


def restore_file(path: Path, backup: Path, mode: int) -> None:
    """Copy a backup to a path that does not exist.

    The caller has moved its leftover sidecar files to the backup set.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with written_file_named(path):
        _copy_bytes(backup, part, mode)
    part.rename(path)
    sync_folder(path.parent)


def remove_database(database: Path, folder: Path, *, known: DatabaseState | None, limits: Limits | None = None) -> str:
    """Delete a database and its sidecar files.

    A copy of its contents is kept in the backup set first, unless they are ``known``.

    Returns:
        A text about the kept copy, which may be empty.

    Raises:
        ProblemError: Another process has the database open. It is unchanged.
    """
    with translate_sqlite_errors(database), exclusive_connection(database, limits) as con:
        kept = _keep_copy(con, database, folder, known)
        database.unlink()
        for sidecar in existing_sidecars(database):
            sidecar.unlink()
        sync_folder(database.parent)
    return kept


def restore_wal_mode(database: Path) -> None:
    """Switch a database in rollback mode to WAL mode.

    Beside a ``-wal`` SQLite reads each database in WAL mode, and so would not change its header. Therefore the
    connection leaves WAL mode first.

    Raises:
        ProblemError: Another process has the database open, or the ``-wal`` cannot be deleted.
    """
    if write_version(database) != 1:
        return
    with translate_sqlite_errors(database), contextlib.closing(open_existing(database)) as con:
        leave_wal_mode(con, database)
        if con.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            text = "could not be switched to WAL mode, because another process has it open. Its rows are unchanged."
            raise ProblemError(in_use_problem(database.name, text, "Stop the process and roll back again."))
    if write_version(database) == 1:
        text = "could not be switched back to WAL mode, because its -wal cannot be deleted. Its rows are unchanged."
        raise ProblemError(Problem("not-restored", database.name, text, "Check the disk and roll back again."))
    sync_folder(database.parent)


@contextlib.contextmanager
def exclusive_connection(database: Path, limits: Limits | None = None) -> Iterator[sqlite3.Connection]:
    """Provide the only connection to a database, with the exclusive lock.

    ``Connection.backup`` waits for a lock on its destination without a time limit, and refuses a destination inside a
    transaction. With this locking mode, SQLite keeps the lock between transactions
    (https://sqlite.org/pragma.html#pragma_locking_mode).
    """
    with contextlib.closing(open_existing(database, limits)) as con:
        leave_wal_mode(con, database)
        con.execute("PRAGMA locking_mode=EXCLUSIVE").fetchone()
        con.execute("BEGIN EXCLUSIVE")
        con.execute("COMMIT")
        yield con


def require_exclusive_access(database: Path) -> None:
    """Raise if another connection has the database open.

    Raises:
        ProblemError: Another process has the database open. It is unchanged.
    """
    was_wal = write_version(database) != 1
    with translate_sqlite_errors(database), exclusive_connection(database):
        pass
    if was_wal:
        restore_wal_mode(database)


@contextlib.contextmanager
def translate_sqlite_errors(database: Path) -> Iterator[None]:
    """Raise an error of SQLite as a problem that names the database and a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        if is_in_use(error):
            problem = in_use_problem(database.name, "is locked by another process. It was not changed.", _STOP)
        else:
            text = f"cannot be restored ({error}). It was not changed."
            problem = Problem("not-restored", database.name, text, "Remove the cause and roll back again.")
        raise ProblemError(problem) from error


def _keep_copy(con: sqlite3.Connection, database: Path, folder: Path, known: DatabaseState | None) -> str:
    """Copy the database into the backup set, unless its contents are the known ones.

    The connection holds the exclusive lock.
    """
    is_unchanged = known is not None and known.files != () and known.files == file_states(database)
    if known and (is_unchanged or read_contents_alone(database, con).digest == known.digest):
        return ""
    kept = _unused_path(folder / "databases", f"{database.stem}-before-rollback.db")
    Ledger(folder).note("keeping", file=database.name, kept=f"databases/{kept.name}")
    part = kept.with_name(kept.name + ".part")
    part.unlink(missing_ok=True)
    with contextlib.closing(open_new(part)) as copy:
        con.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()
    publish_file(part, kept)
    return f"kept {database.name} as it was in {folder.name}/databases"


def _unused_path(folder: Path, name: str) -> Path:
    """Return the path of a name, or of ``<name>.2``, ``<name>.3`` and so on if it exists.

    A file in a backup set is never overwritten.
    """
    path, number = folder / name, 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{name}.{number}"
    return path


def _copy_bytes(path: Path, new: Path, mode: int) -> None:
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with path.open("rb") as source, os.fdopen(handle, "wb") as out:
        shutil.copyfileobj(source, out)
        out.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)
    sync_folder(new.parent)

"""Restore: the file operations that a rollback is made of; each can be killed and done again, and none loses a row."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import make_private_folder, sync_folder
from sqlite_consolidate.engine.backup.copies import publish_file
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.worker import ReadWorker
from sqlite_consolidate.engine.sqlite.connections import leave_wal, limits_of, open_existing, open_new, open_readonly
from sqlite_consolidate.engine.sqlite.errors import in_use, is_in_use
from sqlite_consolidate.engine.sqlite.files import MAGIC, has_hot_journal
from sqlite_consolidate.engine.sqlite.sidecars import JOURNAL, SIDECARS, beside
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_utils.utils import sqlite3

_ASIDE = "set-aside"
_STOP = "Stop the process that uses it and roll back again."
_WRITE_VERSION = 18  # byte of the header: 1 in rollback mode, 2 in WAL mode (https://sqlite.org/fileformat.html)


@dataclass(frozen=True)
class DatabaseState:
    """What a database was when it was looked at.

    Attributes:
        digest: Content digest.
        file_digests: Digests of its files, which say the same sooner; empty where they were not taken.
    """

    digest: str
    file_digests: tuple[str, ...] = ()


def existing_sidecars(path: Path) -> list[Path]:
    """Return what lies beside a database, or beside the name of one, that SQLite would read with it."""
    return [file for suffix in SIDECARS if os.path.lexists(file := beside(path, suffix))]


def write_version(database: Path) -> int:
    """Return 1 in rollback mode, 2 in WAL mode, 0 when the file is no database, or has no page yet."""
    with database.open("rb") as file:
        head = file.read(_WRITE_VERSION + 1)
    return head[_WRITE_VERSION] if head.startswith(MAGIC) and len(head) > _WRITE_VERSION else 0


def is_empty_placeholder(path: Path) -> bool:
    """Whether it is an empty file with nothing beside it, as SQLite makes one for whoever opens a name that is free."""
    return path.is_file() and not path.is_symlink() and not path.stat().st_size and not existing_sidecars(path)


def remove_empty_placeholder(path: Path) -> None:
    """The empty file is gone.

    Raises:
        ProblemError: Somebody has written into it meanwhile; it is as it was.
    """
    if not is_empty_placeholder(path):
        text = "is being written to. It is as it was found."
        raise ProblemError(in_use(path.name, text, _STOP))
    path.unlink()


def roll_back_hot_journal(database: Path) -> None:
    """No unfinished transaction of a process that died is left in the database; it may be absent.

    Ours may be among them: leaving WAL mode writes the header, in a transaction like any other.

    Raises:
        sqlite3.Error: It is locked, or no database.
    """
    if has_hot_journal(database) and database.is_file():
        with contextlib.closing(open_existing(database)) as con:
            con.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def remove_stale_journal(database: Path) -> None:
    """No journal is left that a transaction had only begun to write; one that a running process needs stays.

    SQLite passes over such a journal, and leaves it lying. Held alone, the database has no use for one.
    """
    journal = beside(database, JOURNAL)
    if not journal.exists():
        return
    was_wal = write_version(database) != 1
    with contextlib.suppress(ProblemError):
        with translate_sqlite_errors(database), exclusive_connection(database):
            journal.unlink(missing_ok=True)
        if was_wal:
            restore_wal_mode(database)


def move_to_backup_set(path: Path, folder: Path) -> None:
    """``path`` is gone from the workspace, and kept in the backup set under the first name that is free there."""
    if not (folder / _ASIDE).exists():
        make_private_folder(folder / _ASIDE)
    kept = _unused_path(folder / _ASIDE, path.name)
    Ledger(folder).note("keeping", file=path.name, kept=f"{_ASIDE}/{kept.name}")
    _copy_bytes(path, kept, 0o600)
    path.unlink()
    sync_folder(path.parent)


def restore_in_place(
    database: Path, backup: Path, folder: Path, *, known: DatabaseState | None, limits: Limits | None = None
) -> tuple[str, str]:
    """The database has the content of ``backup``, in one transaction: whoever has it open sees the old or the new.

    What it had before is in the backup set, unless that is ``known``; nobody can write in between.

    Returns:
        The content digest that it has now, and in words what was kept, or an empty text.

    Raises:
        ProblemError: Somebody else has it open, or it could not be written; it is as it was.
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
        digest = read_contents(con).digest
    sync_folder(database.parent)  # else a power cut could bring the journal back, and with it what was overwritten
    return digest, kept


def restore_file(path: Path, backup: Path, mode: int) -> None:
    """``path``, which was not there, is a copy of ``backup``; the caller has set aside what lay beside the name."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    _copy_bytes(backup, part, mode)
    part.rename(path)
    sync_folder(path.parent)


def remove_database(database: Path, folder: Path, *, known: DatabaseState | None, limits: Limits | None = None) -> str:
    """The database is gone, and nothing of it is beside its name; what was in it is kept unless it is ``known``.

    Returns:
        In words what was kept, or an empty text.

    Raises:
        ProblemError: Somebody else has it open; it is as it was.
    """
    with translate_sqlite_errors(database), exclusive_connection(database, limits) as con:
        kept = _keep_copy(con, database, folder, known)
        database.unlink()
        for sidecar in existing_sidecars(database):
            sidecar.unlink()
        sync_folder(database.parent)
    return kept


def restore_wal_mode(database: Path) -> None:
    """The database is in WAL mode; one that is, or that is no database any more, is not opened.

    Raises:
        ProblemError: Somebody else has it open.
    """
    if write_version(database) != 1:
        return
    with translate_sqlite_errors(database), contextlib.closing(open_existing(database)) as con:
        if con.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            text = "could not be put back into WAL mode: another process has it open. Its rows are as they were."
            raise ProblemError(in_use(database.name, text, "Stop the process and roll back again."))
    sync_folder(database.parent)


@contextlib.contextmanager
def exclusive_connection(database: Path, limits: Limits | None = None) -> Iterator[sqlite3.Connection]:
    """Lend the only connection to a database; it holds the exclusive lock between its transactions as well.

    ``Connection.backup`` waits for ever for a lock on its destination, and refuses one that is in a transaction:
    in this locking mode a lock that was taken stays (https://sqlite.org/pragma.html#pragma_locking_mode).
    """
    with contextlib.closing(open_existing(database, limits)) as con:
        leave_wal(con, database)
        con.execute("PRAGMA locking_mode=EXCLUSIVE").fetchone()
        con.execute("BEGIN EXCLUSIVE")
        con.execute("COMMIT")
        yield con


def require_exclusive_access(database: Path) -> None:
    """Nobody else has the database open in a way that would keep us from writing to it; it is as it was.

    Raises:
        ProblemError: Somebody has.
    """
    was_wal = write_version(database) != 1
    with translate_sqlite_errors(database), exclusive_connection(database):
        pass
    if was_wal:
        restore_wal_mode(database)


@contextlib.contextmanager
def translate_sqlite_errors(database: Path) -> Iterator[None]:
    """An error of SQLite says which database it is about, and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        if is_in_use(error):
            problem = in_use(database.name, "is locked by another process. It is as it was.", _STOP)
        else:
            text = f"cannot be restored ({error}). It is as it was."
            problem = Problem("not-restored", database.name, text, "See to it and roll back again.")
        raise ProblemError(problem) from error


def _keep_copy(con: sqlite3.Connection, database: Path, folder: Path, known: DatabaseState | None) -> str:
    """A copy of the database is in the backup set, if its content is another than the known one."""
    if known and (_same_bytes(database, known, limits_of(con)) or read_contents(con).digest == known.digest):
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


def _same_bytes(database: Path, known: DatabaseState, limits: Limits) -> bool:
    """Whether its files are, to the byte, those that were read; asked while nobody else can write to them."""
    if not known.file_digests:
        return False
    with ReadWorker(
        "bytes", database, limits=limits
    ) as worker:  # not in this process: to close the file would drop the lock
        return tuple(worker.result()) == known.file_digests


def _unused_path(folder: Path, name: str) -> Path:
    """Return the path of that name, or of ``<name>.2``, ``<name>.3``, ...: what a set holds is never overwritten."""
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

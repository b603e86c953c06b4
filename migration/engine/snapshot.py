"""Snapshot: a live database copied for a rehearsal, without a byte or a name of the workspace being changed."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.connections import open_new
from migration.engine.errors import EngineError
from migration.engine.files import MAGIC, has_hot_journal, is_wal
from migration.engine.guard import looking
from migration.engine.processes import lock_owner

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

_HEADER_BYTES = 100
_TRIES = 5
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def snapshot(live: Path, copy: Path) -> None:
    """Copy one database as a reader would see it; the copy has the mode of the original.

    A database that nobody has open and that has rows in its ``-wal``, or a hot journal, is copied with these files:
    opening it in place would change the folder. One that is in use is read through SQLite, which also changes nothing
    then, its sidecars being there already. A file that is no database is copied as it is, damaged pages likewise.

    Raises:
        EngineError: It cannot be read, or is locked, or written so fast that no copy of one state could be made.
    """
    try:
        if _copied_with_files(live) or not _copied_through_sqlite(live, copy):
            _copy_files(live, copy)
        copy.chmod(live.stat().st_mode & 0o777 | 0o600)
    except OSError as error:
        raise not_copied(live, error) from error


def not_copied(file: Path, error: OSError) -> EngineError:
    """Return an error of the operating system as one of the engine's.

    The file cannot be read, or there is no space for its copy.
    """
    left = "Nothing was changed."
    if error.errno in _NO_SPACE:
        what = f"{file.name} cannot be copied ({error.strerror})."
        return EngineError(what, left=left, todo="Free some space, or set TMPDIR to a larger disk.", id="no-space")
    beside = Path(error.filename).name if isinstance(error.filename, str) else file.name
    reason = str(error.strerror or error) + ("" if beside == file.name else f": {beside}")
    what = f"{file.name} cannot be read ({reason})."
    return EngineError(what, left=left, todo="Give read permission and run again.", id="unreadable")


def _copied_with_files(live: Path) -> bool:
    with live.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(MAGIC) or len(head) < _HEADER_BYTES:
        return True
    if has_hot_journal(live):
        return lock_owner(live) is None
    return is_wal(live) and lock_owner(live) is None


def _copy_files(live: Path, copy: Path) -> None:
    names = ["", "-wal", "-journal"]
    for _ in range(_TRIES):
        before = _stats(live, names)
        for suffix in names:
            _with(copy, suffix).unlink(missing_ok=True)
            if _with(live, suffix).exists():
                shutil.copyfile(_with(live, suffix), _with(copy, suffix))
        if _stats(live, names) == before:
            return
    raise EngineError(
        f"{live.name} is being written to by another process.",
        left="Nothing was changed.",
        todo="Rehearse when it is quiet, or stop the process.",
        id="in-use",
    )


def _copied_through_sqlite(live: Path, copy: Path) -> bool:
    """Copy one state of a database; False when it is damaged: the rehearsal is to see the damage."""
    con = open_new(copy)
    try:
        with looking(live) as source:
            # A read transaction first: Connection.backup() would wait for a lock without end. This reads the header
            # and no more: what is in the schema may be made to cost much, and is looked at within a deadline.
            source.execute("BEGIN")
            source.execute("PRAGMA schema_version").fetchone()
            source.backup(con)
    except sqlite3.OperationalError as error:
        locked = "locked" in str(error) or "busy" in str(error)
        raise EngineError(
            f"{live.name} {'is locked by another process' if locked else 'cannot be read'} ({error}).",
            left="Nothing was changed.",
            todo="Stop the process that uses it and run again." if locked else "Give read permission and run again.",
            id="in-use" if locked else "unreadable",
        ) from error
    except sqlite3.DatabaseError:
        return False
    finally:
        con.close()
    return True


def _stats(path: Path, suffixes: list[str]) -> list[tuple[int, int, int] | None]:
    found: list[tuple[int, int, int] | None] = []
    for suffix in suffixes:
        try:
            status = _with(path, suffix).stat()
            found.append((status.st_size, status.st_mtime_ns, status.st_ino))
        except FileNotFoundError:
            found.append(None)
    return found


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)

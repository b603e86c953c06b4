"""Copy databases and code files into a backup set and verify each copy."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import replace
from functools import partial
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import (
    make_private_folder,
    make_private_folders,
    sync,
    sync_folder,
    write_new,
    write_private,
    written_file_named,
)
from sqlite_consolidate.engine.backup.copy_contents import is_settled
from sqlite_consolidate.engine.backup.ledger import NAME as LEDGER
from sqlite_consolidate.engine.backup.manifest import CodeCopy, DatabaseCopy
from sqlite_consolidate.engine.backup.page_copies import copy_pages, is_copied_by_pages
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.dump import write_dump
from sqlite_consolidate.engine.content.page_proof.rows import PageRows
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES, DumpLoads
from sqlite_consolidate.engine.sqlite.connections import open_new, open_readonly
from sqlite_consolidate.engine.sqlite.errors import written_database_named
from sqlite_consolidate.engine.sqlite.limits import Limits, size_reader
from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN, SIDECARS, sidecar_path
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.regular_files import read_regular

if TYPE_CHECKING:
    from collections.abc import Collection

    from _typeshed import ReadableBuffer

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase


IGNORE = ".gitignore"
_IGNORE_ALL = b"# This folder has copies of databases, with all their rows.\n*\n"
"""Content of the ``.gitignore`` in a folder of copies.

Earlier releases put one with another comment beside the backup sets, where it hides files of the user as well.
"""

_UNFINISHED = re.compile(rf"\.(?:part|sql\.reloaded)(?:{SIDECAR_PATTERN})?$")


def create_backup_set(folder: Path) -> None:
    """Create the folders of a backup set, readable by the operator alone.

    Raises:
        FileExistsError: A backup set of that name exists already.
    """
    make_private_folders(folder.parent)
    sync_folder(folder.parent.parent)  # the lock of the run has made the folder without this
    make_private_folder(folder)
    ignore_folder(folder)
    make_private_folder(folder / "databases")
    make_private_folder(folder / "code")


def ignore_folder(folder: Path) -> None:
    """Let git ignore a folder of copies, and nothing beside it.

    The rules of an inner folder precede those of an outer one (https://git-scm.com/docs/gitignore).
    """
    write_private(folder / IGNORE, _IGNORE_ALL)


def has_copies(folder: Path, names: Collection[str]) -> bool:
    """Return whether a folder is a backup set or another folder of copies.

    Args:
        folder: The folder.
        names: Names of its files.
    """
    if LEDGER in names:
        return True
    try:
        return IGNORE in names and read_regular(folder / IGNORE) == _IGNORE_ALL
    except OSError:
        return False


def copy_database(database: InspectedDatabase, folder: Path, name: str = "") -> DatabaseCopy:
    """Copy one locked database.

    The write lock keeps other processes from writing, so the copy has one state. SQLite's backup API copies a small
    database, or one whose ``-wal`` has rows (https://sqlite.org/backup.html), and the contents of the copy are read.
    The bytes of any other one are copied, with the digest of what was read. Its contents are those that were inspected
    if the file system reports no change since then. Otherwise the contents of the copy are read as well.

    Args:
        database: The database.
        folder: The backup set.
        name: Name of the copy, without an ending. The name of the database if it is empty.

    Returns:
        The entry for the manifest. Its digests are those of the original, so the copy has to be compared with them
        before anything relies on it.

    Raises:
        ProblemError: The contents of copy and original differ, or another database of the plan has the same name.
        sqlite3.Error: SQLite cannot copy the database, or the run is interrupted.
        OSError: The disk is full or broken.
    """
    final = folder / "databases" / f"{name or database.name}.db"
    if final.exists():
        text = f"two databases are named {database.name!r}: one backup would overwrite the other."
        hint = f"Give the source {database.file} another name in the plan."
        raise ProblemError(Problem("name-twice", database.file, text, hint))
    part = final.with_name(final.name + ".part")
    database.write_lock.limits.progress.begin(database.size, "bytes", size_reader(part))
    with written_database_named(part):
        is_by_pages = is_copied_by_pages(database.write_lock)
        sha256 = copy_pages(database.write_lock, part) if is_by_pages else _copy_through_sqlite(database, part)
    live = database.write_lock.path.stat()
    if not is_by_pages or not is_settled(live.st_ctime_ns, database.read_from):
        _require_inspected_contents(database, part)
    publish_file(part, final, sync_name=False)
    return DatabaseCopy(
        role="target" if database.name == "target" else "source",
        name=database.name,
        file=database.file,
        copy=f"databases/{final.name}",
        size=final.stat().st_size,
        sha256=sha256,
        digest=database.digest,
        tables=database.digests,
        mode=live.st_mode & 0o777,
        journal_mode=database.schema.header["journal_mode"],
    )


def _copy_through_sqlite(database: InspectedDatabase, part: Path) -> str:
    """Copy a database with SQLite's backup API.

    The copy leaves WAL mode, so that it needs no sidecar files.

    Returns:
        The digest of the bytes of the copy.
    """
    con = open_new(part, database.write_lock.limits)
    try:
        con.execute("PRAGMA synchronous=OFF")  # the finished file is synced before it gets its name
        database.write_lock.reader.backup(con)
        con.execute("PRAGMA journal_mode=DELETE").fetchone()
    finally:
        con.close()
    return digest_file(part)


def _require_inspected_contents(database: InspectedDatabase, part: Path) -> None:
    """Raise unless a copy has the contents that were inspected.

    Raises:
        ProblemError: Its contents are others.
    """
    if read_contents(part, database.write_lock.limits).digest != database.digest:
        text = "the contents of its backup and of the database differ."
        raise ProblemError(Problem("copy-differs", database.file, text, "Check the disk, and run again."))


def sync_copies(folder: Path) -> None:
    """Sync the names of all copies in a backup set, which must precede its manifest."""
    sync_folder(folder / "databases")


def dump_database(
    copy: DatabaseCopy, folder: Path, limits: Limits | None = None, loads: DumpLoads | None = None
) -> DatabaseCopy:
    """Write the SQL dump of a copy, and return the copy with its dump.

    The page reader writes the rows of large tables. If it declines a table too late, the dump is written anew.

    Args:
        copy: The copy.
        folder: The backup set.
        limits: Limits of the run.
        loads: Begins to load a large dump while it is written.

    Raises:
        FileExistsError: There is a file of its name.
        sqlite3.Error: SQLite cannot read the copy.
        OSError: The disk is full or broken.
    """
    limits, path = limits or Limits(), (folder / copy.copy).with_suffix(".sql")
    pages = PageRows(folder / copy.copy, {name: table.rows for name, table in copy.tables.items()})
    sha256 = _write_dump(copy, folder, path, limits, loads, pages)
    if not pages.are_whole:
        path.unlink()
        sha256 = _write_dump(copy, folder, path, limits, loads)
    sync(path)
    return replace(copy, dump=f"databases/{path.name}", dump_sha256=sha256)


def _write_dump(
    copy: DatabaseCopy,
    folder: Path,
    path: Path,
    limits: Limits,
    loads: DumpLoads | None,
    pages: PageRows | None = None,
) -> str:
    """Write the dump of a copy, and return the digest of its bytes."""
    limits.progress.begin(sum(table.rows for table in copy.tables.values()))
    raw = _DigestedFile(path)
    with TextIOWrapper(BufferedWriter(raw), "utf-8", "surrogateescape", "\n") as out:
        if loads and copy.size >= PARALLEL_MIN_BYTES:
            loads.begin(path)
        with contextlib.closing(open_readonly(folder / copy.copy, limits)) as con:
            write_dump(con, out, pages)
    if loads and copy.size >= PARALLEL_MIN_BYTES:
        loads.mark_complete()
    return raw.sha256.hexdigest()


class _DigestedFile(FileIO):
    """Create a private file, and digest the bytes that are written to it.

    An existing file and a symbolic link are refused.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "xb", opener=partial(os.open, mode=0o600))
        self.sha256 = hashlib.sha256()

    def write(self, data: ReadableBuffer, /) -> int:
        with written_file_named(Path(os.fsdecode(self.name))):
            written = super().write(data)
        self.sha256.update(memoryview(data)[:written])
        return written


def copy_code(root: Path, files: list[str], folder: Path) -> tuple[CodeCopy, ...]:
    """Copy the code files that the run will rewrite, with their permission bits."""
    copies = []
    for index, file in enumerate(files):
        data = (root / file).read_bytes()
        name = f"code/{index:03d}-{Path(file).name}"
        write_new(folder / name, data)
        mode = (root / file).stat().st_mode & 0o777
        copies.append(CodeCopy(file, name, len(data), digest_file(folder / name), mode))
    return tuple(copies)


def remove_unfinished_copies(folder: Path) -> None:
    """Remove the temporary files that a killed run has left in a backup set.

    No source name can make a copy look like one of them, because the names of copies end in ``.db`` and ``.sql``. A
    folder is none, whatever its name.
    """
    for path in (folder / "databases").iterdir():
        if _UNFINISHED.search(path.name) and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def publish_file(part: Path, final: Path, *, sync_name: bool = True) -> None:
    """Rename a finished file to its final name.

    With ``sync_name=False`` the caller has to sync the folder.

    Its bytes are on disk before the name is. Leftover sidecar files are deleted first, because SQLite ignores an error
    when it deletes the sidecar files of a copy that was in WAL mode. They hold no rows any more.
    """
    for suffix in SIDECARS:
        sidecar_path(part, suffix).unlink(missing_ok=True)
    sync(part)
    part.rename(final)
    if sync_name:
        sync_folder(final.parent)

"""Find the database files that were created, changed or removed while applications ran."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.atomic_files import make_private_folder, move
from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS, WAL
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

Identity = tuple[int, int]

_MAGIC = b"SQLite format 3\0"
_DATABASE_NAMES = ("*.db", "*.db3", "*.sqlite*")
_SKIPPED_FOLDERS = frozenset({".git", "node_modules", "__pycache__"})
_VENV_MARKER = "pyvenv.cfg"  # the file that makes a folder one


_FINGERPRINT = Struct("=QqQQq")
"""What the file system reports about a database and its ``-wal``, packed because there may be very many files.

A write changes size or time of one of them, and a new file has another inode. A ``-wal`` without bytes counts as none,
because mere reading leaves an empty one, or takes it away.
"""


@dataclass(frozen=True)
class DatabaseChange:
    """Hold the change of one database file, named relative to the workspace."""

    file: str
    kind: Literal["created", "changed", "removed"]


def fingerprint_databases(
    root: Path, *, never_open: frozenset[Identity], skip: Collection[Path] = ()
) -> dict[str, bytes]:
    """Return the fingerprint of each SQLite database below ``root``, by relative path.

    A database is recognised by its first 16 bytes. An empty or unreadable file is recognised by its name. Symbolic
    links are not followed. ``.git``, ``node_modules``, ``__pycache__`` and virtual environments are skipped.

    Args:
        root: The workspace.
        never_open: Device and inode of databases to which this process has connections. Opening and closing such a file
            would release their locks. They count as databases without being read.
        skip: Folders to skip, such as backups and reports; a missing folder is no mistake.
    """
    root = root.resolve()
    fingerprints = {}
    for entry in _files(root, frozenset(str(folder.resolve()) for folder in skip)):
        try:
            status = entry.stat(follow_symlinks=False)
            if _is_database(entry, status, never_open):
                fingerprints[Path(entry.path).relative_to(root).as_posix()] = _fingerprint(entry.path, status)
        except FileNotFoundError:  # gone since the folder was listed
            continue
    return fingerprints


def compare_fingerprints(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[DatabaseChange]:
    """Return the changes between two sets of fingerprints, by file name."""
    return [
        DatabaseChange(file, "created" if file not in before else "removed" if file not in after else "changed")
        for file in sorted(before.keys() | after.keys())
        if before.get(file) != after.get(file)
    ]


def quarantine_databases(root: Path, files: Iterable[str], folder: Path, *, deed: str = "made") -> list[str]:
    """Move databases with their sidecar files into ``folder`` and delete nothing.

    Args:
        root: The workspace.
        files: Relative to it; a file that no longer exists is skipped.
        folder: Created if there is something to move.
        deed: What an application did to them, for the sentences.

    Returns:
        One sentence for each database. A database that could not be moved is named, and stays.
    """
    sentences = []
    for file in files:
        try:
            if not os.path.lexists(root / file):
                continue
            if not folder.exists():
                make_private_folder(folder)
            for suffix in (*SIDECARS, ""):
                if os.path.lexists(root / (file + suffix)):
                    _move_away(root / (file + suffix), folder / (file + suffix).replace("/", "__"))
            sentences.append(
                f"moved {one_line(file)}, which an application {deed}, into {folder.name} of the backup set"
            )
        except (OSError, ProblemError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.problems[0].what
            sentences.append(f"{one_line(file)}, which an application {deed}, is still there ({reason}): remove it")
    return sentences


def _move_away(path: Path, destination: Path) -> None:
    """Move a file, a link, or a folder, which can have no second name.

    Raises:
        FileExistsError: The destination exists.
        ProblemError: The file system cannot give a file a second name.
        OSError: A folder cannot be written.
    """
    if path.is_symlink() or not path.is_dir():
        move(path, destination)
    elif os.path.lexists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(destination))
    else:
        path.rename(destination)


def _files(root: Path, passed_over: frozenset[str]) -> Iterator[os.DirEntry[str]]:
    """Yield every regular file below ``root`` in the folders that can be listed."""
    folders = [os.fspath(root)]
    while folders:
        try:
            with os.scandir(folders.pop()) as listing:
                entries = list(listing)
        except OSError:
            continue
        if any(entry.name == _VENV_MARKER for entry in entries):
            continue
        folders += [
            entry.path
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and entry.name not in _SKIPPED_FOLDERS
            and entry.path not in passed_over
        ]
        yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))


def _is_database(entry: os.DirEntry[str], status: os.stat_result, never_open: frozenset[Identity]) -> bool:
    if (status.st_dev, status.st_ino) in never_open:
        return not entry.name.endswith(SIDECARS)
    if entry.name.endswith(SIDECARS):  # part of a database, on which this process may hold locks
        return False
    if status.st_size:
        try:
            with Path(entry.path).open("rb", buffering=0) as file:
                return file.read(len(_MAGIC)) == _MAGIC
        except PermissionError:
            pass
    return any(fnmatch(entry.name.lower(), pattern) for pattern in _DATABASE_NAMES)


def _fingerprint(path: str, status: os.stat_result) -> bytes:
    wal_size = wal_mtime = 0
    with suppress(FileNotFoundError):
        wal = os.lstat(path + WAL)
        if stat.S_ISREG(wal.st_mode) and wal.st_size:
            wal_size, wal_mtime = wal.st_size, wal.st_mtime_ns
    return _FINGERPRINT.pack(status.st_size, status.st_mtime_ns, status.st_ino, wal_size, wal_mtime)

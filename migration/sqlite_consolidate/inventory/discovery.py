"""Find the files of a workspace that are SQLite databases, or are named like one.

A database is recognised by its header.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.git import ignored_files
from sqlite_consolidate.engine.code.scanning.scanned_files import SKIPPED_FOLDERS
from sqlite_consolidate.engine.sqlite.files import MAGIC
from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = 4096  # bytes that are read of a file: enough for the header, and to tell encrypted bytes from text
_DATABASE_NAME = re.compile(r"\.(s?db3?|sqlite3?|s3db)([.~-].*)?$", re.IGNORECASE)
_SIDECAR_NAME = re.compile(rf"({SIDECAR_PATTERN})$", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """Hold a file that is a database or is named like one.

    Attributes:
        file: Path relative to the workspace, "/"-separated.
        size: Bytes of the file alone.
        modified: Seconds since the epoch.
        identity: Device and inode. Two names of one file have the same identity.
        head: The first bytes. Empty for an empty file, and for a file that cannot be read.
        unread_reason: Why the file is not read; else empty.
        is_link: True for a symbolic link.
    """

    file: str
    size: int
    modified: float
    identity: tuple[int, int]
    head: bytes
    unread_reason: str = ""
    is_link: bool = False

    @property
    def is_database(self) -> bool:
        """Return whether the file has SQLite's header."""
        return self.head.startswith(MAGIC)


@dataclass(frozen=True)
class SkippedFolder:
    """Hold a folder that was not searched because git ignores it.

    Attributes:
        folder: Path relative to the workspace.
        databases: Number of files in it that are named like databases.
    """

    folder: str
    databases: int


@dataclass(frozen=True)
class Discovery:
    """Hold the result of a walk through a workspace."""

    candidates: tuple[Candidate, ...]
    skipped_folders: tuple[SkippedFolder, ...]
    files: int


def discover(root: Path) -> Discovery:
    """Walk through a workspace and read the first bytes of every file.

    Caches, virtual environments, ``node_modules``, folders that git ignores, and links to folders are left out.
    A single file that git ignores stays, because databases nearly always are ignored.
    This process must have no connection to any of the databases, because closing a file drops its POSIX locks.

    Args:
        root: The workspace, resolved.
    """
    folders = dict(_folders(root))
    unwanted = _outermost(_ignored(root, list(folders)))
    files = [file for folder, names in folders.items() if not _within(folder, unwanted) for file in names]
    skipped_folders = [
        SkippedFolder(
            top,
            sum(
                _is_named_like_database(file)
                for parent, names in folders.items()
                if _within(parent, [top])
                for file in names
            ),
        )
        for top in unwanted
    ]
    candidates = [candidate for file in files if (candidate := _candidate(root, file))]
    return Discovery(tuple(candidates), tuple(skipped_folders), len(files))


def _folders(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield every folder that may be searched, with its files, relative to the root."""
    for directory, folders, names in os.walk(root):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        folder = Path(directory).relative_to(root).as_posix().removeprefix(".")
        yield folder, [f"{folder}/{name}" if folder else name for name in sorted(names)]


def _ignored(root: Path, folders: list[str]) -> frozenset[str]:
    """Return the folders that git ignores.

    None is returned where git ignores the workspace itself, because the operator named it.
    """
    ignored_folders = ignored_files(root, [folder or "." for folder in folders])
    return frozenset() if "." in ignored_folders else ignored_folders


def _outermost(folders: frozenset[str]) -> list[str]:
    return [folder for folder in sorted(folders) if not any(folder.startswith(f"{other}/") for other in folders)]


def _within(folder: str, tops: list[str]) -> bool:
    return any(folder == top or folder.startswith(f"{top}/") for top in tops)


def _is_named_like_database(file: str) -> bool:
    return bool(_DATABASE_NAME.search(file)) and not _SIDECAR_NAME.search(file)


def _candidate(root: Path, file: str) -> Candidate | None:
    """Return the file if it is a database or is named like one."""
    path = root / file
    try:
        status = path.lstat()
    except OSError:  # removed since the folder was listed
        return None
    candidate = Candidate(file, status.st_size, status.st_mtime, (status.st_dev, status.st_ino), b"")
    if stat.S_ISLNK(status.st_mode):
        link = _unread(candidate, f"a symbolic link to {os.readlink(path)}")  # noqa: PTH115
        return replace(link, is_link=True) if _is_named_like_database(file) else None
    if not stat.S_ISREG(status.st_mode):
        return None
    try:
        candidate = Candidate(candidate.file, candidate.size, candidate.modified, candidate.identity, _head(path))
    except OSError as error:
        return _unread(candidate, f"it cannot be read: {error.strerror}") if _is_named_like_database(file) else None
    return candidate if candidate.is_database or _is_named_like_database(file) else None


def _unread(candidate: Candidate, reason: str) -> Candidate:
    return Candidate(candidate.file, candidate.size, candidate.modified, candidate.identity, b"", reason)


def _head(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        head = os.read(handle, len(MAGIC))
        return head + os.read(handle, HEAD - len(head)) if head == MAGIC or _is_named_like_database(path.name) else head
    finally:
        os.close(handle)

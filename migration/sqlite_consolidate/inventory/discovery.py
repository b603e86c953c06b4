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

from sqlite_consolidate.engine.backup.copies import has_copies
from sqlite_consolidate.engine.code.git import ignored_files
from sqlite_consolidate.engine.code.scanning.scanned_files import SKIPPED_FOLDERS
from sqlite_consolidate.engine.sqlite.files import MAGIC
from sqlite_consolidate.engine.sqlite.limits import Progress
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
    """Hold the result of a walk through a workspace.

    Attributes:
        skipped_folders: Folders that git ignores.
        unsearched: Folder that could not be searched, to the reason.
        files: Number of files in the folders that were searched.
    """

    candidates: tuple[Candidate, ...]
    skipped_folders: tuple[SkippedFolder, ...]
    unsearched: dict[str, str]
    files: int


def discover(root: Path, progress: Progress | None = None) -> Discovery:
    """Walk through a workspace and read the first bytes of every file.

    Caches, virtual environments, ``node_modules``, backup sets, folders that git ignores, and links to folders are
    left out.
    A single file that git ignores stays, because databases nearly always are ignored.
    This process must have no connection to any of the databases, because closing a file drops its POSIX locks.

    Args:
        root: The workspace, resolved.
        progress: Shows how many files were read.
    """
    progress = progress or Progress()
    unsearched: dict[str, str] = {}
    folders = dict(_folders(root, unsearched))
    unwanted = frozenset(_outermost(_ignored(root, list(folders))))
    files: list[str] = []
    skipped = dict.fromkeys(sorted(unwanted), 0)
    for folder, names in folders.items():
        if top := _top_of(folder, unwanted):
            skipped[top] += sum(map(_is_named_like_database, names))
        else:
            files += names
    progress.begin(len(files), "files")
    candidates = []
    for file in files:
        progress.counted += 1
        if candidate := _candidate(root, file):
            candidates.append(candidate)
    skipped_folders = tuple(SkippedFolder(*each) for each in skipped.items())
    return Discovery(tuple(candidates), skipped_folders, unsearched, len(files))


def _folders(root: Path, unsearched: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield every folder that may be searched, with its files, relative to the root.

    Folders that cannot be searched are added to ``unsearched``. Links to folders are not followed.
    """

    def _note(error: OSError) -> None:
        unsearched[_relative(root, error.filename) or "."] = f"it cannot be read: {error.strerror}"

    for directory, folders, names in os.walk(root, onerror=_note):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        parent = _relative(root, directory)
        if parent and has_copies(Path(directory), names):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        inside = f"{parent}/" if parent else ""
        for name in folders:
            if reason := _leads_out(root, Path(directory, name)):
                unsearched[inside + name] = reason
        yield parent, [inside + name for name in sorted(names)]


def _relative(root: Path, directory: str) -> str:
    """Return a path relative to the root, which itself is empty."""
    return directory.removeprefix(str(root)).lstrip("/")


def _leads_out(root: Path, folder: Path) -> str:
    """Return why a link to a folder is not searched.

    The text is empty for a folder that has another path in the workspace as well.
    """
    if not folder.is_symlink() or folder.resolve().is_relative_to(root):
        return ""
    return "it is a symbolic link that leads out of the workspace"


def _ignored(root: Path, folders: list[str]) -> frozenset[str]:
    """Return the folders that git ignores.

    None is returned where git ignores the workspace itself, because the operator named it.
    """
    ignored_folders = ignored_files(root, [folder or "." for folder in folders])
    return frozenset() if "." in ignored_folders else ignored_folders


def _outermost(folders: frozenset[str]) -> list[str]:
    return [folder for folder in folders if not _top_of(folder.rpartition("/")[0], folders)]


def _top_of(folder: str, tops: frozenset[str]) -> str:
    """Return the folder of some that a folder is or is in, or an empty text."""
    while folder and folder not in tops:
        folder = folder.rpartition("/")[0]
    return folder


def _is_named_like_database(file: str) -> bool:
    return bool(_DATABASE_NAME.search(file)) and not _SIDECAR_NAME.search(file)


def _candidate(root: Path, file: str) -> Candidate | None:
    """Return the file if it is a database or is named like one."""
    path, is_named = f"{root}/{file}", _is_named_like_database(file)
    try:
        status = os.lstat(path)
        head = _head(path) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        return Candidate(file, 0, 0, (0, 0), b"", f"it cannot be read: {error.strerror}") if is_named else None
    candidate = Candidate(file, status.st_size, status.st_mtime, (status.st_dev, status.st_ino), head)
    if stat.S_ISLNK(status.st_mode):
        reason = f"it is a symbolic link to {os.readlink(path)}"  # noqa: PTH115 -- a hundred thousand files
        return replace(candidate, unread_reason=reason, is_link=True) if is_named else None
    return candidate if stat.S_ISREG(status.st_mode) and (candidate.is_database or is_named) else None


def _head(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        head = os.read(handle, HEAD)
    finally:
        os.close(handle)
    return head if head.startswith(MAGIC) or _is_named_like_database(path) else head[: len(MAGIC)]

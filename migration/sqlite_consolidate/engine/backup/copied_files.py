"""List the files that the copy of a workspace has."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
import tempfile
from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.files import MAGIC, file_status, size_with_sidecars
from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN, SIDECARS, WAL
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Identity = tuple[int, int]

_ENVIRONMENT_MARKERS = frozenset({"pyvenv.cfg", "conda-meta"})  # a folder with one of them is a virtual environment
NODE_MODULES = "node_modules"

SPARSE_MIN = 1_000_000  # size in bytes from which this module looks for holes in a file
_TEMPORARY = "consolidate-"  # beginning of the names of this package's temporary folders
_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "CVS"})
_CACHES = frozenset(
    {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".ipynb_checkpoints"}
)
_ARCHIVE = re.compile(rf"\.archived_\d{{8}}_\d{{6}}({SIDECAR_PATTERN})?$")


class Reason(Enum):
    """Name why a file or folder is not in the copy."""

    BACKUPS = "backups"
    ARCHIVE = "archives"
    VERSION_CONTROL = "version control"
    CACHE = "caches"
    REPORTS = "reports"
    EXCLUDED = "what the plan excludes"
    TEMPORARY = "temporary folders of this tool"
    SPECIAL = "files that are no regular files"


class Kind(Enum):
    """Name how an entry is copied."""

    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    ENVIRONMENT = "environment"
    """A virtual environment or ``node_modules``, which is used from where it is."""


@dataclass(frozen=True)
class Entry:
    """Hold a file or folder that the copy has.

    Attributes:
        name: Path relative to the workspace, "/"-separated.
        kind: How it is copied.
        size: Bytes that a file needs on disk, including its ``-wal``.
        is_named: Whether the plan names it or a folder that holds it. A run needs such a file.
    """

    name: str
    kind: Kind
    size: int = 0
    is_named: bool = False


@dataclass
class CopiedFiles:
    """Hold the files and folders of a copy, each folder before its contents.

    Attributes:
        entries: Each of them, by name.
        left_out: Names of files and folders that the copy does not have, by reason.
        unlisted: Folders that could not be listed, with the error of each.
        idle_patterns: Patterns of the plan that leave nothing out.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    left_out: dict[Reason, list[str]] = field(default_factory=dict)
    unlisted: dict[str, OSError] = field(default_factory=dict)
    idle_patterns: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(entry.size for entry in self.entries.values())

    def of_kind(self, kind: Kind) -> list[Entry]:
        """Return the entries of a kind."""
        return [entry for entry in self.entries.values() if entry.kind is kind]

    def __str__(self) -> str:
        files = counted(len(self.of_kind(Kind.FILE)), "file")
        return f"{files}, {self.size / 1e6:.1f} MB"


@dataclass(frozen=True)
class Omissions:
    """Describe what a copy does not have, beside caches and version control.

    Attributes:
        databases: Databases of the plan, relative to the workspace. Their sidecar files are copied with them.
        backups: Folder of the backup sets, relative to the workspace.
        reports: Files and folders of reports, as absolute paths.
        patterns: Shell patterns of the plan, relative to the workspace.
        identities: Device and inode of databases that are neither copied nor opened.
    """

    databases: frozenset[str]
    backups: str
    reports: tuple[Path, ...] = ()
    patterns: Sequence[str] = ()
    identities: frozenset[Identity] = frozenset()


def list_copied_files(live: Path, named: Iterable[str], omissions: Omissions, *, complete: bool) -> CopiedFiles:
    """Return what the copy of a workspace has.

    Files and trees that the plan names come first. They are copied even if they are in a folder that is left out.

    Args:
        live: The workspace.
        named: Files and folders that the plan names, relative to the workspace.
        omissions: What the copy does not have.
        complete: Whether the copy has all other files as well.
    """
    listing = _Listing(live, omissions)
    for name in named:
        listing.add_named(posixpath.normpath(name))
    if complete:
        listing.add_tree(".", is_named=False)
        listing.result.idle_patterns = listing.idle_patterns
    return listing.result


class _Listing:
    def __init__(self, live: Path, omissions: Omissions) -> None:
        self.result = CopiedFiles()
        self._live, self._omissions = live, omissions
        self._reports = {path.relative_to(live).as_posix() for path in omissions.reports if path.is_relative_to(live)}
        self._patterns = [posixpath.normpath(pattern) for pattern in omissions.patterns]
        self._holders: set[str] = set()  # folders on the way to something that the plan names
        self._walked: set[str] = set()
        self._used: set[str] = set()  # patterns that have left something out
        temporary, root = Path(tempfile.gettempdir()).resolve(), live.resolve()
        self._temporary = temporary.relative_to(root) / _TEMPORARY if temporary.is_relative_to(root) else None

    @property
    def idle_patterns(self) -> list[str]:
        """Return the patterns of the plan that have left nothing out so far."""
        return [pattern for pattern in self._patterns if pattern not in self._used]

    def add_named(self, name: str) -> None:
        """Add a file or tree that the plan names, with the folders and links that lead to it."""
        try:
            for parent in [*reversed(PurePosixPath(name).parents)][1:]:
                mode = (self._live / parent).lstat().st_mode
                if stat.S_ISLNK(mode):
                    self._add_link(parent.as_posix(), is_named=True)
                    self._add_destination(self._live / name)
                    return
                self._add(Entry(parent.as_posix(), Kind.FOLDER, is_named=True))
                self._holders.add(parent.as_posix())
            mode = (self._live / name).lstat().st_mode
        except OSError:  # missing, which the preflight of the copy reports
            return
        if stat.S_ISDIR(mode):
            self.add_tree(name, is_named=True)
        else:
            self._add_file(name, (self._live / name).lstat(), is_named=True)

    def add_tree(self, tree: str, *, is_named: bool) -> None:
        """Add a folder with everything below it that is not left out."""
        if tree != ".":
            self._add(Entry(tree, Kind.FOLDER, is_named=is_named))
        folders = deque([tree])
        while folders:
            folder = folders.popleft()
            if folder in self._walked:
                continue
            self._walked.add(folder)
            try:
                with os.scandir(self._live / folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self.result.unlisted[folder] = error
                continue
            names = {entry.name for entry in entries}
            if folder != tree and _holds_libraries(folder, names):
                if folder not in self._holders:
                    self.result.entries[folder] = Entry(folder, Kind.ENVIRONMENT)
                continue
            for entry in entries:
                name = entry.name if folder == "." else f"{folder}/{entry.name}"
                if self._is_left_out(name, entry) or self._is_sidecar(name, names):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    self._add(Entry(name, Kind.FOLDER, is_named=is_named))
                    folders.append(name)
                else:
                    self._add_file(name, entry.stat(follow_symlinks=False), is_named=is_named)

    def _add_file(self, name: str, status: os.stat_result, *, is_named: bool) -> None:
        if stat.S_ISLNK(status.st_mode):
            self._add_link(name, is_named=is_named)
        elif not stat.S_ISREG(status.st_mode):
            self._leave_out(name, Reason.SPECIAL)
        elif (status.st_dev, status.st_ino) not in self._omissions.identities:
            size = (
                size_with_sidecars(self._live / name)
                if name in self._omissions.databases
                else self._needed(name, status)
            )
            self._add(Entry(name, Kind.FILE, size, is_named))

    def _needed(self, name: str, status: os.stat_result) -> int:
        """Return the bytes that the copy of a file needs.

        A sparse file needs less than its size.
        """
        if status.st_size < SPARSE_MIN or status.st_blocks * 512 >= status.st_size:
            return status.st_size
        try:
            with (self._live / name).open("rb", buffering=0) as file:
                return sum(end - start for start, end in allocated_parts(file.fileno()))
        except OSError:  # the copy reports why it cannot be read
            return status.st_size

    def _add_link(self, name: str, *, is_named: bool) -> None:
        if self._add(Entry(name, Kind.LINK, is_named=is_named)) and is_named:
            self._add_destination(self._live / name)

    def _add_destination(self, path: Path) -> None:
        """Add the file or folder of this workspace to which a link leads."""
        root = self._live.resolve()
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
            return
        if real != root and real.is_relative_to(root) and real.exists():
            self.add_named(real.relative_to(root).as_posix())

    def _add(self, entry: Entry) -> bool:
        """Add an entry unless there is one, and return whether it is new."""
        return self.result.entries.setdefault(entry.name, entry) is entry

    def _is_left_out(self, name: str, entry: os.DirEntry[str]) -> bool:
        known = self.result.entries.get(name)
        if known is not None and known.kind is not Kind.FOLDER:  # the plan names it
            return False
        reason = self._reason(name, entry)
        if reason is not None and not (reason is Reason.ARCHIVE and self._is_held(name)):
            self._leave_out(name, reason)
        return reason is not None

    def _leave_out(self, name: str, reason: Reason) -> None:
        names = self.result.left_out.setdefault(reason, [])
        if name not in names[-1:]:
            names.append(name)

    def _reason(self, name: str, entry: os.DirEntry[str]) -> Reason | None:
        if name == self._omissions.backups:
            return Reason.BACKUPS
        if name in self._reports:
            return Reason.REPORTS
        if entry.name in _VERSION_CONTROL:
            return Reason.VERSION_CONTROL
        if entry.name in _CACHES:
            return Reason.CACHE
        if is_archive(entry.name):
            return Reason.ARCHIVE
        if self._temporary is not None and name.startswith(self._temporary.as_posix()):
            return Reason.TEMPORARY
        matching = [pattern for pattern in self._patterns if fnmatchcase(name, pattern)]
        self._used.update(matching)
        return Reason.EXCLUDED if matching else None

    def _is_sidecar(self, name: str, names: set[str]) -> bool:
        """Return whether a file belongs to a database, and count its size to that database."""
        suffix = next((suffix for suffix in SIDECARS if name.endswith(suffix)), "")
        database = name.removesuffix(suffix)
        if not suffix or posixpath.basename(database) not in names:
            return False
        if database in self._omissions.databases or self._is_held(database):
            return True
        if not is_database(self._live / database):
            return False
        entry = self.result.entries.get(database)
        if suffix == WAL and entry is not None:
            size = (self._live / name).stat().st_size
            self.result.entries[database] = replace(entry, size=entry.size + size)
        return True

    def _is_held(self, name: str) -> bool:
        status = file_status(self._live / name)
        return status is not None and (status.st_dev, status.st_ino) in self._omissions.identities


def allocated_parts(file: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of an open file for which the disk has blocks.

    Raises:
        OSError: The file system cannot tell.
    """
    size, end = os.fstat(file).st_size, 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def is_passed_over(folder: str, names: set[str]) -> bool:
    """Return whether a folder holds no files of the workspace itself.

    It is version control, a cache or a virtual environment.

    Args:
        folder: Path of the folder.
        names: Names of its entries.
    """
    name = posixpath.basename(folder)
    return name in _VERSION_CONTROL or name in _CACHES or _holds_libraries(folder, names)


def is_cache(name: str) -> bool:
    """Return whether a folder of this name is a cache."""
    return name in _CACHES


def is_version_control(name: str) -> bool:
    """Return whether a folder of this name is that of a version control system."""
    return name in _VERSION_CONTROL


def _holds_libraries(folder: str, names: set[str]) -> bool:
    return posixpath.basename(folder) == NODE_MODULES or not names.isdisjoint(_ENVIRONMENT_MARKERS)


def is_archive(name: str) -> bool:
    """Return whether a file has the name of an archived source, or of its sidecar file."""
    return _ARCHIVE.search(name) is not None


def is_environment(folder: Path) -> bool:
    """Return whether a folder is a virtual environment."""
    return any((folder / marker).exists() for marker in _ENVIRONMENT_MARKERS)


def is_database(path: Path) -> bool:
    """Return whether a file begins as SQLite databases do."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False

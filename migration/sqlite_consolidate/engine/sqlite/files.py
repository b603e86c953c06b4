"""Check the files of target and sources before any of them is opened as a database."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sidecars import CONTENT_SIDECARS, JOURNAL, WAL, sidecar_path
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.regular_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan, Source


MAGIC = b"SQLite format 3\0"
JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")  # https://sqlite.org/fileformat.html, section 3
_PAGE_SIZE = slice(16, 18)
_READ_VERSION, _WRITE_VERSION = 18, 19
_PAGE_COUNT = slice(28, 32)
_CHANGE_COUNTER, _VALID_FOR = slice(24, 28), slice(92, 96)
_LARGEST_PAGE, _SMALLEST_PAGE = 65536, 512
_NEWEST_FORMAT = 2
_HEADER_BYTES = 100


_REASONS = {
    "damaged": "damaged",
    "file-twice": "the same file as another database of the plan",
    "hard-links": "more than one hard link",
    "hot-journal": "hot journal",
    "in-use": "locked by another process",
    "newer-sqlite-needed": "written by a newer SQLite",
    "no-space": "no space for a copy",
    "not-a-database": "not a database",
    "not-a-file": "not a file",
    "out-of-proportion": "out of proportion to its size",
    "outside": "outside the workspace",
    "own-collation": "collation of its application",
    "read-only": "no permission to write",
    "sidecar-alone": "missing, with a sidecar left",
    "symbolic-link": "symbolic link",
}
_ABSENT_IDS = frozenset({"no-folder", "no-such-file"})


@dataclass(frozen=True)
class FileProblem:
    """Hold a problem that prevents reading one file.

    Attributes:
        file: Path relative to the workspace.
        problem: The problem in full.
        cause: The error that was raised, if any.
    """

    file: str
    problem: Problem
    cause: BaseException | None = None

    @property
    def reason(self) -> str:
        """Return in a few words why the file could not be read.

        It is empty when the file does not exist.
        """
        if self.problem.id in _ABSENT_IDS:
            return ""
        if isinstance(self.cause, PermissionError):
            return "no permission"
        return _REASONS.get(self.problem.id, "cannot be read")


def may_exist(path: Path) -> bool:
    """Return whether a file has this name.

    True if this user may not search its folder.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def existing_sources(plan: Plan, root: Path) -> list[Source]:
    """Return the sources that exist, in the order of transfer.

    Optional sources that do not exist are left out.
    """
    return [
        s
        for s in plan.in_order
        if not s.optional or may_exist(root / s.file) or _existing_content_sidecars(root / s.file)
    ]


def file_problems(plan: Plan, root: Path, *, skip: Collection[str] = ()) -> list[FileProblem]:
    """List the problems of the files themselves.

    A file may be missing, linked, listed twice, or not a database. Only the first 100 bytes are read, and only while no
    connection of this process has the file open.

    Args:
        plan: The plan.
        root: The workspace.
        skip: Databases of the plan whose problem is known already.
    """
    problems = [] if plan.target in skip else _target_problems(plan, root / plan.target, root)
    files: dict[tuple[int, int], str] = {}
    if identity := _identity(root / plan.target):
        files[identity] = f"the target {plan.target}"
    for source in existing_sources(plan, root):
        path = root / source.file
        if source.file in skip:
            continue
        problems += _missing_source(source, path) or _unusable_file(source.file, path, root)
        identity = _identity(path)
        twin = files.setdefault(identity, source.file) if identity else source.file
        if twin != source.file:
            fact = f"is the same file as {twin} (a link or another spelling). Its rows would be copied twice."
            hint = "Name each database once, and never the target as a source."
            problems.append(_problem(source.file, fact, hint, id="file-twice"))
    return problems


def has_hot_journal(path: Path) -> bool:
    """Return whether a rollback journal with content is beside the database.

    A crash during a transaction leaves it.
    """
    journal = sidecar_path(path, JOURNAL)
    try:
        with open_regular(journal) as file:
            return file.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC
    except OSError:
        return False


def uses_wal(path: Path) -> bool:
    """Return whether SQLite would read the database through a ``-wal``.

    It does so if the header says so, or if a ``-wal`` exists.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEADER_BYTES)
    except OSError:
        return False
    has_wal = sidecar_path(path, WAL).exists()  # SQLite reads it even if the header does not mention it
    return has_wal or (len(head) == _HEADER_BYTES and head[_READ_VERSION] == _NEWEST_FORMAT)


def size_with_sidecars(path: Path) -> int:
    """Return the bytes of a database and its ``-wal``.

    A file that is absent, or in a folder that this user may not search, counts as 0.
    """
    statuses = [file_status(path), file_status(sidecar_path(path, WAL))]
    return sum(status.st_size for status in statuses if status)


def file_status(path: Path) -> os.stat_result | None:
    """Return the status of a file.

    None if it is absent, or in a folder that this user may not search.
    """
    try:
        return path.stat()
    except OSError:
        return None


def disk_of(path: Path) -> int:
    """Return the number of the disk that has a file or folder, or that would have it."""
    return existing_folder(path).stat().st_dev


def existing_folder(path: Path) -> Path:
    """Return a folder, or the nearest one above the path that exists."""
    return next(each for each in (path, *path.parents) if each.is_dir())


def _identity(path: Path) -> tuple[int, int] | None:
    status = file_status(path)
    return (status.st_dev, status.st_ino) if status and stat.S_ISREG(status.st_mode) else None


def _existing_content_sidecars(path: Path) -> list[str]:
    """Return the suffixes of the sidecar files that may hold a part of a database."""
    paths = {suffix: sidecar_path(path, suffix) for suffix in CONTENT_SIDECARS}
    statuses = {suffix: file_status(sidecar) for suffix, sidecar in paths.items() if os.path.lexists(sidecar)}
    return [suffix for suffix, status in statuses.items() if status is None or status.st_size]


def _target_problems(plan: Plan, target: Path, root: Path) -> list[FileProblem]:
    if may_exist(target):
        return _unusable_file(plan.target, target, root)
    if _existing_content_sidecars(target):
        return [_sidecar_alone(plan.target, target)]
    folder = file_status(target.parent)
    if folder is None or not stat.S_ISDIR(folder.st_mode):
        fact = f"its folder {plan.target.rpartition('/')[0]} does not exist."
        hint = "Create the folder, or correct target in the plan."
        return [_problem(plan.target, fact, hint, id="no-folder")]
    return []


def _missing_source(source: Source, path: Path) -> list[FileProblem]:
    if may_exist(path):
        return []
    if _existing_content_sidecars(path):
        return [_sidecar_alone(source.file, path)]
    hint = "Correct file in the plan, or mark the source optional = true."
    return [_problem(source.file, "no such file.", hint, id="no-such-file")]


def _sidecar_alone(file: str, path: Path) -> FileProblem:
    # SQLite deletes the sidecar and its rows as soon as a new file of this name is opened.
    fact = f"is missing, but its {' and '.join(_existing_content_sidecars(path))} exists. Committed rows may be in it."
    return _problem(file, fact, "Restore the database beside it, or move the sidecar file away.", id="sidecar-alone")


def _full_sidecars(file: str, path: Path) -> list[FileProblem]:
    full = [
        suffix for suffix in CONTENT_SIDECARS if (status := file_status(sidecar_path(path, suffix))) and status.st_size
    ]
    if not full:
        return []
    # SQLite deletes the sidecar of an empty database as soon as it opens the database.
    fact = f"is empty, but its {' and '.join(full)} is not. Committed rows may be in it."
    hint = "Restore the database beside it, or move the sidecar file away."
    return [_problem(file, fact, hint, id="sidecar-alone")]


def _unusable_file(file: str, path: Path, root: Path) -> list[FileProblem]:
    try:
        return _path_problems(file, path, root)
    except OSError as error:
        fact = f"cannot be read ({error.strerror})."
        return [_problem(file, fact, "Give read permission and run again.", error, id="unreadable")]


def _path_problems(file: str, path: Path, root: Path) -> list[FileProblem]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        real = os.path.realpath(path)
        fact = (
            f"is a symbolic link to {os.path.relpath(real, root)}. Renaming the link would leave the database in use."
        )
        return [_problem(file, fact, "Name the real file in the plan (inside the workspace).", id="symbolic-link")]
    if not path.parent.resolve().is_relative_to(root.resolve()):
        fact = "is outside the workspace. A folder in its path is a symbolic link."
        return [_problem(file, fact, "Name the real path, inside the workspace.", id="outside")]
    if stat.S_ISDIR(mode):
        return [_problem(file, "is a directory, not a file.", "Name the database file.", id="not-a-file")]
    if not stat.S_ISREG(mode):
        return [_problem(file, "is not a regular file.", "Name the database file.", id="not-a-file")]
    if path.stat().st_nlink > 1:
        fact = f"has {path.stat().st_nlink} hard links. It would stay in use under another name."
        return [_problem(file, fact, "Keep one name of the file and run again.", id="hard-links")]
    return _header_problems(file, path) or _unreadable_sidecars(file, path)


def _header_problems(file: str, path: Path) -> list[FileProblem]:
    with path.open("rb") as database:
        head = database.read(_HEADER_BYTES)
    if not head:
        return _full_sidecars(file, path)  # an empty file is a valid, empty database
    if not head.startswith(MAGIC) or len(head) < _HEADER_BYTES:
        fact = "is not a database (or it is encrypted)."
        return [_problem(file, fact, "Correct file in the plan.", id="not-a-database")]
    if max(head[_READ_VERSION], head[_WRITE_VERSION]) > _NEWEST_FORMAT:
        fact = "was written by a future version of SQLite."
        return [_problem(file, fact, "Run with a newer SQLite.", id="newer-sqlite-needed")]
    size, stated = path.stat().st_size, _stated_size(path, head)
    if stated is not None and (size < stated or _page_size(head) < _SMALLEST_PAGE):
        fact = f"is truncated or malformed. It has {size} bytes, and its header requires {stated}."
        hint = "Restore it from a backup, or recover its rows with .recover of the sqlite3 shell."
        return [_problem(file, fact, hint, id="damaged")]
    return []


def trailing_bytes(path: Path) -> int:
    """Return the number of bytes after the last page, which belong to no table.

    SQLite ignores them, does not copy them, and writes over them when the database grows.
    """
    with open_regular(path) as database:
        head = database.read(_HEADER_BYTES)
        size = os.fstat(database.fileno()).st_size
    stated = _stated_size(path, head) if head.startswith(MAGIC) and len(head) == _HEADER_BYTES else None
    return max(size - stated, 0) if stated else 0


def _stated_size(path: Path, head: bytes) -> int | None:
    """Return the size of all pages by the header, or None if the header is not valid."""
    pages, wal = int.from_bytes(head[_PAGE_COUNT], "big"), sidecar_path(path, WAL)
    if head[_CHANGE_COUNTER] != head[_VALID_FOR] or not pages:
        return None
    if has_hot_journal(path) or (wal.exists() and wal.stat().st_size):
        return None
    return _page_size(head) * pages


def _page_size(head: bytes) -> int:
    size = int.from_bytes(head[_PAGE_SIZE], "big")
    return _LARGEST_PAGE if size == 1 else size


def _unreadable_sidecars(file: str, path: Path) -> list[FileProblem]:
    """Return a problem if this user may not read a sidecar that SQLite needs."""
    sidecars = [path.with_name(path.name + suffix) for suffix in _existing_content_sidecars(path)]
    unreadable = [sidecar.name for sidecar in sidecars if not os.access(sidecar, os.R_OK)]
    if not unreadable:
        return []
    fact = f"cannot be read (Permission denied: {', '.join(unreadable)})."
    return [_problem(file, fact, "Give read permission and run again.", PermissionError(), id="unreadable")]


def _problem(file: str, fact: str, hint: str, cause: BaseException | None = None, *, id: str) -> FileProblem:
    return FileProblem(file, Problem(id, file, fact, hint, criterion="sources-readable"), cause)


NETWORK_FILE_SYSTEMS = frozenset(
    (
        *(
            "9p",
            "afpfs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "davfs",
            "gfs",
            "gfs2",
            "glusterfs",
            "lustre",
            "ncpfs",
            "nfs",
        ),
        *("nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "virtiofs", "webdav"),
        *("fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Types in the mount table of file systems that other machines, or the host of a virtual machine, can use as well."""

_SYNCHRONIZED_FOLDERS = re.compile(
    r"(Dropbox|OneDrive|Google ?Drive|Nextcloud|ownCloud|iCloud|Mobile Documents)\b.*", re.IGNORECASE
)


def mounted_file_systems() -> dict[str, str]:
    """Return the type of each mounted file system by its mount point."""
    import psutil

    return {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}


def network_file_system(path: Path, mounted: dict[str, str] | None = None) -> str:
    """Return the type of the network file system of ``path``.

    It is empty on a local file system or where the type is unknown.

    Args:
        path: A file or folder.
        mounted: The mounted file systems, if they are known already.
    """
    kind = file_system_type(path.resolve(), mounted_file_systems() if mounted is None else mounted)
    return kind if kind in NETWORK_FILE_SYSTEMS else ""


def file_system_type(path: Path, mounted: dict[str, str]) -> str:
    """Return the type of the file system with the longest mount point above ``path``."""
    folders = [str(folder) for folder in (path, *path.parents)]
    return next((mounted[folder] for folder in folders if folder in mounted), "")


def synchronized_folder(path: Path) -> str:
    """Return the folder above ``path`` that a service synchronizes, or an empty text."""
    return next((part for part in path.resolve().parts if _SYNCHRONIZED_FOLDERS.fullmatch(part)), "")

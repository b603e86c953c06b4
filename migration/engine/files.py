"""Files: what the file system says about target and sources, before any of them is opened as a database."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from migration.plan.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from migration.plan.model import Plan, Source

MAGIC = b"SQLite format 3\0"
JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")  # https://sqlite.org/fileformat.html, section 3
_PAGE_SIZE = slice(16, 18)
_READ_VERSION, _WRITE_VERSION = 18, 19
_PAGE_COUNT = slice(28, 32)
_CHANGE_COUNTER, _VALID_FOR = slice(24, 28), slice(92, 96)
_ONE_MEANS, _SMALLEST_PAGE = 65536, 512
_NEWEST_FORMAT = 2
_HEADER_BYTES = 100


def present(plan: Plan, root: Path) -> list[Source]:
    """Return the sources that are there, in the order of transfer; absent optional ones are left out."""
    return [s for s in plan.in_order if not s.optional or os.path.lexists(root / s.file) or _sidecars(root / s.file)]


def file_problems(plan: Plan, root: Path) -> list[Problem]:
    """List what is wrong with the files themselves: missing, links, one file under two names, no database inside.

    Only the first 100 bytes are read, and only while no connection of this process is open on the file.
    """
    problems: list[Problem] = []
    seen: dict[tuple[int, int], str] = {}
    target = root / plan.target
    if os.path.lexists(target):
        problems += _shape("target " + plan.target, target, root)
        if target.exists():
            seen[_identity(target)] = f"the target {plan.target}"
    elif _sidecars(target):
        problems.append(_orphaned("target " + plan.target, target))
    elif not target.parent.is_dir():
        what = f"its folder {plan.target.rpartition('/')[0]} does not exist."
        problems.append(
            _problem(plan.target, what, "Create the folder, or correct target in the plan.", id="no-folder")
        )
    for source in present(plan, root):
        path = root / source.file
        found = _missing(source, path) or _shape(source.file, path, root)
        problems += found
        if not path.is_file():
            continue
        twin = seen.setdefault(_identity(path), source.file)
        if twin != source.file:
            what = f"is the same file as {twin} (a link or another spelling): its rows would be there twice."
            problems.append(
                _problem(
                    source.file, what, "Name each database once, and never the target as a source.", id="file-twice"
                )
            )
    return problems


def has_hot_journal(path: Path) -> bool:
    """Whether a rollback journal with content lies beside the database, as a crash in mid-transaction leaves it."""
    journal = path.with_name(path.name + "-journal")
    try:
        with journal.open("rb") as file:
            return file.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC
    except OSError:
        return False


def is_wal(path: Path) -> bool:
    """Whether SQLite would read the database through a ``-wal``: by its header, or because one lies beside it."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError:
        return False
    beside = path.with_name(path.name + "-wal").exists()  # read even if the header does not mention it
    return beside or (len(head) == _HEADER_BYTES and head[_READ_VERSION] == _NEWEST_FORMAT)


def size_with_sidecars(path: Path) -> int:
    """Return the bytes of a database and its ``-wal``; 0 when it is absent."""
    return sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _sidecars(path: Path) -> list[str]:
    return [s for s in ("-wal", "-journal") if os.path.lexists(path.with_name(path.name + s))]


def _missing(source: Source, path: Path) -> list[Problem]:
    if os.path.lexists(path):
        return []
    if _sidecars(path):
        return [_orphaned(source.file, path)]
    return [
        _problem(
            source.file,
            "no such file.",
            "Correct file in the plan, or mark the source optional = true.",
            id="no-such-file",
        )
    ]


def _orphaned(subject: str, path: Path) -> Problem:
    # SQLite would delete the sidecar together with what is in it as soon as a new file of this name is opened.
    what = f"is missing, but its {' and '.join(_sidecars(path))} is there: committed rows may be in it."
    return _problem(subject, what, "Bring the database back beside it, or move the sidecar away.", id="sidecar-alone")


def _shape(subject: str, path: Path, root: Path) -> list[Problem]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        real = os.path.realpath(path)
        what = (
            f"is a symbolic link to {os.path.relpath(real, root)}: renaming the link would leave the database in use."
        )
        return [_problem(subject, what, "Name the real file in the plan (inside the workspace).", id="symbolic-link")]
    if not path.parent.resolve().is_relative_to(root.resolve()):
        what = "lies outside the workspace: a folder on its way is a symbolic link."
        return [_problem(subject, what, "Name the real path, inside the workspace.", id="outside")]
    if stat.S_ISDIR(mode):
        return [_problem(subject, "is a directory, not a file.", "Name the database file.", id="not-a-file")]
    if not stat.S_ISREG(mode):
        return [_problem(subject, "is not a regular file.", "Name the database file.", id="not-a-file")]
    if path.stat().st_nlink > 1:
        what = f"has {path.stat().st_nlink} hard links: under another name it would stay in use."
        return [_problem(subject, what, "Keep one name of the file and run again.", id="hard-links")]
    return _header(subject, path)


def _header(subject: str, path: Path) -> list[Problem]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError as error:
        return [
            _problem(
                subject, f"cannot be read ({error.strerror}).", "Give read permission and run again.", id="unreadable"
            )
        ]
    if not head:
        return []  # a valid, empty database
    if not head.startswith(MAGIC) or len(head) < _HEADER_BYTES:
        return [
            _problem(
                subject, "is not a database (or it is encrypted).", "Correct file in the plan.", id="not-a-database"
            )
        ]
    if max(head[_READ_VERSION], head[_WRITE_VERSION]) > _NEWEST_FORMAT:
        what = "was written by a future version of SQLite."
        return [_problem(subject, what, "Run with a newer SQLite.", id="newer-sqlite-needed")]
    page = int.from_bytes(head[_PAGE_SIZE], "big")
    page = _ONE_MEANS if page == 1 else page
    pages = int.from_bytes(head[_PAGE_COUNT], "big")
    size = path.stat().st_size
    wal = path.with_name(path.name + "-wal")
    counted = head[_CHANGE_COUNTER] == head[_VALID_FOR] and pages > 0
    whole = page >= _SMALLEST_PAGE and size % page == 0 and size >= page * pages
    if counted and not whole and not has_hot_journal(path) and not (wal.exists() and wal.stat().st_size):
        what = f"is truncated: {size} bytes, and its header says {page * pages}; the file is malformed."
        return [
            _problem(
                subject, what, "Restore it from a backup, or save what is left with sqlite3's .recover.", id="damaged"
            )
        ]
    return []


def _problem(subject: str, what: str, todo: str, *, id: str) -> Problem:
    return Problem("sources-readable", subject, what, todo, id=id)

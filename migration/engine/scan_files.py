"""One answer: which files of the scanned trees are read."""

from __future__ import annotations

import os
import posixpath
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from migration.engine.code_files import is_database
from migration.engine.mention import Kind, Mention

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST = 5_000_000

_GIT_SECONDS = 10.0
_NEVER_ENTERED = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


@dataclass(frozen=True)
class Trees:
    """What lies in the scanned trees.

    Attributes:
        files: Files to read, relative to the workspace, each once, in the order of the paths and of names.
        not_scanned: What was not looked at though it is there, or should be.
    """

    files: tuple[str, ...]
    not_scanned: tuple[Mention, ...]


def files_in(root: Path, paths: Sequence[str], never_open: frozenset[tuple[int, int]]) -> Trees:
    """Return the files of the trees that can hold code, configuration or documentation.

    Left out without a word: databases, caches, virtual environments, ``node_modules``, links, and what git ignores.
    Environment files (``.env``) stay even when git ignores them, as it does nearly everywhere, and so does a path that
    is named here itself.

    Args:
        root: The workspace.
        paths: Folders and files relative to it.
        never_open: Device and inode of files that must not be opened, and of folders that must not be entered.
    """
    root = root.resolve()
    paths = [posixpath.normpath(path) for path in paths]
    found: dict[str, Mention | None] = {}
    for path in paths:
        misplaced = _misplaced(root, path)
        if misplaced:
            found[path] = _not_looked_at(path, misplaced)
        else:
            found |= dict(_entries(root, root / path, never_open))
    ignored = _ignored_by_git(root, [*found, *paths])
    named = [PurePosixPath(path) for path in paths if path in ignored]
    kept = {file: reason for file, reason in found.items() if file not in ignored or _stays(file, named)}
    files = tuple(file for file, reason in kept.items() if reason is None)
    return Trees(files, tuple(reason for reason in kept.values() if reason))


def _misplaced(root: Path, path: str) -> str:
    place = root / path
    if place.is_symlink() or not place.resolve().is_relative_to(root):
        return "it is a symbolic link, or behind one that leads outside the workspace"
    return "" if place.exists() else "there is no such file or folder"


def _not_looked_at(file: str, reason: str, kind: Kind = "unreadable") -> Mention:
    return Mention(file, 0, reason, "", kind)


def _entries(root: Path, path: Path, never_open: frozenset[tuple[int, int]]) -> Iterator[tuple[str, Mention | None]]:
    """Yield every file at or below the path that may be read; with a reason, if it is to be reported instead."""
    file = path.relative_to(root).as_posix()
    try:
        facts = path.lstat()
        if (facts.st_dev, facts.st_ino) in never_open:
            return
        if stat.S_ISDIR(facts.st_mode):
            for name in sorted(_names(path)):
                yield from _entries(root, path / name, never_open)
        elif stat.S_ISREG(facts.st_mode) and not is_database(path.name):
            size = f"it is larger than {LARGEST // 1_000_000} MB"
            yield file, _not_looked_at(file, size, "not scanned") if facts.st_size > LARGEST else None
    except OSError as error:
        yield file, _not_looked_at(file, f"it cannot be read: {error.strerror}")


def _names(folder: Path) -> list[str]:
    names = os.listdir(folder)  # noqa: PTH208 -- names as text: ten thousand Path objects take their time
    return [] if "pyvenv.cfg" in names else [name for name in names if name not in _NEVER_ENTERED]


def _stays(file: str, named: Sequence[PurePosixPath]) -> bool:
    path = PurePosixPath(file)
    is_environment = path.name == ".env" or path.name.startswith(".env.")
    return is_environment or any(path.is_relative_to(folder) for folder in named)


def _ignored_by_git(root: Path, files: Sequence[str]) -> frozenset[str]:
    """Return those of the files that git ignores; none when there is no git, no repository, or no answer in time."""
    # A variable such as GIT_DIR, set where pytest runs inside a hook, would make git look at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), "check-ignore", "--stdin", "-z"]
    asked = b"\0".join(os.fsencode(file) for file in files)
    try:
        answer = subprocess.run(
            command, input=asked, capture_output=True, env=environment, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    if answer.returncode:
        return frozenset()
    return frozenset(os.fsdecode(file) for file in answer.stdout.split(b"\0") if file)

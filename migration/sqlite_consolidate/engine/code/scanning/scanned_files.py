"""List the files that a scan reads."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.git import ignored_files
from sqlite_consolidate.engine.code.scanning.old_names import Mention, MentionKind, OldNames
from sqlite_consolidate.engine.code.source_files import is_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.plan.parts.programs import Exemption

MAX_FILE_BYTES = 5_000_000

SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


@dataclass(frozen=True)
class ScanScope:
    """Describe what a scan reads and looks for.

    Attributes:
        root: The workspace, or its copy.
        paths: Folders and files to scan, relative to it.
        databases: Paths of the old databases.
        target: Path of the target.
        never_open: Device and inode of files that must not be opened, and of folders that must not be entered.
        excluded: Files of the consolidation that name old databases, relative to the workspace: plan, backups and
            reports.
        exempt: Places that may continue to name an old database, with the reason.
        repository: The workspace whose git is asked for ignored files, if not ``root``: a copy is no repository.
    """

    root: Path
    paths: Sequence[str]
    databases: Sequence[str]
    target: str = ""
    never_open: frozenset[tuple[int, int]] = frozenset()
    excluded: frozenset[str] = frozenset()
    exempt: Sequence[Exemption] = ()
    repository: Path | None = None

    @cached_property
    def names(self) -> OldNames:
        """Return the file names of the old databases.

        They are built once, because a thousand take a tenth of a second.
        """
        return OldNames(self.databases, self.target)


def scan_scope(
    plan: Plan,
    root: Path,
    live: Path,
    *,
    excluded: Sequence[Path],
    never_open: frozenset[tuple[int, int]] = frozenset(),
) -> ScanScope:
    """Return the scope of a plan's scan.

    Args:
        plan: The plan.
        root: The workspace, or its copy.
        live: The workspace.
        excluded: Absolute places of the plan file and of the reports.
        never_open: As in :class:`Scope`.
    """
    inside = [path.relative_to(live).as_posix() for path in excluded if path.is_relative_to(live)]
    return ScanScope(
        root=root,
        paths=plan.scan.paths,
        databases=[source.file for source in plan.sources],
        target=plan.target,
        never_open=never_open,
        excluded=frozenset({posixpath.normpath(plan.backups), *inside}),
        exempt=plan.scan.exempt,
        repository=live,
    )


@dataclass(frozen=True)
class ScannedFiles:
    """Hold the files of the scanned trees.

    Attributes:
        files: Files to read, relative to the workspace, each once, ordered by path and name.
        not_scanned: Files that exist or should exist and are not scanned, each with the reason.
    """

    files: tuple[str, ...]
    not_scanned: tuple[Mention, ...]


def list_scanned_files(scope: ScanScope) -> ScannedFiles:
    """Return the files of the trees that can hold code, configuration or documentation.

    Databases, caches, virtual environments, ``node_modules`` and ignored files are left out silently. What a link leads
    to has its own path.
    Environment files (``.env``) and paths that the plan names are kept even if git ignores them.
    """
    root = scope.root.resolve()
    top = os.fspath(root)
    paths = [posixpath.normpath(path) for path in scope.paths]
    entries: dict[str, Mention | None] = {}
    for path in paths:
        misplaced = _path_error(root, path)
        if misplaced:
            entries[path] = _not_scanned(path, misplaced)
        else:
            entries.update(_entries(scope, top, path))
    _follow_links(scope, root, entries)
    unwanted = ignored_files(scope.repository or root, [*entries, *paths])
    named = [PurePosixPath(path) for path in paths if path in unwanted]
    kept = {file: reason for file, reason in entries.items() if file not in unwanted or _is_kept(file, named)}
    files = tuple(file for file, reason in kept.items() if reason is None)
    return ScannedFiles(files, tuple(reason for reason in kept.values() if reason))


def _follow_links(scope: ScanScope, root: Path, entries: dict[str, Mention | None]) -> None:
    """Replace each link by what it leads to, unless that is outside the workspace."""
    links = _links(entries)
    followed: set[str] = set()
    while links:
        link = links.pop()
        place = _place_behind(scope, root, link)
        if place is None:
            continue
        entries.pop(link, None)
        if place and place not in followed:
            followed.add(place)
            behind = dict(_entries(scope, os.fspath(root), place))
            links += _links(behind)
            entries.update(behind)


def _links(entries: Mapping[str, Mention | None]) -> list[str]:
    return [file for file, reason in entries.items() if reason and reason.kind == "link outside"]


def _place_behind(scope: ScanScope, root: Path, link: str) -> str | None:
    """Return the path that a link leads to, relative to the workspace.

    It is None outside the workspace, and empty if there is nothing that is to be scanned. A link of a copy may lead to
    the workspace itself.
    """
    try:
        real = (root / link).resolve(strict=True)
    except (OSError, RuntimeError):
        return ""
    top = next((top for top in (root, (scope.repository or root).resolve()) if real.is_relative_to(top)), None)
    if top is None:
        return "" if is_database(real.name) else None
    place = real.relative_to(top)
    parents = [folder.as_posix() for folder in (place, *place.parents)]
    is_left_out = (
        not SKIPPED_FOLDERS.isdisjoint(place.parts)
        or not scope.excluded.isdisjoint(parents)
        or any((root / folder / "pyvenv.cfg").exists() for folder in parents)
        or (root / link).parent.resolve().is_relative_to(root / place)
    )
    return "" if is_left_out or not os.path.lexists(root / place) else place.as_posix()


def _path_error(root: Path, path: str) -> str:
    place = root / path
    try:
        place.lstat()
    except FileNotFoundError:
        return "there is no such file or folder"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if place.is_symlink() or not place.resolve().is_relative_to(root):
        return "it is a symbolic link, or behind one that leads outside the workspace"
    return "" if place.exists() else "there is no such file or folder"


def _not_scanned(file: str, reason: str, kind: MentionKind = "unreadable") -> Mention:
    return Mention(file, 0, reason, "", kind)


def _entries(scope: ScanScope, root: str, file: str) -> Iterator[tuple[str, Mention | None]]:
    """Yield every readable file at or below a path.

    A file that is to be reported instead has a reason. Paths are texts, because a hundred thousand Path objects take
    their time.
    """
    path = f"{root}/{file}"
    try:
        facts = os.lstat(path)
        if (facts.st_dev, facts.st_ino) in scope.never_open or file in scope.excluded:
            return
        if stat.S_ISDIR(facts.st_mode):
            inside = "" if file == "." else f"{file}/"
            for name in sorted(_names(path)):
                yield from _entries(scope, root, inside + name)
        elif stat.S_ISLNK(facts.st_mode):
            yield file, _not_scanned(file, "it is a link that leads out of the workspace", "link outside")
        elif stat.S_ISREG(facts.st_mode) and not is_database(file.rpartition("/")[2]):
            size = f"it is larger than {MAX_FILE_BYTES // 1_000_000} MB"
            yield file, _not_scanned(file, size, "not scanned") if facts.st_size > MAX_FILE_BYTES else None
    except OSError as error:
        yield file, _not_scanned(file, f"it cannot be read: {error.strerror}")


def _names(folder: str) -> list[str]:
    names = os.listdir(folder)  # noqa: PTH208 -- names as text
    return [] if "pyvenv.cfg" in names else [name for name in names if name not in SKIPPED_FOLDERS]


def _is_kept(file: str, named: Sequence[PurePosixPath]) -> bool:
    path = PurePosixPath(file)
    is_environment = path.name == ".env" or path.name.startswith(".env.")
    return is_environment or any(path.is_relative_to(folder) for folder in named)

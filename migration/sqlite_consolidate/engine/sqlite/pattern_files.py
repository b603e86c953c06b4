"""List the files of a workspace that a pattern of the plan matches."""

from __future__ import annotations

import os
import re
from posixpath import normpath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.files import may_exist
from sqlite_consolidate.engine.sqlite.sidecars import CONTENT_SIDECARS, SIDECARS
from sqlite_consolidate.plan.patterns import expand, has_wildcard, path_pattern
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan, Source

_ARCHIVE = re.compile(r"\.archived_[^/]*$")


def expand_by_files(plan: Plan, root: Path, *, reports: Path | None = None) -> Plan:
    """Return a plan with a source for each file of its patterns that a folder has.

    Args:
        plan: The plan as its file states it.
        root: The workspace, or a folder with originals.
        reports: Folder of the reports, whose files are no source.

    Raises:
        ProblemError: Two sources have one file, or two files have equal stems where a constant uses them.
    """
    return expand(plan, files_of_patterns(plan, root, reports=reports).get)


def files_of_patterns(plan: Plan, root: Path, *, reports: Path | None = None) -> dict[str, list[str]]:
    """Return each pattern of a plan to the files of a folder that it matches.

    A path with a wildcard is no pattern if a file has exactly this name.

    Args:
        plan: The plan.
        root: The workspace, or a folder with originals.
        reports: Folder of the reports, whose files are left out.
    """
    sources = [source for source in plan.stated.sources if has_wildcard(source.file)]
    folders = [os.path.normpath(root / plan.backups), *([os.path.normpath(reports)] if reports else [])]
    excluded = [normpath(plan.target)]
    excluded += [os.path.relpath(folder, root) for folder in folders]
    return {
        source.file: [file for file in matching_files(root, source.file, excluded) if not _is_left(source, file)]
        for source in sources
        if not may_exist(root / source.file)
    }


def _is_left(source: Source, file: str) -> bool:
    """Return whether a ``[[source.leave]]`` names a file of the pattern."""
    return any(path_pattern(pattern).fullmatch(file) for leave in source.leave for pattern in leave.files)


def matching_files(root: Path, pattern: str, excluded: Collection[str] = ()) -> Iterator[str]:
    """Yield each file of a folder that a pattern matches, in no order.

    Archives, sidecar files and links out of the folder are left out. A database that is missing beside its sidecar file
    counts as a file, because committed rows may be in the sidecar file.

    Args:
        root: The folder.
        pattern: Path relative to it, with ``*`` and ``?``.
        excluded: Files, and folders with all their files, that are left out.
    """
    *folders, name = normpath(pattern).split("/")
    real, is_match = root.resolve(), path_pattern(name)
    for folder in _matching_folders(root, folders):
        entries = {entry.name: entry for entry in _entries(root / folder)}
        orphans = {
            base for suffix in CONTENT_SIDECARS for entry in entries if (base := entry.removesuffix(suffix)) != entry
        }
        for file in {*entries, *orphans}:
            path = f"{folder}/{file}" if folder else file
            if not is_match.fullmatch(file) or _is_sidecar(file) or _ARCHIVE.search(file):
                continue
            if any(f"{path}/".startswith(f"{other}/") for other in excluded):
                continue
            entry = entries.get(file)
            if entry is None or not (entry.is_dir() or (entry.is_symlink() and _leads_out(root / path, real))):
                yield path


def _matching_folders(root: Path, patterns: list[str]) -> list[str]:
    """Return the folders, relative to ``root``, that a path of patterns matches."""
    matching = [""]
    for pattern in patterns:
        parents, matching = matching, []
        for parent in parents:
            start = f"{parent}/" if parent else ""
            if not has_wildcard(pattern) or may_exist(root / f"{start}{pattern}"):
                matching.append(f"{start}{pattern}")
                continue
            is_match = path_pattern(pattern)
            matching += [
                f"{start}{e.name}" for e in _entries(root / parent) if e.is_dir() and is_match.fullmatch(e.name)
            ]
    return [folder for folder in matching if not _leads_out(root / folder, root.resolve())]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, none if it does not exist.

    Raises:
        ProblemError: This user may not read the folder.
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        fact = f"cannot be read ({error.strerror}), so that its databases are not known."
        hint = "Give read permission and run again."
        raise ProblemError(Problem("unreadable", folder.name, fact, hint, criterion="plan-valid")) from error


def _is_sidecar(name: str) -> bool:
    """Return whether a name is that of a sidecar file, whose database may be missing."""
    return any(name.endswith(suffix) and name != suffix for suffix in SIDECARS)


def _leads_out(path: Path, root: Path) -> bool:
    return not path.resolve().is_relative_to(root)

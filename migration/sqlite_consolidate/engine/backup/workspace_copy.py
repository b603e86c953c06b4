"""Copy a workspace for a rehearsal or for the programs of its smoke tests."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.copied_files import (
    SPARSE_MIN,
    CopiedFiles,
    Entry,
    Kind,
    Omissions,
    Reason,
    is_database,
    is_environment,
    list_copied_files,
)
from sqlite_consolidate.engine.backup.snapshot import clone_file, not_copied, snapshot
from sqlite_consolidate.engine.sqlite.files import FileProblem, file_status
from sqlite_consolidate.engine.sqlite.sidecars import CONTENT_SIDECARS, SIDECARS
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.plan.model import Plan

Identity = tuple[int, int]

_CRITERIA = {"in-use": "no-other-process", "no-space": "space"}
_OWN = frozenset({Reason.BACKUPS, Reason.REPORTS, Reason.TEMPORARY})  # of this tool, so that no application needs them


@dataclass(frozen=True)
class WorkspaceCopy:
    """Hold the result of copying a workspace.

    Attributes:
        files: What the copy has, and what was left out.
        problems: A problem for each file of the plan that could not be copied.
        not_copied: Other files that could not be copied, each with the reason.
        links_out: Links that lead out of the workspace. A program on the copy reaches the same files by them.
    """

    files: CopiedFiles
    problems: tuple[FileProblem, ...]
    not_copied: dict[str, str]
    links_out: tuple[str, ...]

    def findings(self) -> list[Finding]:
        """Return what a reader should know about the copy."""
        findings = [
            Finding.of("not-copied", one_line(name), f"is not in the copy of the workspace, because it {reason}")
            for name, reason in self.not_copied.items()
        ]
        if self.links_out:
            names = list_names([one_line(name) for name in self.links_out])
            link = "link leads" if len(self.links_out) == 1 else "links lead"
            text = f"{len(self.links_out)} {link} out of the workspace, to files that are not copied: {names}."
            findings.append(Finding.of("link-out-of-copy", "", text, count=len(self.links_out)))
        findings += [
            Finding.of("exclusion-idle", f"[rehearsal] exclude {one_line(pattern)}", "leaves no file out.")
            for pattern in self.files.idle_patterns
        ]
        return [*findings, *self._omissions()]

    def _omissions(self) -> list[Finding]:
        left_out = self.files.left_out
        used = [one_line(entry.name) for entry in self.files.of_kind(Kind.ENVIRONMENT)]
        if not used and _OWN.issuperset(left_out):
            return []
        parts = [
            f"{reason.value} ({list_names([*map(one_line, left_out[reason])])})"
            for reason in Reason
            if reason in left_out
        ]
        sentences = [f"Not in the copy of the workspace: {'; '.join(parts)}."] if parts else []
        if used:
            sentences.append(f"Used from the workspace itself: {list_names(used)}.")
        count = sum(len(names) for names in left_out.values()) + len(used)
        return [Finding.of("left-out-of-copy", "", " ".join(sentences), count=count)] if sentences else []


def list_workspace(
    plan: Plan,
    live: Path,
    *,
    extra_files: tuple[Path, ...] = (),
    reports: Path | None = None,
    excluded: frozenset[Identity] = frozenset(),
) -> CopiedFiles:
    """Return what a copy of the workspace has.

    If the plan has a smoke test, the copy is complete, because a program may use any file. Otherwise it has the files
    that the plan names, because a run reads no other.

    Args:
        plan: The plan.
        live: The workspace.
        extra_files: Further files inside the workspace, such as the plan file.
        reports: Folder of the reports.
        excluded: Device and inode of databases that are neither copied nor opened. This process holds locks on them,
            and closing them would release the locks.
    """
    databases = _databases(plan)
    names = [reference.file for reference in plan.references] + [insert.file for insert in plan.inserts]
    names += [plan.connection.setup.rpartition(":")[0]] if plan.connection.setup else []
    names += [*plan.connection.path, *plan.scan.paths, *(path for test in plan.smoke for path in test.path)]
    names += [str(path.relative_to(live)) for pattern in plan.logs.files for path in _matching(live, pattern)]
    names += [str(path.relative_to(live)) for path in extra_files if path.is_relative_to(live)]
    omissions = Omissions(
        databases=frozenset(databases),
        backups=os.path.normpath(plan.backups),
        reports=(reports,) if reports else (),
        patterns=plan.rehearsal.exclude,
        identities=excluded,
    )
    return list_copied_files(live, [*databases, *names], omissions, complete=bool(plan.smoke))


def copy_workspace(
    plan: Plan,
    live: Path,
    scratch: Path,
    *,
    files: CopiedFiles | None = None,
    extra_files: tuple[Path, ...] = (),
    excluded: frozenset[Identity] = frozenset(),
) -> WorkspaceCopy:
    """Copy the files of a workspace from ``live`` to the empty ``scratch``.

    Links stay links and hard links stay hard links, so that the preflight of the rehearsal sees the same as that of the
    real run. A database is copied as a reader sees it, even if another process uses it.

    Args:
        plan: The plan.
        live: The workspace. Nothing in it is changed.
        scratch: An empty private folder.
        files: What the copy has, if :func:`list_workspace` has returned it before.
        extra_files: Further files inside the workspace, such as the plan file.
        excluded: Device and inode of databases that are neither copied nor opened. This process holds locks on them,
            and closing them would release the locks.
    """
    files = files or list_workspace(plan, live, extra_files=extra_files, excluded=excluded)
    copier = _Copier(live, scratch, excluded, frozenset(_databases(plan)), os.path.normpath(plan.backups))
    for entry in files.entries.values():
        copier.copy(entry)
    for name, error in files.unlisted.items():
        copier.note(name, error, is_named=name in files.entries and files.entries[name].is_named)
    for name in _databases(plan):
        copier.copy_orphaned_sidecars(Path(name))
    return WorkspaceCopy(files, tuple(copier.problems.values()), copier.not_copied, tuple(copier.links_out))


def check_room(files: CopiedFiles, folder: Path, *, copies: int = 1) -> list[Problem]:
    """Return a problem if copies of a workspace do not fit on the disk of a folder.

    Args:
        files: What each copy has.
        folder: Folder for the copies, or any folder on the same disk.
        copies: Number of copies that exist at the same time.
    """
    free, needed = shutil.disk_usage(folder).free, files.size * copies
    if needed <= free:
        return []
    times = "" if copies == 1 else f" {copies} times"
    fact = f"{files} are to be copied{times}; {free / 1e6:.1f} MB are free in the folder for temporary files."
    hint = "Leave out large files by [rehearsal] exclude in the plan, free some space, or set TMPDIR to a larger disk."
    return [Problem("no-room-for-copies", "copy of the workspace", fact, hint, criterion="space")]


def require_complete(problems: Sequence[FileProblem]) -> None:
    """Raise if a file could not be copied.

    Raises:
        ProblemError: :func:`copy_workspace` has returned at least one problem.
    """
    if problems:
        raise ProblemError(*(problem.problem for problem in problems))


def _matching(live: Path, pattern: str) -> Iterator[Path]:
    """Yield the files that match a pattern.

    An invalid pattern yields none. It becomes a problem when the log files are read.
    """
    with suppress(ValueError, IndexError, NotImplementedError, RuntimeError, OSError):
        yield from live.glob(pattern)


def _databases(plan: Plan) -> list[str]:
    files = (plan.target, *(source.file for source in plan.sources))
    return list(dict.fromkeys(os.path.normpath(file) for file in files))


@dataclass(frozen=True)
class _Copier:
    live: Path
    scratch: Path
    excluded: frozenset[Identity]
    databases: frozenset[str]
    backups: str
    copied: dict[Identity, Path] = field(default_factory=dict)
    problems: dict[str, FileProblem] = field(default_factory=dict)
    not_copied: dict[str, str] = field(default_factory=dict)
    links_out: list[str] = field(default_factory=list)

    def copy(self, entry: Entry) -> None:
        """Copy a file, folder or link, or note why it cannot be copied."""
        original, copy = self.live / entry.name, self.scratch / entry.name
        try:
            if entry.kind is Kind.FOLDER:
                copy.mkdir(mode=(original.stat().st_mode & 0o777) | 0o700, exist_ok=True)
            elif entry.kind is Kind.ENVIRONMENT:
                copy.symlink_to(original.absolute())
            elif entry.kind is Kind.LINK:
                self._copy_link(entry.name)
            else:
                self._copy_file(original, copy)
        except (ProblemError, OSError) as error:
            self.note(entry.name, error, is_named=entry.is_named)

    def copy_orphaned_sidecars(self, name: Path) -> None:
        """Copy a sidecar file whose database is missing.

        The preflight of the rehearsal must find it too.
        """
        try:
            for suffix in CONTENT_SIDECARS:
                sidecar = name.with_name(name.name + suffix)
                status = file_status(self.live / name)
                is_orphaned = status.st_size == 0 if status else not os.path.lexists(self.live / name)
                if is_orphaned and (self.live / sidecar).is_file():
                    shutil.copy2(self.live / sidecar, self.scratch / sidecar)
        except OSError as error:
            self.note(name.as_posix(), error, is_named=True)

    def note(self, file: str, error: ProblemError | OSError, *, is_named: bool) -> None:
        """Note why a file could not be copied. A file of the plan becomes a problem."""
        problem = not_copied(Path(file), error) if isinstance(error, OSError) else error.problems[0]
        if not is_named and problem.id != "no-space":
            self.not_copied[file] = problem.what
            return
        criterion = _CRITERIA.get(problem.id, "sources-readable")
        if problem.id == "unreadable" and isinstance(error, OSError) and file not in self.databases:
            criterion = "references-found"
        problem = replace(problem, subject=file, criterion=criterion)
        cause = error if isinstance(error, OSError) else error.__cause__
        self.problems.setdefault(file, FileProblem(file, problem, cause))

    def _copy_link(self, name: str) -> None:
        """Copy a link.

        A link into the workspace leads into the copy, and any other to the same place as before.
        """
        link, root = self.live / name, self.live.resolve()
        text = link.readlink()
        place = Path(os.path.normpath(link.parent.resolve() / text))
        if text.is_relative_to(self.live):
            place = root / text.relative_to(self.live)
        if not os.path.normpath(Path(name).parent / text).startswith(("/", "..")):
            destination = text
        elif place.is_relative_to(root):
            destination = self.scratch / place.relative_to(root)
        elif (real := link.resolve()).is_relative_to(root):
            destination = self.scratch / real.relative_to(root)
        elif self.backups.startswith(f"{name}/"):  # the rehearsal must not write its backup set there
            return
        else:
            destination = place
            if not is_environment(place):
                self.links_out.append(name)
        (self.scratch / name).symlink_to(destination)

    def _copy_file(self, original: Path, copy: Path) -> None:
        status = original.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in self.excluded:
            return
        if status.st_nlink > 1 and (earlier_copy := self.copied.get(identity)):
            os.link(earlier_copy, copy)
        elif is_database(original):
            _snapshot_or_nothing(original, copy)
        elif status.st_size < SPARSE_MIN or not _clone(original, copy):
            shutil.copy2(original, copy)
        else:
            shutil.copystat(original, copy)
        if status.st_nlink > 1:
            self.copied.setdefault(identity, copy)


def _clone(original: Path, copy: Path) -> bool:
    with original.open("rb") as source, copy.open("wb") as destination:
        return clone_file(source.fileno(), destination.fileno())


def _snapshot_or_nothing(live: Path, copy: Path) -> None:
    try:
        snapshot(live, copy)
    except ProblemError:
        for suffix in ("", *SIDECARS):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        raise

"""Copy the parts of a workspace that a plan names, for a rehearsal."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.snapshot import not_copied, snapshot
from sqlite_consolidate.engine.sqlite.files import MAGIC, FileProblem, file_status
from sqlite_consolidate.engine.sqlite.sidecars import CONTENT_SIDECARS, SIDECARS
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.plan.model import Plan

Identity = tuple[int, int]

_PASSED_OVER = frozenset({".git", "__pycache__", "node_modules", ".venv", ".tox", ".mypy_cache", ".pytest_cache"})
_CRITERIA = {"in-use": "no-other-process", "no-space": "space"}


def copy_workspace(
    plan: Plan,
    live: Path,
    scratch: Path,
    *,
    extra_files: tuple[Path, ...] = (),
    excluded: frozenset[Identity] = frozenset(),
) -> tuple[FileProblem, ...]:
    """Copy all files that the plan names from ``live`` to the empty ``scratch``.

    These are databases, code trees, code files and logs. Links stay links and hard links stay hard links, so that the
    preflight of the rehearsal sees the same as that of the real run.

    Args:
        plan: The plan.
        live: The workspace. Nothing in it is changed.
        scratch: An empty private folder.
        extra_files: Further files inside the workspace, such as the plan file.
        excluded: Device and inode of databases that are neither copied nor opened. This process holds locks on them,
            and closing them would release the locks.

    Returns:
        A problem for each file or folder that could not be copied.
    """
    databases = [os.path.normpath(file) for file in (plan.target, *(source.file for source in plan.sources))]
    names = [reference.file for reference in plan.references] + [insert.file for insert in plan.inserts]
    names += [*plan.scan.paths, *(path for test in plan.smoke for path in test.path)]
    names += [str(path.relative_to(live)) for pattern in plan.logs.files for path in _matching(live, pattern)]
    names += [str(path.relative_to(live)) for path in extra_files if path.is_relative_to(live)]
    copier = _Copier(live, scratch, excluded, frozenset(databases))
    for name in dict.fromkeys([*databases, *(os.path.normpath(name) for name in names)]):
        copier.copy(Path(name))
    for name in databases:
        copier.copy_orphaned_sidecars(Path(name))
    return tuple(copier.problems.values())


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


@dataclass(frozen=True)
class _Copier:
    live: Path
    scratch: Path
    excluded: frozenset[Identity]
    databases: frozenset[str]
    copied: dict[Identity, Path] = field(default_factory=dict)
    problems: dict[str, FileProblem] = field(default_factory=dict)

    def copy(self, name: Path) -> None:
        """Copy a file or folder if it exists, or add a problem if it cannot be copied.

        Args:
            name: Path relative to both roots.
        """
        if name.as_posix() in self.problems:  # the plan may name it twice; wait for its lock only once
            return
        try:
            self._copy(name)
        except (ProblemError, OSError) as error:
            self._note(name, error)

    def _copy(self, name: Path) -> None:
        original, copy = self.live / name, self.scratch / name
        self._make_parents(name)
        if original.is_symlink():
            self._copy_link(name)
        elif original.is_dir():
            copy.mkdir(mode=0o700, exist_ok=True)
            for entry in sorted(original.iterdir()):
                if entry.name not in _PASSED_OVER and not _is_environment(entry) and not self._is_sidecar(entry):
                    self.copy(name / entry.name)
        elif original.is_file() and not os.path.lexists(copy):
            self._copy_file(original, copy)

    def copy_orphaned_sidecars(self, name: Path) -> None:
        """Copy a sidecar file whose database is missing.

        The preflight of the rehearsal must find it too.
        """
        try:
            self._copy_orphaned_sidecars(name)
        except OSError as error:
            self._note(name, error)

    def _copy_orphaned_sidecars(self, name: Path) -> None:
        self._make_parents(name)
        for suffix in CONTENT_SIDECARS:
            sidecar = name.with_name(name.name + suffix)
            status = file_status(self.live / name)
            is_orphaned = status.st_size == 0 if status else not os.path.lexists(self.live / name)
            if is_orphaned and (self.live / sidecar).is_file():
                shutil.copy2(self.live / sidecar, self.scratch / sidecar)

    def _copy_link(self, name: Path) -> None:
        if os.path.lexists(self.scratch / name):
            return
        link_target = (self.live / name).readlink()
        if link_target.is_absolute() and link_target.is_relative_to(self.live):
            # The rehearsal must not reach the live workspace.
            link_target = self.scratch / link_target.relative_to(self.live)
        (self.scratch / name).symlink_to(link_target)
        real, root = (self.live / name).resolve(), self.live.resolve()
        if real.is_relative_to(root) and real.exists():
            self.copy(real.relative_to(root))

    def _copy_file(self, original: Path, copy: Path) -> None:
        if self._is_left(original):
            return
        status = original.stat()
        identity = (status.st_dev, status.st_ino)
        if earlier_copy := self.copied.get(identity):
            os.link(earlier_copy, copy)
        elif _is_database(original):
            _snapshot_or_nothing(original, copy)
        else:
            shutil.copy2(original, copy)
        self.copied.setdefault(identity, copy)

    def _note(self, name: Path, error: ProblemError | OSError) -> None:
        file = name.as_posix()
        problem = not_copied(name, error) if isinstance(error, OSError) else error.problems[0]
        criterion = _CRITERIA.get(problem.id, "sources-readable")
        if problem.id == "unreadable" and isinstance(error, OSError) and file not in self.databases:
            criterion = "references-found"
        problem = replace(problem, subject=file, criterion=criterion)
        cause = error if isinstance(error, OSError) else error.__cause__
        self.problems.setdefault(file, FileProblem(file, problem, cause))

    def _is_sidecar(self, path: Path) -> bool:
        databases = [
            path.with_name(path.name.removesuffix(suffix)) for suffix in SIDECARS if path.name.endswith(suffix)
        ]
        return any(self._is_left(file) or self._is_planned(file) or _is_database(file) for file in databases)

    def _is_planned(self, path: Path) -> bool:
        return path.relative_to(self.live).as_posix() in self.databases and file_status(path) is not None

    def _is_left(self, path: Path) -> bool:
        status = file_status(path)
        return status is not None and (status.st_dev, status.st_ino) in self.excluded

    def _make_parents(self, name: Path) -> None:
        for parent in reversed(name.parents):
            original, copy = self.live / parent, self.scratch / parent
            if original.is_dir() and not copy.exists():
                copy.mkdir(mode=(original.stat().st_mode & 0o777) | 0o700)


def _snapshot_or_nothing(live: Path, copy: Path) -> None:
    try:
        snapshot(live, copy)
    except ProblemError:
        for suffix in ("", *SIDECARS):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        raise


def _is_environment(path: Path) -> bool:
    return file_status(path / "pyvenv.cfg") is not None


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False

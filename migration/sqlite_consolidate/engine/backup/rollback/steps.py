"""Define the steps of a rollback, whether all are allowed, and their result."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.rollback import restore
from sqlite_consolidate.engine.content.contents import digest_or_reason, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.observation import Observation, equal, with_differences
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits


@dataclass(frozen=True)
class Step:
    """Hold one file operation of a rollback.

    Attributes:
        text: Text for the operator after the step.
        action: Function that performs the step. It may return a text that precedes ``text``.
        exclusive_database: Database that no other process may have open during the step, or None.
    """

    text: str
    action: Callable[[], str | None]
    exclusive_database: Path | None = None


@dataclass(frozen=True)
class RollbackResult:
    """Hold the performed steps in their order, and the observations after them.

    There are no steps if the run had changed nothing.
    """

    steps: list[str] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Return whether every observation after the rollback holds."""
        return all(observation.holds for observation in self.observations)


def steps_or_raise(results: list[Step | Problem]) -> list[Step]:
    """Return the steps if there is no problem.

    Raises:
        ProblemError: There is at least one problem. The error has all of them.
    """
    problems = [result for result in results if isinstance(result, Problem)]
    if problems:
        raise ProblemError(*problems)
    return [result for result in results if isinstance(result, Step)]


def sidecar_steps(database: Path, folder: Path) -> Iterator[Step]:
    """Yield a step that moves each leftover sidecar file to the backup set.

    SQLite would apply a stale -wal or -journal to the restored file.
    """
    for sidecar in restore.existing_sidecars(database):
        yield Step(f"set {sidecar.name} aside in {folder.name}", partial(restore.move_to_backup_set, sidecar, folder))


def restore_steps(path: Path, folder: Path, copy: DatabaseCopy) -> Iterator[Step | Problem]:
    """Yield a step that restores a missing file from its copy, or a problem."""
    yield from damaged_copy_problems(folder, copy.copy, copy.sha256)
    text = f"restored {copy.file} from the backup set"
    yield Step(text, partial(restore.restore_file, path, folder / copy.copy, copy.mode))


def damaged_copy_problems(folder: Path, copy: str, sha256: str) -> Iterator[Problem]:
    """Yield a problem if a copy does not have the bytes that were sealed."""
    path = folder / copy
    if not path.is_file() or digest_file(path) != sha256:
        yield Problem(
            "copy-damaged",
            f"{folder.name}/{copy}",
            f"is {'not as it was sealed' if path.is_file() else 'missing'}. Nothing was restored from it.",
            "Restore this file of the backup set from another copy, then roll back again.",
        )


def restored_observations(
    root: Path, folder: Path, sealed: Manifest, verified: Mapping[str, str], limits: Limits | None = None
) -> list[Observation]:
    """Observe that databases, code files and archives are as they were before the run.

    Databases must have the content digests of the manifest, code files must have its bytes, and no archive may be left.
    A database in ``verified`` is not read again, because other processes may use it now.
    """
    reader = partial(read_contents, limits=limits)
    observations = [
        with_differences(
            equal(copy.file, copy.digest, verified.get(copy.file) or digest_or_reason(root / copy.file, reader)),
            partial(compare_databases, folder / copy.copy, root / copy.file, limits),
        )
        for copy in sealed.databases
    ]
    for code in sealed.code:
        path = root / code.file
        observations.append(equal(code.file, code.sha256, digest_file(path) if path.is_file() else "no such file"))
    absent = [*([] if sealed.target_existed else [sealed.target]), *sealed.archive.values()]
    return observations + [
        equal(file, "no such file", "there" if os.path.lexists(root / file) else "no such file") for file in absent
    ]

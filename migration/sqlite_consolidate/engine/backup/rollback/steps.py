"""Define the steps of a rollback, whether all are allowed, and their result."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.reserved_space import reserved_bytes
from sqlite_consolidate.engine.backup.rollback import restore
from sqlite_consolidate.engine.content.contents import digest_or_reason, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.sqlite.files import disk_of, existing_folder
from sqlite_consolidate.observation import Observation, equal, with_differences
from sqlite_consolidate.plan.patterns import MOST_LISTED
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits


class ArchiveChange(Enum):
    """Tell what a rollback does with an archive that has changed since the run."""

    KEPT = "kept"
    """The archive is renamed back as it is. A run that ends, or that was interrupted, has no operator to ask."""
    REFUSED = "refused"
    DISCARDED = "discarded"
    """The archive moves to the backup set, and the source is restored from its backup."""


@dataclass(frozen=True)
class Step:
    """Hold one file operation of a rollback.

    Attributes:
        text: Text for the operator after the step.
        action: Function that performs the step. It may return a text that precedes ``text``.
        exclusive_database: Database that no other process may have open during the step, or None.
        place: Folder in which the step creates or renames a file, or None.
        size: Number of bytes that the step writes in that folder at most.
        kept: Number of bytes that the step writes in the backup set at most.
        discards: File whose later changes are no longer in place after the step, or empty.
        kind: Text of many such steps, with ``{}`` for their files. It is empty if each of them is listed.
    """

    text: str
    action: Callable[[], str | None]
    exclusive_database: Path | None = None
    place: Path | None = None
    size: int = 0
    kept: int = 0
    discards: str = ""
    kind: str = ""


@dataclass(frozen=True)
class RollbackResult:
    """Hold the performed steps in their order, and the observations after them.

    There are no steps if the run had changed nothing.

    Attributes:
        steps: Texts of the steps. Beyond the first of a kind, one text has the number of the others.
        discarded: Files that a step has replaced, although they had changed since the run.
        observations: What the rollback observed afterwards.
    """

    steps: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
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


def folded_texts(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the text of each step, with one for all that follow the first of their kind.

    The text of a step that another text counts is empty.
    """
    numbers, places = Counter(step.kind for step in steps), Counter[str]()
    for step in steps:
        place = places[step.kind]
        places[step.kind] += 1
        if not step.kind or place < MOST_LISTED:
            yield step.text
        elif place == MOST_LISTED:
            yield step.kind.format(counted(numbers[step.kind] - MOST_LISTED, "further file"))
        else:
            yield ""


def sidecar_steps(database: Path, folder: Path) -> Iterator[Step]:
    """Yield a step that moves each leftover sidecar file to the backup set.

    SQLite would apply a stale -wal or -journal to the restored file.
    """
    for sidecar in restore.existing_sidecars(database):
        yield step_aside(sidecar, folder)


def step_aside(path: Path, folder: Path, discards: str = "") -> Step:
    """Return a step that moves a file to the backup set."""
    text, action = f"set {path.name} aside in {folder.name}", partial(restore.move_to_backup_set, path, folder)
    size, kind = path.lstat().st_size, f"set {{}} aside in {folder.name}"
    return Step(text, action, place=path.parent, kept=size, discards=discards, kind=kind)


def restore_steps(path: Path, folder: Path, copy: DatabaseCopy) -> Iterator[Step | Problem]:
    """Yield a step that restores a missing file from its copy, or a problem."""
    yield from damaged_copy_problems(folder, copy.copy, copy.sha256)
    text = f"restored {copy.file} from the backup set"
    action = partial(restore.restore_file, path, folder / copy.copy, copy.mode)
    yield Step(text, action, place=path.parent, size=copy.size, kind="restored {} from the backup set")


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


def place_problems(root: Path, steps: Iterable[Step]) -> Iterator[Problem]:
    """Yield a problem for each folder that is missing or cannot be written."""
    for place in sorted({step.place for step in steps if step.place}):
        name = place.relative_to(root).as_posix() if place.is_relative_to(root) else place.name
        if not place.is_dir():
            yield Problem(
                "no-folder", name, "does not exist. Nothing was rolled back.", "Create it and roll back again."
            )
        elif not os.access(place, os.W_OK | os.X_OK):
            text = "cannot be written by the user who runs this. Nothing was rolled back."
            yield Problem("read-only", name, text, "Give write permission and roll back again.")


def space_problems(folder: Path, target: Path, steps: Iterable[Step]) -> Iterator[Problem]:
    """Yield a problem for each disk that has less left than the steps write.

    The space that the run has reserved for its rollback is free for it.
    """
    wanted, places = Counter[int](), {disk_of(target): existing_folder(target), disk_of(folder): folder}
    for step in steps:
        wanted[disk_of(folder)] += step.kept
        if step.place:
            wanted[disk_of(step.place)] += step.size
            places.setdefault(disk_of(step.place), existing_folder(step.place))
    for disk, place in places.items():
        reserved = reserved_bytes(folder, target) if disk == disk_of(target) else 0
        free = shutil.disk_usage(place).free + reserved
        if wanted[disk] > free:
            text = f"{wanted[disk] / 1e6:.1f} MB are needed at most, and {free / 1e6:.1f} MB are free. "
            hint = "Free some space and roll back again."
            yield Problem("no-space", place.name, f"{text}Nothing was rolled back.", hint)


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

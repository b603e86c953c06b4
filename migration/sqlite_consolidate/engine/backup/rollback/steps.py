"""Steps: what a rollback is made of, whether all of them may be taken, and how they turned out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.contents import digest_or_reason, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.observation import Observation, equal, with_differences
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import Manifest
    from sqlite_consolidate.engine.sqlite.limits import Limits


@dataclass(frozen=True)
class Step:
    """One thing to put back.

    Attributes:
        text: What is said when it is done.
        action: How it is done; it may return words that come before.
        exclusive_database: The database that nobody else may have open then, or None.
    """

    text: str
    action: Callable[[], str | None]
    exclusive_database: Path | None = None


@dataclass(frozen=True)
class RollbackResult:
    """What was put back, in the order in which it was done; empty when nothing had been changed."""

    steps: list[str] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything, looked at afterwards, is as it was."""
        return all(observation.holds for observation in self.observations)


def steps_or_raise(results: list[Step | Problem]) -> list[Step]:
    """Return the steps, if none of what was looked at stands in the way.

    Raises:
        ProblemError: Something does; all of it is said.
    """
    problems = [result for result in results if isinstance(result, Problem)]
    if problems:
        raise ProblemError(*problems)
    return [result for result in results if isinstance(result, Step)]


def restored_observations(
    root: Path, folder: Path, sealed: Manifest, proved: Mapping[str, str], limits: Limits | None = None
) -> list[Observation]:
    """Every database has the content, and every code file the bytes, that the manifest says; no archive is left.

    What was ``proved`` is not read again: others may use it by now.
    """
    reader = partial(read_contents, limits=limits)
    observations = [
        with_differences(
            equal(copy.file, copy.digest, proved.get(copy.file) or digest_or_reason(root / copy.file, reader)),
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

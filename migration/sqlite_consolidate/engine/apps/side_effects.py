"""Describe what smoke tests changed in a workspace or on their copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.rollback.target_objects import object_changes, objects_of
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.observation import Observation
from sqlite_consolidate.text import list_names, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.sqlite.limits import Limits


@dataclass(frozen=True)
class Difference:
    """Describe what one database, or one table of the target, was and is now.

    Attributes:
        subject: The file, or target and table.
        name: The file, or the table.
        noun: ``database`` or ``table``.
        change: ``created``, ``changed`` or ``removed``.
    """

    subject: str
    before: str
    after: str
    name: str
    noun: str
    change: str


def spoiled_observation(subject: str, test: str, kind: str, files: list[str]) -> Observation:
    """Return that files on which the run relies are not as the run has left them."""
    when = f"while {one_line(test)} ran" if test else "after the smoke tests"
    observed = f"{kind} {when}" if files == [subject] else f"{kind} {when}: {list_names(files)}"
    hint = "Find out which program changes this, and take that out of the smoke test."
    return Observation(subject, "as the run has left it", observed, holds=False, todo=hint)


def created_again_observation(file: str, creator: str) -> Observation:
    """Return that an application made an old database anew."""
    observed = f"created again by {creator}"
    hint = "Find the code that still opens the old database, and add a [[reference]] for it."
    return Observation(one_line(file), "not opened any more", observed, holds=False, todo=hint)


def table_difference(target: str, name: str, before: TableDigest | None, now: TableDigest | None) -> Difference:
    """Return how a table of the target differs from what it was."""
    change = "created" if before is None else "removed" if now is None else "changed"
    return Difference(f"{target}: {name}", _describe_digest(before), _describe_digest(now), name, "table", change)


def _describe_digest(digest: TableDigest | None) -> str:
    return str(digest) if digest else "no such table"


class TargetObjects:
    """Observe which objects of the target applications change.

    Args:
        root: The workspace.
        target: Path of the target, relative to it.
        limits: Of what is read.
    """

    def __init__(self, root: Path, target: str, limits: Limits) -> None:
        self._path, self._target, self._limits = root / target, one_line(target), limits
        self._before = self._read()

    def changes(self) -> list[Observation]:
        """Observe each object and version of the target that is not as the run has left it.

        A rollback would refuse such a target. Tables are compared by their rows. The journal mode may change, because
        many programs set it when they connect.
        """
        hint = "If the program is meant to do that, say writes = true in its [[smoke]]. Otherwise take it out."
        return [
            Observation(
                f"{self._target}: {name}",
                "as the run has left it",
                change.replace(" since the migration", " while applications ran"),
                holds=False,
                todo=hint,
            )
            for name, change in object_changes(self._before, self._read()).items()
        ]

    def _read(self) -> dict[str, str]:
        with open_for_inspection(self._path, self._limits) as con:
            return objects_of(con)

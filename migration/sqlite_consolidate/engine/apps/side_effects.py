"""Describe what smoke tests changed in a workspace or on their copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.observation import Observation
from sqlite_consolidate.text import list_names, one_line

if TYPE_CHECKING:
    from sqlite_consolidate.engine.content.digest import TableDigest


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

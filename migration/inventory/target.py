"""Target: which of the databases the others had better move into, and why."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from migration.engine.sql import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.inventory.look import Database

_CENTRAL = frozenset(["main", "app", "core", "workspace", "central", "master", "primary", "production", "prod"])


def choose(databases: Sequence[Database], mentions: Mapping[str, int], workspace: str) -> tuple[Database, list[str]]:
    """Return the database that most speaks for, and what does, each in half a sentence.

    Each of these is a point: a name such as ``main`` or that of the workspace; most tables with rows; most mentions
    in the code; the outermost folder. Several may have most. Where points are equal, the one with most rows is it,
    then the first by name.

    Args:
        databases: At least one.
        mentions: File to the number of its mentions.
        workspace: Name of the workspace's folder.
    """
    reasons: dict[str, list[str]] = {one.file: [] for one in databases}
    for one in databases:
        if _is_central(one.file, workspace):
            reasons[one.file].append(f"it is called {PurePosixPath(one.file).name}")
    _most(reasons, {one.file: len(one.filled) for one in databases}, "tables with rows: {}, no other has more")
    _most(reasons, mentions, "mentions in the code: {}, no other has more")
    _most(reasons, {one.file: -one.file.count("/") for one in databases}, "no other lies further out")
    best = min(databases, key=lambda one: (-len(reasons[one.file]), -one.rows, one.file))
    return best, reasons[best.file] or [f"it has most rows ({best.rows})"]


def _is_central(file: str, workspace: str) -> bool:
    stem = folded(PurePosixPath(file).stem)
    return stem == folded(workspace) or bool(set(re.findall(r"[a-z]+", stem)) & _CENTRAL)


def _most(reasons: dict[str, list[str]], by_file: Mapping[str, int], words: str) -> None:
    """Give a point to those that have most; to nobody when all have as many."""
    most = max(by_file.values())
    for file, number in by_file.items() if len(set(by_file.values())) > 1 else ():
        if number == most:
            reasons[file].append(words.format(most))

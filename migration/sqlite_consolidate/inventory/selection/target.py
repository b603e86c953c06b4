"""Choose the database that the others are moved into."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.inventory.inspection import Database

_CENTRAL_NAMES = frozenset(["main", "app", "core", "workspace", "central", "master", "primary", "production", "prod"])


def choose_target(
    databases: Sequence[Database], mentions: Mapping[str, int], workspace: str
) -> tuple[Database, list[str]]:
    """Return the database that has the most points as a target, and a reason for each point.

    A database gets a point for each of these: a name such as ``main`` or that of the workspace, most tables with rows,
    most mentions in the code, and the outermost folder. Several databases may get the same point.
    Where points are equal, the database with most rows is chosen, then the first by name.

    Args:
        databases: At least one.
        mentions: File to the number of its mentions.
        workspace: Name of the workspace's folder.
    """
    reasons: dict[str, list[str]] = {database.file: [] for database in databases}
    for database in databases:
        if _is_central(database.file, workspace):
            reasons[database.file].append(f"its name is {PurePosixPath(database.file).name}")
    _award_most(
        reasons,
        {database.file: len(database.tables_with_rows) for database in databases},
        "no other database has more tables with rows ({})",
    )
    _award_most(reasons, mentions, "the code mentions no other database more often ({})")
    _award_most(
        reasons,
        {database.file: -database.file.count("/") for database in databases},
        "no other database is nearer to the root folder",
    )
    best = min(databases, key=lambda database: (-len(reasons[database.file]), -database.rows, database.file))
    return best, reasons[best.file] or [f"it has the most rows ({best.rows})"]


def _is_central(file: str, workspace: str) -> bool:
    stem = folded(PurePosixPath(file).stem)
    return stem == folded(workspace) or bool(set(re.findall(r"[a-z]+", stem)) & _CENTRAL_NAMES)


def _award_most(reasons: dict[str, list[str]], by_file: Mapping[str, int], reason: str) -> None:
    """Give a point to the files with the largest number.

    No file gets a point when all numbers are equal.
    """
    most = max(by_file.values())
    for file, number in by_file.items() if len(set(by_file.values())) > 1 else ():
        if number == most:
            reasons[file].append(reason.format(most))

"""Choose the database that the others are moved into."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.text import counted, join_first_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlite_consolidate.inventory.inspection import Database

_CENTRAL_NAMES = frozenset(["main", "app", "core", "workspace", "central", "primary", "production", "prod"])


def choose_target(
    databases: Sequence[Database], mentions: Mapping[str, int], workspace: str, kinds: Sequence[Database] = ()
) -> tuple[Database, str]:
    """Return the database that has the most points as a target, and the reason in one clause.

    A database gets a point where no other database has more mentions in the code, or more tables with rows, where it is
    in the outermost folder, for a name such as ``main`` or that of the workspace, and if it has no table of a kind of
    many files. Where points are equal, the name counts first, because a person chose it, then the others in this order,
    the number of rows, and the path.

    Args:
        databases: At least one.
        mentions: File to the number of its mentions.
        workspace: Name of the workspace's folder.
        kinds: The united schema of each kind of many files.
    """
    repeated = {folded(table.name) for database in kinds for table in database.tables}
    tables = {database.file: len(database.tables_with_rows) for database in databases}
    points = {
        "name": {database.file for database in databases if _is_central(database.file, workspace)},
        "mentions": _with_most(mentions),
        "tables": _with_most(tables),
        "path": _with_most({database.file: -database.file.count("/") for database in databases}),
        "own": {
            database.file
            for database in databases
            if kinds and repeated.isdisjoint(folded(table.name) for table in database.tables)
        },
    }
    best = min(
        databases,
        key=lambda database: (
            -sum(database.file in files for files in points.values()),
            [database.file not in files for files in points.values()],
            -database.rows,
            database.file,
        ),
    )
    clauses: dict[str, Callable[[], str]] = {
        "mentions": lambda: f"the code names it most often ({counted(mentions[best.file], 'place')})",
        "tables": lambda: f"it has the most tables with rows ({tables[best.file]})",
        "path": lambda: "it is nearest to the root folder",
        "own": lambda: f"it has no table of {join_first_names([kind.file for kind in kinds])}",
        "name": lambda: f"its name is {PurePosixPath(best.file).name}",
    }
    return best, _reason(best, databases, points, clauses)


def _reason(
    best: Database,
    databases: Sequence[Database],
    points: Mapping[str, set[str]],
    clauses: Mapping[str, Callable[[], str]],
) -> str:
    """Return why the best database was chosen.

    A reason that fewer databases have says more. If others have it as well, it names them, and what the best has beside
    it.
    """
    holding = {kind: files for kind, files in points.items() if best.file in files}
    if not holding:
        equal = [each.file for each in databases if each.rows == best.rows and each.file != best.file]
        first = f", like {join_first_names(equal)}, and its path is the first by name" if equal else ""
        return f"it has the most rows ({best.rows}){first}"
    first, *others = sorted(holding, key=lambda kind: len(holding[kind]))
    rivals = [each for each in databases if each.file in holding[first] - {best.file} and first != "name"]
    if not rivals:
        return clauses[first]()
    names = [rival.file for rival in rivals]
    shared = f"{clauses[first]()}, like {join_first_names(names)}"
    if further := next((kind for kind in others if holding[kind].isdisjoint(names)), ""):
        return f"{shared}, and {clauses[further]()}"
    return f"{shared}, and more rows ({best.rows})" if all(best.rows > rival.rows for rival in rivals) else shared


def _is_central(file: str, workspace: str) -> bool:
    stem = folded(PurePosixPath(file).stem)
    return stem == folded(workspace) or bool(set(re.findall(r"[a-z]+", stem)) & _CENTRAL_NAMES)


def _with_most(by_file: Mapping[str, int]) -> set[str]:
    """Return the files with the largest number, or none when all numbers are equal."""
    most = max(by_file.values())
    return {file for file, number in by_file.items() if number == most} if len(set(by_file.values())) > 1 else set()

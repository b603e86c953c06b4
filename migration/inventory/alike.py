"""Alike: which databases hold the very same schema and rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from migration.engine.content import read_contents
from migration.inventory.kinds import is_set_aside

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from migration.engine.limits import Limits
    from migration.inventory.look import Database
else:
    from sqlite_utils.utils import sqlite3

COMPARED = 300_000
"""Rows up to which two databases are compared by content; about a second of work."""


def alike(root: Path, databases: Sequence[Database], limits: Limits | None = None) -> list[list[str]]:
    """Return the groups of databases with one content digest; in each, the one that the others copy comes first.

    Only what has the same tables with as many rows is read whole, and nothing that is larger than ``COMPARED`` rows.
    """
    by_shape: dict[tuple[object, ...], list[Database]] = defaultdict(list)
    for one in databases:
        if one.filled and one.rows <= COMPARED and not any(table.more for table in one.tables):
            by_shape[_shape(one)].append(one)
    by_content: dict[str, list[Database]] = defaultdict(list)
    for group in by_shape.values():
        for one in group if len(group) > 1 else ():
            by_content[_digest(root / one.file, limits)].append(one)
    groups = [sorted(group, key=_originality) for digest, group in by_content.items() if digest and len(group) > 1]
    return [[one.file for one in group] for group in groups]


def _shape(one: Database) -> tuple[object, ...]:
    return tuple(sorted((table.name, table.table.sql, table.rows) for table in one.tables))


def _originality(one: Database) -> tuple[object, ...]:
    return is_set_aside(one.file), one.file.count("/"), len(one.file), one.file


def _digest(path: Path, limits: Limits | None) -> str:
    try:
        return read_contents(path, limits).digest
    except (sqlite3.Error, OSError):  # locked just now, or damaged further in: then nothing is said of it
        return ""

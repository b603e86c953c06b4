"""Overlaps: which tables are in several databases, and whether they are declared alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine.sql import folded
from migration.engine.statements import same_statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.inventory.look import Database, TableSeen


@dataclass(frozen=True)
class Overlap:
    """One table name that several databases have.

    Attributes:
        table: As the first of them spells it.
        same: True when all of them declare it alike.
        rows: File to the rows there, in words.
        filled: Number of files in which it has rows.
    """

    table: str
    same: bool
    rows: dict[str, str]
    filled: int


def overlaps(databases: Sequence[Database]) -> list[Overlap]:
    """Return every table that is in more than one of the databases, those with rows in most files first."""
    by_name: dict[str, list[tuple[Database, TableSeen]]] = defaultdict(list)
    for one in databases:
        for table in one.tables:
            by_name[folded(table.name)].append((one, table))
    found = [_overlap(group) for group in by_name.values() if len(group) > 1]
    return sorted(found, key=lambda one: (-one.filled, -len(one.rows), one.table))


def _overlap(group: list[tuple[Database, TableSeen]]) -> Overlap:
    first = group[0][1]
    return Overlap(
        table=first.name,
        same=all(same_statement(first.table.sql, table.table.sql) for _, table in group),
        rows={one.file: table.counted for one, table in group},
        filled=sum(table.rows != 0 for _, table in group),
    )

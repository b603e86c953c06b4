"""Tell which databases have equal content, and which tables several of them have."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.selection.roles import is_named_as_copy

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.inventory.inspection import CountedTable, Database
else:
    from sqlite_consolidate.sqlite_library import sqlite3


MAX_COMPARED_ROWS = 300_000
"""Databases with up to this number of rows are compared by content. That takes about a second."""


def find_duplicates(root: Path, databases: Sequence[Database], limits: Limits | None = None) -> list[list[str]]:
    """Group databases with equal content by their content digest.

    A group begins with the database that the others are copies of.
    A database is read whole only if another has the same tables with as many rows.
    A database with more than ``MAX_COMPARED_ROWS`` rows is not compared.
    """
    by_shape: dict[tuple[object, ...], list[Database]] = defaultdict(list)
    for database in databases:
        if (
            database.tables_with_rows
            and database.rows <= MAX_COMPARED_ROWS
            and not any(table.has_more for table in database.tables)
        ):
            by_shape[_shape(database)].append(database)
    by_content: dict[str, list[Database]] = defaultdict(list)
    for group in by_shape.values():
        for database in group if len(group) > 1 else ():
            by_content[_digest(root / database.file, limits)].append(database)
    groups = [sorted(group, key=_original_first) for digest, group in by_content.items() if digest and len(group) > 1]
    return [[database.file for database in group] for group in groups]


def _shape(database: Database) -> tuple[object, ...]:
    return tuple(sorted((table.name, table.table.sql, table.rows) for table in database.tables))


def _original_first(database: Database) -> tuple[object, ...]:
    return is_named_as_copy(database.file), database.file.count("/"), len(database.file), database.file


def _digest(path: Path, limits: Limits | None) -> str:
    try:
        return read_contents(path, limits).digest
    except (sqlite3.Error, OSError):  # it is locked or damaged: it is not compared
        return ""


@dataclass(frozen=True)
class Overlap:
    """Hold one table name that several databases have.

    Attributes:
        table: The name as the first of them spells it.
        same: True when all of them declare the table alike.
        rows: File to the number of its rows, as text.
        filled: Number of files in which the table has rows.
    """

    table: str
    same: bool
    rows: dict[str, str]
    filled: int


def find_overlaps(databases: Sequence[Database]) -> list[Overlap]:
    """Return every table name that more than one database has.

    Tables that have rows in the most files come first.
    """
    by_name: dict[str, list[tuple[Database, CountedTable]]] = defaultdict(list)
    for database in databases:
        for table in database.tables:
            by_name[folded(table.name)].append((database, table))
    shared = [_overlap(group) for group in by_name.values() if len(group) > 1]
    return sorted(shared, key=lambda overlap: (-overlap.filled, -len(overlap.rows), overlap.table))


def _overlap(group: list[tuple[Database, CountedTable]]) -> Overlap:
    first = group[0][1]
    return Overlap(
        table=first.name,
        same=all(same_statement(first.table.sql, table.table.sql) for _, table in group),
        rows={database.file: table.rows_text for database, table in group},
        filled=sum(table.rows != 0 for _, table in group),
    )

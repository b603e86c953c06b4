"""Find the rows that several files of a pattern have alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.real_bits import add_real_bits, exact_kind
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.sources.families import Family
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_MOST_ROWS = 10_000  # of a table that all files may have alike, as they have a lookup


def tables_alike(root: Path, family: Family) -> frozenset[str]:
    """Return the folded names of the tables that have the same rows in each file.

    A large table is none of them, nor is one that a file lacks. There are none if a file cannot be read.

    Args:
        root: The workspace.
        family: The files.
    """
    first, *others = (entry.database for entry in family.entries)
    alike = {folded(table.name) for table in first.tables if 0 < (table.rows or 0) <= _MOST_ROWS}
    alike = {name for name in alike if all(_shape(each, name) == _shape(first, name) for each in others)}
    try:
        rows = {name: sorted(hashes) for name, hashes in _hashes(root, first, alike)}
        for each in others:
            alike.intersection_update(
                name for name, hashes in _hashes(root, each, alike) if sorted(hashes) == rows[name]
            )
    except sqlite3.Error:
        return frozenset()
    return frozenset(alike)


def _shape(database: Database, name: str) -> tuple[object, ...] | None:
    """Return the number of rows and the columns of a table, or None if there is none."""
    table = database.table(name)
    return (table.rows, table.has_more, *(column.name for column in table.table.stored)) if table else None


def _hashes(root: Path, database: Database, names: set[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield the folded name of each table with a hash of each of its rows."""
    with open_for_inspection(root / database.file) as con:
        read_text_losslessly(con)
        add_real_bits(con)
        for table in database.tables:
            if folded(table.name) in names:
                columns = [quoted(column.name) for column in table.table.stored]
                values = ", ".join((*columns, *map(exact_kind, columns)))
                rows: sqlite3.Cursor = con.execute(f"SELECT {values} FROM main.{quoted(table.name)}")
                yield folded(table.name), [hash(tuple(row)) for row in rows]

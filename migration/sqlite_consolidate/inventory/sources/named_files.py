"""Find the tables of a pattern of whose rows no column names the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.checks.merged_files.telling_columns import is_time
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.column_statistics import MAX_ROWS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.inventory.inspection import CountedTable, Database
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def find_unnamed_tables(root: Path, files: Sequence[Database]) -> tuple[str, ...]:
    """Return the tables of which no column tells from which file a row comes.

    A column does that if it has one value in each file, or a time, and no two files have values of one range. A table
    is named by its parents as well. Large tables, and files that cannot be read now, are not examined.

    Args:
        root: The workspace.
        files: The files of a pattern.
    """
    tables = [table for table in files[0].tables if _is_examined(table, files)]
    ranges: dict[tuple[str, str], list[tuple[object, object]]] = {
        (table.name, column.name): [] for table in tables for column in table.table.stored if column.type != "BLOB"
    }
    for database in files:
        if not ranges:
            break
        try:
            with open_for_inspection(root / database.file) as con:
                ranges = _narrowed(con, database, ranges)
        except sqlite3.Error:
            return ()
    named = {folded(table) for table, _ in ranges}
    while further := {folded(each.name) for each in tables if each.needs & named} - named:
        named |= further
    return tuple(table.name for table in tables if folded(table.name) not in named)


def _is_examined(table: CountedTable, files: Sequence[Database]) -> bool:
    """Return whether a table has few rows in each file, and several in one."""
    known = [each for database in files if (each := database.table(table.name))]
    rows = [each.rows for each in known]
    is_small = all(number is not None and number <= MAX_ROWS for number in rows)
    is_plain = table.table.kind == "table" and table.table.is_readable and not is_migration_stamp(table.name)
    return is_plain and is_small and max(number or 0 for number in rows) > 1


def _narrowed(
    con: sqlite3.Connection, database: Database, ranges: dict[tuple[str, str], list[tuple[object, object]]]
) -> dict[tuple[str, str], list[tuple[object, object]]]:
    """Return the columns that name this file as well, with the ranges of their values."""
    kept = {}
    for (table, name), known in ranges.items():
        counted = database.table(table)
        column = counted.table.column(name) if counted else None
        if counted and not counted.rows:
            kept[table, name] = known
            continue
        if column is None:
            continue
        query = f"SELECT min({quoted(name)}), max({quoted(name)}) FROM main.{quoted(table)}"
        low, high = con.execute(query).fetchone()
        if (low == high or is_time(column)) and low is not None and not _is_between(low, high, known):
            kept[table, name] = [*known, (low, high)]
    return kept


def _is_between(low: object, high: object, known: Sequence[tuple[object, object]]) -> bool:
    """Return whether another file has values in a range, or values that cannot be compared."""
    return any(type(low) is not type(first) or (low <= last and first <= high) for first, last in known)  # type: ignore[operator]  # of one type

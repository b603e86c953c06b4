"""Find the tables whose key is that of a table in another database.

Such a key is no number of its own. The row of a calibration under the key of a sensor is about that sensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import column_affinity
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.column_statistics import MAX_ROWS
from sqlite_consolidate.inventory.references.key_names import NamedTables, names_key_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.inspection import CountedTable, Database
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def find_shared_keys(root: Path, sources: Sequence[Sequence[Database]]) -> dict[tuple[str, str], str]:
    """Return the file and the name of each such table, with the table whose key it has.

    The name of its key is the hint, and its values are the evidence.

    Args:
        root: The workspace.
        sources: The files of each source and of the target.
    """
    owners = {id(table.table): files for files in sources for table in files[0].tables if _has_number_key(table)}
    named = NamedTables(table.table for files in sources for table in files[0].tables if id(table.table) in owners)
    shared: dict[tuple[str, str], str] = {}
    for files in sources:
        for table in filter(_can_be_shared, files[0].tables):
            stated = {folded(each.column) for each in files[0].unstated_of(table.name) if each.to}
            [key] = table.table.primary_key
            parents = () if folded(key) in stated else _possible_parents(table.table, key, named)
            for parent in parents:
                others = owners[id(parent)]
                if others is not files and _fits(root, files, table.name, others, parent.name):
                    shared |= dict.fromkeys(
                        ((each.file, table.name) for each in files), f"{parent.name} in {others[0].file}"
                    )
                    break
    return shared


def _has_number_key(table: CountedTable) -> bool:
    key = table.table.primary_key
    is_small = table.rows is not None and 0 < table.rows <= MAX_ROWS and not table.has_more
    return (
        is_small and table.table.kind == "table" and len(key) == 1 and column_affinity(table.table, key[0]) == "INTEGER"
    )


def _can_be_shared(table: CountedTable) -> bool:
    """Return whether an application gives the key of a table, and no FOREIGN KEY explains it."""
    declared = {folded(column) for key in table.table.foreign_keys for column in key.columns}
    return (
        _has_number_key(table) and not table.table.autoincrement and folded(table.table.primary_key[0]) not in declared
    )


def _possible_parents(table: Table, key: str, named: NamedTables) -> Iterator[Table]:
    """Yield the tables that a key is named after, unless it is named after its own table."""
    if not names_key_of(key, table.name, [key]):
        for parent, keys in named.possible_parents(key):
            if folded(parent.name) != folded(table.name) and names_key_of(key, parent.name, keys):
                yield parent


def _fits(root: Path, files: Sequence[Database], table: str, others: Sequence[Database], parent: str) -> bool:
    """Return whether each key of a table is one of another table.

    Files that cannot be read now do not show it.
    """
    try:
        return _keys(root, files, table) <= _keys(root, others, parent)
    except sqlite3.Error:
        return False


def _keys(root: Path, files: Sequence[Database], name: str) -> set[object]:
    keys: set[object] = set()
    for database in files:
        if table := database.table(name):
            with open_for_inspection(root / database.file) as con:
                query = f"SELECT {quoted(table.table.primary_key[0])} FROM main.{quoted(name)}"
                keys.update(key for (key,) in con.execute(query))
    return keys

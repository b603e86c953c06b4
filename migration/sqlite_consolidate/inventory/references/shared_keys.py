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
    reader = _KeyReader(root)
    shared: dict[tuple[str, str], str] = {}
    for files in sources:
        for table in filter(_can_be_shared, files[0].tables):
            stated = {folded(each.column) for each in files[0].unstated_of(table.name) if each.to}
            [key] = table.table.primary_key
            parents = () if folded(key) in stated else _possible_parents(table.table, key, named)
            for parent in parents:
                others = owners[id(parent)]
                if others is not files and reader.fits((files, table.name), (others, parent.name)):
                    shared |= dict.fromkeys(
                        ((each.file, table.name) for each in files), f"{parent.name} in {others[0].file}"
                    )
                    break
    return shared


def _has_number_key(table: CountedTable) -> bool:
    key = table.table.primary_key
    return table.table.kind == "table" and len(key) == 1 and column_affinity(table.table, key[0]) == "INTEGER"


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


class _KeyReader:
    """Read the keys of tables, each once."""

    def __init__(self, root: Path) -> None:
        """Begin without keys."""
        self._root = root
        self._known: dict[tuple[str, str], frozenset[object]] = {}

    def fits(self, child: tuple[Sequence[Database], str], parent: tuple[Sequence[Database], str]) -> bool:
        """Return whether a table has keys, and each of them is one of another table.

        Large tables, and files that cannot be read now, do not show it.

        Args:
            child: The files of a source, and the name of the table in them.
            parent: Those of the other table.
        """
        keys = self._keys(*child)
        return bool(keys) and keys <= self._keys(*parent)

    def _keys(self, files: Sequence[Database], name: str) -> frozenset[object]:
        """Return the keys that a table has in some files, or none if they cannot all be read."""
        if (files[0].file, name) not in self._known:
            try:
                keys = frozenset(key for database in files for key in self._keys_in(database, name))
            except (sqlite3.Error, OverflowError):
                keys = frozenset()
            self._known[files[0].file, name] = keys
        return self._known[files[0].file, name]

    def _keys_in(self, database: Database, name: str) -> list[object]:
        """Return the keys that a table has in a file.

        Raises:
            OverflowError: There are too many.
        """
        table = database.table(name)
        if table is None or table.rows == 0:
            return []
        if table.rows is None or table.rows > MAX_ROWS:
            raise OverflowError
        with open_for_inspection(self._root / database.file) as con:
            query = f"SELECT {quoted(table.table.primary_key[0])} FROM main.{quoted(name)}"
            return [key for (key,) in con.execute(query)]

"""Find the columns whose numbers are keys of a table in another database.

A key among them is no number of its own. The row of a calibration under the key of a sensor is about that sensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import column_affinity
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


PlacedColumns = tuple[str, str, tuple[str, ...]]
"""File and table of some columns, and their names."""


def find_shared_keys(root: Path, sources: Sequence[Sequence[Database]]) -> dict[PlacedColumns, str]:
    """Return each column with the keys of a table in another database, to that table.

    It is the key of its own table, or a column that looks like a reference to a row that its own database does not
    have. Its name is the hint, and its values are the evidence.

    Args:
        root: The workspace.
        sources: The files of each source and of the target.
    """
    owners = {id(table.table): files for files in sources for table in _tables_of(files) if _has_number_key(table)}
    named = NamedTables(table.table for files in sources for table in _tables_of(files) if id(table.table) in owners)
    reader = _KeyReader(root)
    shared: dict[PlacedColumns, str] = {}
    for files in sources:
        for table, column, parents in (*_possible_keys(files, named), *_possible_references(files, named)):
            for parent in parents:
                others = owners[id(parent)]
                if others is not files and reader.fits((files, table, column), (others, parent)):
                    places = ((each.file, table, (column,)) for each in files)
                    shared |= dict.fromkeys(places, f"{parent.name} in {others[0].file}")
                    break
    return shared


def _possible_keys(files: Sequence[Database], named: NamedTables) -> Iterator[tuple[str, str, list[Table]]]:
    """Yield each key that may be that of another table, with its table and these other tables."""
    for table in filter(_can_be_shared, _tables_of(files)):
        stated = {folded(each.column) for file in files for each in file.unstated_of(table.name) if each.to}
        [key] = table.table.primary_key
        if folded(key) not in stated:
            yield table.name, key, list(_possible_parents(table.table, key, named))


def _possible_references(files: Sequence[Database], named: NamedTables) -> Iterator[tuple[str, str, list[Table]]]:
    """Yield each table and column that may refer to rows of another database.

    The tables to which it may refer follow. There are none if a table of its own database has such a name, because
    that may be the one.
    """
    columns = {(each.table, each.column) for file in files for each in file.unstated if not each.to}
    tables = {id(table.table) for table in _tables_of(files)}
    for table, column in sorted(columns):
        parents = [parent for parent, keys in named.possible_parents(column) if names_key_of(column, parent.name, keys)]
        if tables.isdisjoint(map(id, parents)):
            yield table, column, parents


def _tables_of(files: Sequence[Database]) -> list[CountedTable]:
    """Return each table of a source as the first file with that table declares it."""
    tables: dict[str, CountedTable] = {}
    for table in (table for file in files for table in file.tables):
        tables.setdefault(folded(table.name), table)
    return [*tables.values()]


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
    """Read the numbers of columns, each once."""

    def __init__(self, root: Path) -> None:
        """Begin without numbers."""
        self._root = root
        self._known: dict[tuple[str, str, str], frozenset[object]] = {}

    def fits(self, child: tuple[Sequence[Database], str, str], parent: tuple[Sequence[Database], Table]) -> bool:
        """Return whether a column has numbers, and each of them is a key of another table.

        Large tables, and files that cannot be read now, do not show it.

        Args:
            child: The files of a source, and the names of the table and of the column in them.
            parent: The files of the other source, and its table.
        """
        files, table = parent
        numbers = self._numbers(*child)
        return bool(numbers) and numbers <= self._numbers(files, table.name, table.primary_key[0])

    def _numbers(self, files: Sequence[Database], table: str, column: str) -> frozenset[object]:
        """Return the values that a column has in some files, or none if they cannot all be read."""
        place = files[0].file, table, column
        if place not in self._known:
            try:
                self._known[place] = frozenset(
                    value for file in files for value in self._numbers_in(file, table, column)
                )
            except (sqlite3.Error, OverflowError):
                self._known[place] = frozenset()
        return self._known[place]

    def _numbers_in(self, database: Database, name: str, column: str) -> list[object]:
        """Return the values that a column has in a file, without NULL and 0.

        Raises:
            OverflowError: There are too many.
        """
        table = database.table(name)
        if table is None or table.rows == 0:
            return []
        if table.rows is None or table.rows > MAX_ROWS:
            raise OverflowError
        with open_for_inspection(self._root / database.file) as con:
            value = quoted(column)
            query = f"SELECT DISTINCT {value} FROM main.{quoted(name)} WHERE {value} <> 0"
            return [number for (number,) in con.execute(query)]

"""Name rows of a source and lines of the key map in the SQL of a proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import constant_literal
from sqlite_consolidate.engine.merge.rows.matched_rows import identity
from sqlite_consolidate.engine.merge.rows.policies import updates_matched_rows
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


@dataclass(frozen=True)
class SourceRows:
    """Name the tables of one source on a connection.

    Attributes:
        con: The connection.
        staged: Name of the staging database on the connection. Empty if the main database is the source itself.
        key_map: Name of the key map on the connection. Empty without one.
    """

    con: sqlite3.Connection
    staged: str = ""
    key_map: str = ""

    def table(self, mapping: TableMapping) -> str:
        """Return the table of a mapping as SQL names it."""
        return f"{quoted(self.staged)}.{quoted(mapping.table.name)}" if self.staged else quoted(mapping.table_map.name)

    def lines(self, mapping: TableMapping, alias: str = "m") -> str:
        """Return the FROM and WHERE of the lines of a mapping."""
        return self._lines("matched", mapping, alias)

    def _lines(self, table: str, mapping: TableMapping, alias: str, column: str = "") -> str:
        names = {"source": mapping.source.name, "source_table": mapping.table_map.name}
        names |= {"source_column": column} if column else {}
        stated = " AND ".join(f"{alias}.{name} = {constant_literal(value)}" for name, value in names.items())
        return f"FROM {quoted(self.key_map)}.{table} AS {alias} WHERE {stated}"

    def existing_key(self, parent: TableMapping, column: str, value: str) -> str:
        """Return the SQL of the number that replaces a reference to a matched row, or NULL.

        Args:
            parent: The table of the matched row.
            column: Its column that is referred to, which is its key or another renumbered one.
            value: SQL of the reference.
        """
        if folded(column) != folded(parent.matched_key):
            lines = self._lines("numbers", parent, "m", column)
            return f"(SELECT m.new {lines} AND {value} = m.old)"
        collation = quoted(column_collation(parent.table, parent.matched_key))
        return f"(SELECT m.new {self.lines(parent)} AND {value} COLLATE {collation} = m.old)"

    def is_matched(self, mapping: TableMapping, row: str = "s") -> str:
        """Return the SQL condition that the map has a line for a row of the source."""
        if mapping.matched is None or not self.key_map:
            return "0"
        return f"EXISTS (SELECT 1 {self.lines(mapping)} AND m.old IS +{identity(mapping.table, row)})"

    def is_not_updated(self, mappings: Sequence[TableMapping], key: str) -> str:
        """Return the SQL condition that no row of some mappings has updated the row of a key."""
        lines = (f"SELECT 1 {self.lines(mapping)} AND m.new IS +({key}) AND m.updated" for mapping in mappings)
        return " AND ".join(f"NOT EXISTS ({line})" for line in lines) or "1"

    def is_last_update(self, mapping: TableMapping, later: Sequence[TableMapping]) -> str:
        """Return the SQL condition that a row ``s`` has updated a row last."""
        further = (f"SELECT 1 {self.lines(other, 'o')} AND o.new IS m.new AND o.updated" for other in later)
        unchanged = "".join(f" AND NOT EXISTS ({line})" for line in further)
        line = f"{self.lines(mapping)} AND m.old IS {identity(mapping.table, 's')} AND m.updated"
        return f"EXISTS (SELECT 1 {line}{unchanged})"


def updates_rows(mapping: TableMapping) -> bool:
    """Return whether rows of a mapping update rows of the target that they match."""
    return mapping.matched is not None and updates_matched_rows(mapping.table_map)

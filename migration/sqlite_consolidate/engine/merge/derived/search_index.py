"""Rebuild the search indexes of the target that the plan names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.sqlite.schema.objects import Table


@dataclass(frozen=True)
class SearchIndex:
    """Hold an FTS4 or FTS5 table that the run rebuilds.

    Attributes:
        table: The table, as the target will have it.
        query: Query of the rowid and of all columns, for a table without content. Empty for one with external content.
    """

    table: Table
    query: str = ""

    @property
    def name(self) -> str:
        """Return the name as the target spells it."""
        return self.table.name

    def statements(self) -> list[str]:
        """Return the statements that rebuild the index.

        The query is a subquery on lines of its own, so that it can only read, and a comment cannot hide its end.
        """
        if not self.query:
            return [self._command("rebuild")]
        columns = identifier_list(["rowid", *(column.name for column in self.table.stored)])
        insert = f"INSERT INTO main.{quoted(self.name)}({columns}) SELECT * FROM (\n{self.query}\n)"
        return [self._command("delete-all"), insert]

    def _command(self, command: str) -> str:
        return f"INSERT INTO main.{quoted(self.name)}({quoted(self.name)}) VALUES('{command}')"


@dataclass(frozen=True)
class RebuiltIndex:
    """Hold an index that was rebuilt, with the number of its rows."""

    index: SearchIndex
    rows: int


def rebuild(index: SearchIndex, execute: Callable[[str], sqlite3.Cursor]) -> RebuiltIndex:
    """Rebuild an index, and count its rows."""
    for statement in index.statements():
        cursor = execute(statement)
    if index.query:
        return RebuiltIndex(index, cursor.rowcount)
    count = f"SELECT count(*) FROM main.{quoted(index.name)}"
    return RebuiltIndex(index, int(cursor.connection.execute(count).fetchone()[0]))

"""Rebuild the search indexes of the target that the plan names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.errors import is_statement_error
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind, index_columns
from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass(frozen=True)
class SearchIndex:
    """Hold a search index that the run rebuilds.

    Attributes:
        table: The table, as the target will have it.
        query: Query of the rowid and of all columns. Empty for an index with external content.
        inner: Names of the tables of an FTS4 table without content, which has no command that empties it.
    """

    table: Table
    query: str = ""
    inner: tuple[str, ...] = ()

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
        columns = identifier_list(index_columns(self.table))
        insert = f"INSERT INTO main.{quoted(self.name)}({columns}) SELECT * FROM (\n{self.query}\n)"
        return [*self._emptying(), insert]

    def _emptying(self) -> list[str]:
        """Return the statements that remove all rows."""
        if content_kind(self.table) == "own":
            return [f"DELETE FROM main.{quoted(self.name)}"]
        if self.table.module == "fts5":
            return [self._command("delete-all")]
        # FTS4 does the same before it indexes the rows of an external content again.
        return [f"DELETE FROM main.{quoted(name)}" for name in self.inner]

    def _command(self, command: str) -> str:
        return f"INSERT INTO main.{quoted(self.name)}({quoted(self.name)}) VALUES('{command}')"


@dataclass(frozen=True)
class RebuiltIndex:
    """Hold an index that was rebuilt, with the number of its rows."""

    index: SearchIndex
    rows: int


def rebuild(index: SearchIndex, execute: Callable[[str], sqlite3.Cursor]) -> RebuiltIndex:
    """Rebuild an index, and count its rows.

    Raises:
        ProblemError: SQLite refuses a row, such as a second one with the same rowid.
    """
    try:
        for statement in index.statements():
            cursor = execute(statement)
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.IntegrityError) and not is_statement_error(error):
            raise
        hint = "Correct from of the [[rebuild]]. Each row has a rowid of its own, and bounds are in their order."
        fact = f"SQLite refuses to rebuild it: {error}."
        raise ProblemError(Problem("rebuild-refused", index.name, fact, hint)) from error
    if index.query:
        return RebuiltIndex(index, cursor.rowcount)
    count = f"SELECT count(*) FROM main.{quoted(index.name)}"
    return RebuiltIndex(index, int(cursor.connection.execute(count).fetchone()[0]))

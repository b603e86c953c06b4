"""Order the rows of a table that refers to itself, roots first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition


@dataclass(frozen=True)
class Levels:
    """Compute how far each staged row is below a root.

    A root refers to no row of its source. Each row is read as often as rows refer to it, so that a deep tree takes no
    more time than a flat one.

    Attributes:
        con: Connection to the staging database.
        mapping: The table mapping.
        rowid: Name of the rowid of a staged row.
        columns: The columns that refer to the key of the table, each with the condition on its rows, or None.
        name: Name of the table of levels.
    """

    con: sqlite3.Connection
    mapping: TableMapping
    rowid: str
    columns: Sequence[tuple[str, RowCondition | None]]
    name: str

    def compute(self) -> Iterator[int]:
        """Yield each level from 0, after its rows are known."""
        place = f"main.{quoted(self.name)}"
        self.con.execute(f"CREATE TABLE {place}(row INTEGER PRIMARY KEY, level)")
        self.con.execute(f"CREATE INDEX main.{quoted(f'{self.name} index')} ON {quoted(self.name)}(level)")
        names = dict.fromkeys([self.mapping.matched_key, *(column for column, _ in self.columns)])
        for number, column in enumerate(names):
            index = f"{self.name} column {number}"
            self.con.execute(
                f"CREATE INDEX main.{quoted(index)} ON {quoted(self.mapping.table.name)}({quoted(column)})"
            )
        key = quoted(self.mapping.matched_key)
        roots = " AND ".join(f"NOT EXISTS ({self._parent(*column)})" for column in self.columns)
        query = f"SELECT s.{quoted(self.rowid)}, 0 FROM {self._source} AS s WHERE {roots}"
        level, count = 0, self.con.execute(f"INSERT INTO {place} {query}").rowcount
        placed = " AND ".join(
            f"NOT EXISTS ({self._parent(*column)} AND p.{quoted(self.rowid)} NOT IN (SELECT row FROM {place}))"
            for column in self.columns
        )
        while count:
            yield level
            children = " UNION ".join(
                f"SELECT s.{quoted(self.rowid)} AS row FROM {place} AS l JOIN {self._source} AS q"
                f" ON q.{quoted(self.rowid)} = l.row JOIN {self._source} AS s ON s.{quoted(column)} = q.{key}"
                f" WHERE l.level = {level} AND {placed} AND {when.over('s') if when else '1'}"
                for column, when in self.columns
            )
            level += 1
            rows = f"SELECT row, {level} FROM ({children}) WHERE row NOT IN (SELECT row FROM {place})"
            count = self.con.execute(f"INSERT INTO {place} {rows}").rowcount

    def count_circular(self) -> int:
        """Return the number of rows that move and that no level has."""
        levels = f"SELECT row FROM main.{quoted(self.name)}"
        query = f"SELECT count(*) FROM {self._source} AS s WHERE s.{quoted(self.rowid)} NOT IN ({levels})"
        query += f" AND {self.mapping.chosen.over()}" if self.mapping.chosen else ""
        return int(self.con.execute(query).fetchone()[0])

    @property
    def _source(self) -> str:
        return f"main.{quoted(self.mapping.table.name)}"

    def _parent(self, column: str, when: RowCondition | None) -> str:
        key, rows = quoted(self.mapping.matched_key), f" AND {when.over('s')}" if when else ""
        return f"SELECT 1 FROM {self._source} AS p WHERE p.{key} = s.{quoted(column)}{rows}"

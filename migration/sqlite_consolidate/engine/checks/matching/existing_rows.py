"""Hold the rows of one table of the target as they stand before each source.

They are in a table of the staging database whose columns have no type, so that each value keeps its storage class. It
has the rows of the target, and receives those of each source in the order of the plan. At last it has the rows that the
run has to leave in the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.real_bits import exact_kind
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW
from sqlite_consolidate.engine.merge.rows.newer_rows import are_comparable
from sqlite_consolidate.engine.merge.rows.update_rows import kept_columns, match_collation, updated_columns
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.rows.matched_rows import MatchedRows
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table


OF_TARGET = -1
"""Origin of a row that the target had before."""


@dataclass(frozen=True)
class ExistingRows:
    """Hold the existing rows of one table, which SQL names ``t``.

    Attributes:
        con: Connection to the staging database.
        into: The table of the target.
        name: Name of the table in the staging database.
    """

    con: sqlite3.Connection
    into: Table
    name: str

    def create(self, target: str) -> None:
        """Create the table with the rows of the target.

        Args:
            target: Name of the attached target. Empty if it does not have the table.
        """
        columns = [f"c{place}" for place in range(len(self.into.stored))]
        self.con.execute(f"CREATE TABLE {self.place}({', '.join((*columns, 'origin'))})")
        if target:
            values = ", ".join(quoted(column.name) for column in self.into.stored)
            rows = f"SELECT {values}, {OF_TARGET} FROM {quoted(target)}.{quoted(self.into.name)}"
            self.con.execute(f"INSERT INTO {self.place} {rows}")

    def add_index(self, mapping: TableMapping) -> None:
        """Create an index by which SQLite finds the rows that match those of a mapping."""
        columns = mapping.match_columns
        terms = [f"{self.column(name)} COLLATE {match_collation(mapping, name)}" for name in columns]
        name = f"{self.name} by {', '.join(terms)}"
        self.con.execute(f"CREATE INDEX IF NOT EXISTS {quoted(name)} ON {quoted(self.name)}({', '.join(terms)})")

    def add(self, rows: Projection, origin: int) -> None:
        """Add the rows that a source brings.

        Args:
            rows: The rows.
            origin: Number of their mapping.
        """
        arriving = _expressions(rows)
        values = (arriving[folded(column.name)] for column in self.into.stored)
        self.con.execute(f"INSERT INTO {self.place} {rows.select([*values, str(origin)])}")

    def create_view(self, origin: int) -> str:
        """Create a view of the rows of one origin by the names of the target, and name it."""
        name = f"{self.name} of {origin}"
        columns = (f"c{place} AS {quoted(column.name)}" for place, column in enumerate(self.into.stored))
        rows = f"SELECT {', '.join(columns)} FROM {quoted(self.name)} WHERE origin = {origin}"
        self.con.execute(f"CREATE VIEW main.{quoted(name)} AS {rows}")
        return name

    def update(self, mapping: TableMapping, matched: MatchedRows) -> None:
        """Give each row the values of the different row that matches it."""
        pairs = [(self.column(column.name), column.source) for column in updated_columns(mapping)]
        if pairs:
            columns, values = (", ".join(pair[at] for pair in pairs) for at in (0, 1))
            line = f"{matched.place('main')} AS x"
            row = f"SELECT {values} FROM main.{quoted(mapping.table.name)} AS s, {line}"
            row += f" WHERE x.row = s.{quoted(matched.rowid)} AND x.existing = +t.rowid AND x.updates"
            updated = f"SELECT x.existing FROM {line} WHERE x.updates"
            self.con.execute(f"UPDATE {self.place} AS t SET ({columns}) = ({row}) WHERE t.rowid IN ({updated})")

    def matching(self, mapping: TableMapping, rows: Projection) -> str:
        """Return the SQL condition that a row ``t`` matches a row ``s`` of a source."""
        arriving = _expressions(rows)
        pairs = {name: (f"t.{self.column(name)}", arriving[folded(name)]) for name in mapping.match_columns}
        conditions = [
            f"{existing} COLLATE {match_collation(mapping, name)} IS {value}"
            for name, (existing, value) in pairs.items()
        ]
        if mapping.table_map.match == WHOLE_ROW:
            conditions.append(same_kinds([*pairs.values()]))
        return " AND ".join(conditions)

    def compared(self, mapping: TableMapping, rows: Projection) -> list[tuple[str, str]]:
        """Return each column that is compared, with the SQL of its arriving value.

        A column that does not match is not compared if an existing row keeps it in any case, or if the plan sets it
        again.
        """
        matching = set(map(folded, mapping.match_columns))
        left_out = (kept_columns(mapping) - matching) | refreshed_columns(mapping.plan, mapping.into.name)
        arriving = _expressions(rows)
        names = (column.name for column in self.into.stored if folded(column.name) not in left_out)
        return [(self.column(name), arriving[folded(name)]) for name in names]

    def is_newer(self, name: str, rows: Projection) -> str:
        """Return the SQL condition that a row ``s`` has a larger value than a row ``t``."""
        return f"t.{self.column(name)} COLLATE {self._collation(name)} < {_expressions(rows)[folded(name)]}"

    def undecided(self, name: str, rows: Projection) -> dict[str, str]:
        """Return the SQL of each reason why a column does not tell which of two rows is newer."""
        existing, arriving = f"t.{self.column(name)}", _expressions(rows)[folded(name)]
        has_null = f"({existing} IS NULL OR {arriving} IS NULL)"
        same_class = are_comparable(existing, arriving)
        return {
            f"{name} is NULL": has_null,
            f"the values of {name} are of different storage classes": f"NOT {has_null} AND NOT {same_class}",
            f"{name} is equal and the rows differ": f"NOT {has_null} AND {same_class}"
            f" AND {existing} COLLATE {self._collation(name)} = {arriving}",
        }

    def column(self, name: str) -> str:
        """Return the name of a column of the target in this table."""
        places = (place for place, column in enumerate(self.into.stored) if folded(column.name) == folded(name))
        return f"c{next(places)}"

    @property
    def place(self) -> str:
        """Return this table as SQL names it."""
        return f"main.{quoted(self.name)}"

    def _collation(self, name: str) -> str:
        return quoted(column_collation(self.into, name))


def _expressions(rows: Projection) -> dict[str, str]:
    """Return the folded name of each arriving column to its SQL over ``s``."""
    return {folded(column.name): column.source for column in rows.columns}


def same_values(pairs: list[tuple[str, str]]) -> str:
    """Return the SQL condition that each pair has one storage class and one value."""
    if not pairs:
        return "1"
    target, source = ([pair[at] for pair in pairs] for at in (0, 1))
    values = f"({', '.join(f'{value} COLLATE BINARY' for value in target)}) IS ({', '.join(source)})"
    return f"{values} AND {same_kinds(pairs)}"


def same_kinds(pairs: list[tuple[str, str]]) -> str:
    """Return the SQL condition that each pair of equal values is of one kind."""
    kinds = [", ".join(exact_kind(pair[at]) for pair in pairs) for at in (0, 1)]
    return f"({kinds[0]}) IS ({kinds[1]})"

"""Leave out source rows that the target has under other keys, and map their keys.

The lines of the map are in the staging database, beside the rows of their source. A line has the rowid of a staged row
(``row``), its key (``old``), the key of the row that stands in the target (``new``), whether both are ``identical`` but
for their keys that do not match, and whether the row ``updates`` the one that stands. Numbers that are
renumbered beside the key have two further columns each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition

WHOLE_ROW = ["*"]
"""Value of ``match`` that compares all columns."""


@dataclass(frozen=True)
class MatchedNumber:
    """Hold the lines of a renumbered column beside the key.

    Attributes:
        column: The column, as the source spells it.
        old: Column of the map with the number of a row in the source.
        new: Column of the map with the number of the row that stands in the target.
    """

    column: str
    old: str
    new: str


@dataclass(frozen=True)
class MatchedRows:
    """Hold the rows of one source table that the target has under the columns of ``match``.

    Attributes:
        map_table: Table of the staging database with a line for each of these rows.
        rowid: Name of the rowid of a staged row.
        key: Column of the target whose value identifies the row that stands. Empty without a key of one column.
        identical: Number of rows that are identical to the row that stands.
        different: Number of rows that differ from the row that stands.
        updating: Number of rows that update the row that stands.
        numbers: The renumbered columns beside the key.
        only_kept: Whether only rows are left out from which the row that stands keeps its values.
    """

    map_table: str
    rowid: str
    key: str = ""
    identical: int = 0
    different: int = 0
    updating: int = 0
    numbers: tuple[MatchedNumber, ...] = ()
    only_kept: bool = False

    @property
    def rows(self) -> int:
        """Return the number of matched rows."""
        return self.identical + self.different

    def unmatched(self, database: str) -> str:
        """Return the SQL condition over ``s`` of the rows that the target does not have."""
        lines = f"{self.place(database)} AS m{' WHERE NOT (m.identical OR m.updates)' if self.only_kept else ''}"
        return f"s.{quoted(self.rowid)} NOT IN (SELECT m.row FROM {lines})"

    def place(self, database: str) -> str:
        """Return the map as SQL names it."""
        return f"{quoted(database)}.{quoted(self.map_table)}"


@dataclass(frozen=True)
class Lookup:
    """Hold where the keys of matched rows are that a column refers to.

    Attributes:
        map_table: Table of the staging database with the lines of the referred table.
        when: Condition on the rows that refer to it. None for all rows.
        old: Column of the map with the number in the source.
        new: Column of the map with the number in the target.
    """

    map_table: str
    when: RowCondition | None = None
    old: str = "old"
    new: str = "new"


def look_up(lookups: Sequence[Lookup], database: str, expression: str, otherwise: str) -> str:
    """Return the SQL of a reference to rows that may be matched.

    Args:
        lookups: Where the keys of these rows are.
        database: Name of the staging database on the connection.
        expression: SQL of the value in the source row ``s``.
        otherwise: SQL of the value as it arrives if its row is not matched.
    """
    for lookup in lookups:
        place = f"{quoted(database)}.{quoted(lookup.map_table)}"
        number = f"SELECT m.{quoted(lookup.new)} FROM {place} AS m WHERE m.{quoted(lookup.old)} = {expression}"
        value = f"coalesce(({number}), {otherwise})"
        otherwise = f"CASE WHEN {lookup.when.over('s')} THEN {value} ELSE {otherwise} END" if lookup.when else value
    return otherwise


def identity(table: Table, row: str) -> str:
    """Return the SQL of the value by which a map names a row of a source.

    It is the primary key, the rowid if the key has several columns, or all of these as one text without a rowid.
    """
    key = table.primary_key
    if len(key) != 1 and table.rowid:
        return f"{row}.{quoted(table.rowid)}"
    return joined([f"{row}.{quoted(name)}" for name in key])


def joined(values: Sequence[str]) -> str:
    """Return the SQL of one value, of several as one text of literals, or of NULL."""
    if len(values) <= 1:
        return values[0] if values else "NULL"
    return " || ', ' || ".join(f"quote({value})" for value in values)

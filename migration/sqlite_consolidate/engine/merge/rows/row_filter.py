"""Choose the rows of a source table that move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition

_MARKER = "moves"


@dataclass(frozen=True)
class RowFilter:
    """Hold which rows of a source table move. The other rows are left behind.

    Attributes:
        where: The condition that the plan states, or None.
        follows: Tables of the source. A row whose reference to one of them leads to no moved row is left behind.
        marker: Column of the staged table that tells what becomes of a row. 1 if it moves, 0 if ``where`` leaves it,
            NULL if it follows no row. Empty where the rows are read from the source itself.
    """

    where: RowCondition | None
    follows: tuple[str, ...] = ()
    marker: str = ""

    def over(self, row: str = "s") -> str:
        """Return the SQL condition that a row moves."""
        if self.marker:
            return f"{row}.{quoted(self.marker)}"
        return self.where.over(row) if self.where else "1"

    def left(self, row: str = "s") -> str:
        """Return the SQL condition that a row is left behind."""
        return f"({self.over(row)}) IS NOT TRUE"


@dataclass(frozen=True, slots=True)
class LeftRows:
    """Count the rows of one source table that are left behind.

    Attributes:
        by_where: Rows for which ``where`` does not hold.
        unfollowed: Other rows, whose references lead to no moved row.
    """

    by_where: int = 0
    unfollowed: int = 0

    def __add__(self, other: LeftRows) -> LeftRows:
        return LeftRows(self.by_where + other.by_where, self.unfollowed + other.unfollowed)

    @property
    def rows(self) -> int:
        """Return the number of all rows that are left behind."""
        return self.by_where + self.unfollowed


NO_ROWS_LEFT = LeftRows()
"""The rows left behind of a table that moves as a whole."""


def marker_name(columns: list[str]) -> str:
    """Return a name for the marker that no column of the staged table has."""
    names, marker = {name.casefold() for name in columns}, _MARKER
    while marker in names:
        marker += "+"
    return marker

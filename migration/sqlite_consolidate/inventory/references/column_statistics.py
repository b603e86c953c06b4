"""Count the values of columns by sqlite-utils, as evidence for a proposal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import is_role
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.inventory.references.unstated_references import undeclared
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    import sqlite_utils

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference
else:
    from sqlite_consolidate.sqlite_library import sqlite3

MAX_ROWS = 100_000
"""Rows up to which the columns of a table are counted. That takes about a tenth of a second a column."""


@dataclass(frozen=True)
class ColumnStatistics:
    """Hold how many values a column has.

    Attributes:
        rows: Number of rows of the table.
        nulls: Number of rows in which the column is NULL.
        distinct: Number of different values, NULL excluded.
    """

    table: str
    column: str
    rows: int
    nulls: int
    distinct: int

    @property
    def text(self) -> str:
        """Return the numbers as text, such as ``38 different values in 40 rows, 2 of them NULL``."""
        nulls = f", {self.nulls} of them NULL" if self.nulls else ""
        return f"{counted(self.distinct, 'different value')} in {counted(self.rows, 'row')}{nulls}"


def count_values(
    database: sqlite_utils.Database, rows: Iterable[tuple[Table, int]], unstated: Iterable[UnstatedReference]
) -> tuple[ColumnStatistics, ...]:
    """Return the statistics of columns that can match rows or refer to others.

    Columns that SQLite cannot read here have none, for example because a module is missing.

    Args:
        database: The database.
        rows: Each table with the number of its rows.
        unstated: Columns that look like references.
    """
    from sqlite_utils.db import Table as TableReader

    references = {(each.table, each.column) for each in unstated if not each.is_empty}
    statistics = []
    for table, number in rows:
        wanted = [column.name for column in table.columns if (table.name, column.name) in references]
        wanted += [column.name for _, column in undeclared([table]) if is_role(column.name)]
        wanted += [name for terms in keys_of(table) for name, _ in terms if name not in table.primary_key]
        for column in dict.fromkeys(wanted) if 0 < number <= MAX_ROWS and table.kind == "table" else ():
            try:
                # Database.table() lists all views first, each time.
                details = TableReader(database, table.name).analyze_column(
                    column, total_rows=number, most_common=False, least_common=False
                )
            except sqlite3.Error:
                continue
            counts = details.num_null or 0, details.num_distinct or 0
            statistics.append(ColumnStatistics(table.name, column, number, *counts))
    return tuple(statistics)

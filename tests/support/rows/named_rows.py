"""Reduce row differences to tuples that a test can compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.row_differences import DifferenceKind, RowDifferences

if TYPE_CHECKING:
    pass

else:
    pass


KeyAndColumns = tuple[DifferenceKind, str, tuple[str, ...], tuple[str, ...]]


def named(rows: RowDifferences) -> list[KeyAndColumns]:
    """Return kind, table, key and columns of each difference that is named."""
    return [
        (row.kind, row.table, tuple(part.value for part in row.key), tuple(column.column for column in row.columns))
        for row in rows.first
    ]

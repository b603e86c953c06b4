"""Arrival: of the rows of one original table, which are in the target as they were, changed, or not at all.

For a consolidation that was made by other means, and may have been in use since: its target was never looked at before
COMMIT, and a difference can be a fault of the copy or a change made later. What can be told apart is told apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.row_comparison import Rows, compare_rows, digest_of, shape_of
from sqlite_consolidate.engine.sqlite.schema import Table, keys_of
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.row_differences import Kind, RowDifferences

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.content.projection import ProjectedColumn
    from sqlite_consolidate.engine.merge.table_mapping import Move

_LOOKED_AT = 5_000  # changed rows that are compared column by column


@dataclass(frozen=True)
class Arrival:
    """What became of the rows of one table.

    Attributes:
        rows: Rows of the original.
        exact: Rows that are in the target with every value, type and byte.
        changed: Rows whose key is in the target with other values.
        missing: Rows that are not in the target, by key, or where there is no key by content.
        doubled: Target rows beyond the first for a row of the original.
        swapped: Pairs of columns whose contents have changed places in every changed row that was looked at.
        retyped: Columns whose values have another storage class, where the declared types differ as well.
        differing: Columns in which changed rows differ.
        renumbered: Of the exact rows, those that have another rowid where nothing else tells them from each other.
        differences: The rows that are not in the target, and those that are there with other values.
    """

    rows: int
    exact: int
    changed: int
    missing: int
    doubled: int
    swapped: tuple[tuple[str, str], ...] = ()
    retyped: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    renumbered: int = 0
    differences: RowDifferences = field(default_factory=RowDifferences)

    @property
    def systematic(self) -> bool:
        """Whether the differences look like a fault of the copy and not like changes made since."""
        return bool(self.swapped or self.retyped) or (self.changed == self.rows - self.missing > 1)


def arrival(original: sqlite3.Connection, move: Move, target: sqlite3.Connection, table: Table) -> Arrival:
    """Compare the rows of one original with the target as it is.

    Args:
        original: Connection to the database that the move's rows are read from.
        move: The table map, with the schema that was to be.
        target: Connection to the target.
        table: The target's table as it is.
    """
    projection = move.projection().within(table)
    columns = projection.columns
    shape = shape_of(table.name, [column.name for column in columns], keys_of(move.into))
    # A row is named by its rowid as well, though that is no part of what is compared.
    before, now = (_rowid(side, alias) for side, alias in ((move.table, "s"), (table, "t")))
    expected = Rows(original, projection.select([*(column.source for column in columns), *before]))
    observed = Rows(target, projection.select_target([*(column.target for column in columns), *now]))
    found = compare_rows(shape, [expected], observed, pairs=_LOOKED_AT)
    return Arrival(
        found.rows,
        found.exact,
        found.changed,
        found.missing,
        found.doubled,
        *_where(found.pairs, columns, move, table),
        differences=found.differences(Kind.MISSING, Kind.CHANGED),
    )


def _rowid(table: Table, alias: str) -> list[str]:
    """Return the SQL that reads the implicit rowid; none where a column is the rowid, which may be a secret."""
    return [f"{alias}.{quoted(table.rowid)}"] if table.rowid and table.kind == "table" and not table.alias else []


def _where(
    both: list[tuple[tuple[Any, ...], tuple[Any, ...]]],
    columns: Sequence[ProjectedColumn],
    move: Move,
    table: Table,
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    """Say in which columns rows differ before and after, and whether two have changed places or one its type."""
    places = range(len(columns))
    differing = [at for at in places if any(digest_of((was[at],)) != digest_of((now[at],)) for was, now in both)]
    swapped = [
        (one, other)
        for one, other in combinations(differing, 2)
        if all((was[one], was[other]) == (now[other], now[one]) for was, now in both)
    ]
    retyped = [
        at
        for at in differing
        if any(type(was[at]) is not type(now[at]) and was[at] is not None and now[at] is not None for was, now in both)
        and _declared(move, columns[at], table)
    ]
    names = [column.name for column in columns]
    return (
        tuple((names[one], names[other]) for one, other in swapped),
        tuple(names[at] for at in retyped),
        tuple(names[at] for at in differing),
    )


def _declared(move: Move, column: ProjectedColumn, table: Table) -> bool:
    one, other = move.table.column(column.origin), table.column(column.name)
    return one is not None and other is not None and one.type != other.type

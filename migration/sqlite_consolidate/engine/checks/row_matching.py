"""Arrival: of the rows of one original table, which are in the target as they were, changed, or not at all.

For a consolidation that was made by other means, and may have been in use since: its target was never looked at before
COMMIT, and a difference can be a fault of the copy or a change made later. What can be told apart is told apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.row_comparison import (
    Comparison,
    Rows,
    Shape,
    compare_rows,
    digest_values,
    row_shape,
)
from sqlite_consolidate.engine.sqlite.schema.objects import Table, keys_of
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.row_differences import DifferenceKind, RowDifferences

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.content.projection import ProjectedColumn
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_UNSURE = "A missing row and an extra one without a key may be one row that was changed."
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LOOKED_AT = 5_000  # changed rows that are compared column by column


@dataclass(frozen=True)
class RowMatch:
    """What became of the rows of one table.

    Attributes:
        rows: Rows of the original.
        exact: Rows that are in the target with every value, type and byte.
        changed: Rows whose key is in the target with other values, and those that may be.
        missing: Rows that are not in the target, by key, or where there is no key by content.
        doubled: Target rows beyond the first for a row of the original.
        swapped: Pairs of columns whose contents have changed places in every changed row that was looked at.
        retyped: Columns whose values have another storage class, where the declared types differ as well.
        differing: Columns in which changed rows differ.
        renumbered: Of the exact rows, those that have another rowid where nothing else tells them from each other.
        extra: Rows of the target's table that no original has.
        unsure: Of the changed rows, those that no key tells from others: as many rows as are lacking are in addition.
        differences: The rows that are not in the target, those that are there with other values, and the extra ones.
        doubles: The doubled rows.
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
    extra: int = 0
    unsure: int = 0
    differences: RowDifferences = field(default_factory=RowDifferences)
    doubles: RowDifferences = field(default_factory=RowDifferences)

    @property
    def systematic(self) -> bool:
        """Whether the differences look like a fault of the copy and not like changes made since."""
        return bool(self.swapped or self.retyped) or (self.changed == self.rows - self.missing > 1)


def match_rows(
    table: Table, target: sqlite3.Connection, parties: Sequence[tuple[sqlite3.Connection, TableMapping]]
) -> list[RowMatch]:
    """Compare the rows of all originals of one table with the table as it is.

    Args:
        table: The target's table as it is.
        target: Connection to the target.
        parties: The table maps into it, with the schema that was to be, and what the target had in it. Each with the
            connection to the database that its rows are read from.
    """
    whole = _comparison(table, target, parties)
    arrivals = []
    for party in parties:
        original, mapping = party
        found = whole if len(parties) == 1 else _comparison(table, target, [party])
        in_place = found.exact
        if mapping.rowid_counts and table.rowid:
            in_place = _in_place(original, mapping, target, table)
        keeps_rowids = mapping.rowid_counts and bool(_rowid(table, "t")) and in_place == found.exact
        if keeps_rowids and found.missing and len(parties) == 1:
            arrived = _by_rowid(original, mapping, target, table, found)
        else:
            arrived = _arrival(found, whole, mapping, table)
        arrivals.append(replace(arrived, renumbered=found.exact - in_place))
    return arrivals


def _comparison(
    table: Table, target: sqlite3.Connection, parties: Sequence[tuple[sqlite3.Connection, TableMapping]]
) -> Comparison:
    """Compare rows by their key, or by content; each is named by its rowid as well."""
    first = parties[0][1]
    sources = [{column.name: column.source for column in _columns(mapping, table)} for _, mapping in parties]
    columns = [column for column in _columns(first, table) if all(column.name in source for source in sources)]
    expected = []
    for (original, mapping), source in zip(parties, sources, strict=True):
        query = mapping.projection().select([*(source[column.name] for column in columns), *_rowid(mapping.table, "s")])
        expected.append(Rows(original, query, mapping.table_map.on_conflict if len(parties) > 1 else "refuse"))
    query = first.projection().within(table).select_target([*(c.target for c in columns), *_rowid(table, "t")])
    observed = Rows(target, query)
    shape = row_shape(table.name, [column.name for column in columns], keys_of(first.into))
    return compare_rows(shape, expected, observed, pairs=_LOOKED_AT)


def _columns(mapping: TableMapping, table: Table) -> tuple[ProjectedColumn, ...]:
    return mapping.projection().within(table).columns


def _arrival(found: Comparison, whole: Comparison, mapping: TableMapping, table: Table) -> RowMatch:
    """Return what became of the rows of one original; the extra ones are those that no original has."""
    # Where no key tells rows apart, a row that was changed is one that is lacking and one in addition.
    is_even = whole.keyless_missing == whole.keyless_extra
    unsure = min(found.keyless_missing, whole.keyless_missing) if is_even else 0
    extra = whole.extra - (whole.keyless_extra if is_even else 0)
    differences = found.differences(DifferenceKind.MISSING, DifferenceKind.CHANGED) + whole.differences(
        DifferenceKind.EXTRA
    )
    if unsure:
        differences = replace(differences, note=_UNSURE)
    doubled = min(found.doubled, extra)
    return RowMatch(
        found.rows,
        found.exact,
        found.changed + unsure,
        found.missing - unsure,
        doubled,
        *_where(found.pairs, _columns(mapping, table), mapping, table),
        extra=extra,
        unsure=unsure,
        differences=differences,
        doubles=found.doubles if doubled else RowDifferences(),
    )


def _by_rowid(
    original: sqlite3.Connection, mapping: TableMapping, target: sqlite3.Connection, table: Table, found: Comparison
) -> RowMatch:
    """Return what became of rows that have kept their rowid, which is all that tells them apart."""
    columns = _columns(mapping, table)
    rows = mapping.projection().within(table)
    shape = Shape(table.name, (table.rowid, *(column.name for column in columns)), (((0, "BINARY"),),), by_rowid=True)
    expected = Rows(original, rows.select([*_rowid(mapping.table, "s"), *(column.source for column in columns)]))
    observed = Rows(target, rows.select_target([*_rowid(table, "t"), *(column.target for column in columns)]))
    told = compare_rows(shape, [expected], observed, pairs=_LOOKED_AT)
    doubled = min(found.doubled, told.extra)
    return RowMatch(
        told.rows,
        told.exact,
        told.changed,
        told.missing,
        doubled,
        *_where([(was[1:], now[1:]) for was, now in told.pairs], columns, mapping, table),
        extra=told.extra,
        differences=told.differences(),
        doubles=found.doubles if doubled else RowDifferences(),
    )


def _in_place(original: sqlite3.Connection, mapping: TableMapping, con: sqlite3.Connection, table: Table) -> int:
    """Count the rows that are in the target as they were, under the rowid that they had."""
    rows = mapping.projection().within(table)
    if rows.rowid is None:
        return 0
    columns = [rows.rowid, *rows.columns]
    before = (digest_values(row) for row in Rows(original, rows.select(column.source for column in columns)))
    now = Rows(con, rows.select_target(column.target for column in columns))
    return len(set(before).intersection(digest_values(row) for row in now))


def _rowid(table: Table, alias: str) -> list[str]:
    """Return the SQL that reads the implicit rowid; none where a column is the rowid, which may be a secret."""
    return [f"{alias}.{quoted(table.rowid)}"] if table.rowid and table.kind == "table" and not table.alias else []


def _where(
    both: list[tuple[tuple[Any, ...], tuple[Any, ...]]],
    columns: Sequence[ProjectedColumn],
    mapping: TableMapping,
    table: Table,
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    """Say in which columns rows differ before and after, and whether two have changed places or one its type."""
    places = range(len(columns))
    differing = [
        at for at in places if any(digest_values((was[at],)) != digest_values((now[at],)) for was, now in both)
    ]
    swapped = [
        (one, other)
        for one, other in combinations(differing, 2)
        if all((was[one], was[other]) == (now[other], now[one]) for was, now in both)
    ]
    retyped = [
        at
        for at in differing
        if any(_is_retyped(was[at], now[at]) for was, now in both)
        and (
            _declared(mapping, columns[at], table)
            or any(
                _is_retyped(was[at], now[at]) and _as_number_or_bytes(was[at]) == _as_number_or_bytes(now[at])
                for was, now in both
            )
        )
    ]
    names = [column.name for column in columns]
    return (
        tuple((names[one], names[other]) for one, other in swapped),
        tuple(names[at] for at in retyped),
        tuple(names[at] for at in differing),
    )


def _is_retyped(was: Any, now: Any) -> bool:
    return was is not None and now is not None and type(was) is not type(now)


def _as_number_or_bytes(value: Any) -> float | bytes:
    """Return the same for values that differ in their storage class alone."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes) and not _NUMBER.fullmatch(value):
        return value
    return float(value)


def _declared(mapping: TableMapping, column: ProjectedColumn, table: Table) -> bool:
    one, other = mapping.table.column(column.origin), table.column(column.name)
    return one is not None and other is not None and one.type != other.type

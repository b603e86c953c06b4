"""Match the rows of original tables with the rows of the target.

This is for a consolidation that another tool made. Its target was not read before COMMIT, and an application may have
used it since. So a difference can be a fault of the copy or a later change. The two are distinguished where possible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.expected_rows import (
    Rows,
    Shape,
    digest_values,
    place_of_newer,
    row_shape,
)
from sqlite_consolidate.engine.content.row_comparison import (
    Comparison,
    compare_each,
    compare_rows,
    without_dropped_rows,
)
from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.sqlite.schema.objects import Table, keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.observation import Observation, equal, not_examined
from sqlite_consolidate.row_differences import DifferenceKind, RowDifferences
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.content.projection import ProjectedColumn, Projection
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_UNSURE_NOTE = "A missing row and an extra one without a key may be one row that was changed."
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MAX_PAIRS = 5_000  # changed rows that are compared column by column


@dataclass(frozen=True)
class RowMatch:
    """Count what became of the rows of one original table.

    Attributes:
        rows: Rows of the original.
        exact: Rows that the target has with every value, type and byte.
        changed: Rows whose key the target has with other values, and rows that may be such.
        missing: Rows that the target does not have, by key, or by content if there is no key.
        doubled: Target rows beyond the first for a row of the original.
        swapped: Pairs of columns whose values are exchanged in every changed row that was compared.
        retyped: Columns whose values have another storage class and whose declared types differ.
        differing: Columns in which changed rows differ.
        renumbered: Exact rows that have another rowid, where only the rowid identifies them.
        extra: Rows of the target's table that no original has.
        unsure: Changed rows that no key identifies. As many rows are missing as were added.
        shared: Missing rows of the target's table that several originals have and no key identifies. Nothing tells from
            which of them they came.
        may_be_changed: Whether as many rows without a key were added as are missing.
        differences: The missing, changed and extra rows.
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
    shared: int = 0
    may_be_changed: bool = False
    differences: RowDifferences = field(default_factory=RowDifferences)
    doubles: RowDifferences = field(default_factory=RowDifferences)

    @property
    def systematic(self) -> bool:
        """Return whether the differences look like a fault of the copy rather than later changes."""
        return bool(self.swapped or self.retyped) or (self.changed == self.rows - self.missing > 1)


def under_other_keys(mapping: TableMapping, row_match: RowMatch) -> Observation | None:
    """Return that rows were not examined because they may have got other keys.

    An earlier release or another tool may give a row another key, or leave another row of two that match.
    """
    if not (row_match.missing or row_match.systematic):
        return None
    subject = f"{mapping.subject} -> {mapping.into.name}"
    if mapping.matched or mapping.lookups or mapping.updated:
        return not_examined(
            subject, "the plan lets rows match, and not all of them are as this release would leave them"
        )
    reason = "the plan gives its rows new keys, and not all of them are at the keys that this release would give"
    return not_examined(subject, reason) if mapping.shifted else None


def shared_rows_observations(row_matches: Sequence[tuple[TableMapping, RowMatch]]) -> list[Observation]:
    """Observe each table that lacks some of the equal rows of several originals."""
    losses: dict[str, Observation] = {}
    for mapping, row_match in row_matches:
        if row_match.shared and not row_match.may_be_changed:
            subject = f"target: {mapping.into.name}"
            observed = f"{counted(row_match.shared, 'row')} missing of those that several originals have"
            losses.setdefault(subject, equal(subject, "all equal rows", observed))
            if unsure := under_other_keys(mapping, replace(row_match, missing=row_match.shared)):
                losses[subject] = replace(unsure, subject=subject)
    return list(losses.values())


def match_rows(
    table: Table, target: sqlite3.Connection, originals: Sequence[tuple[sqlite3.Connection, TableMapping]]
) -> list[RowMatch]:
    """Match the rows of all originals of one table with the present table.

    Args:
        table: The present table of the target.
        target: Connection to the target.
        originals: The mappings into the table, with the planned schema, and the target's own rows before. Each with a
            connection to the database that its rows are read from.
    """
    shape, expected, observed = _rows(table, target, originals)
    all_rows = compare_rows(shape, expected, observed, pairs=_MAX_PAIRS)
    comparisons: Iterable[tuple[int, Comparison]] = [(0, all_rows)]
    if len(originals) > 1:
        comparisons = compare_each(shape, without_dropped_rows(shape, expected), observed, pairs=_MAX_PAIRS)
    unmoved = _count_unmoved(table, target, originals)
    row_matches, shared = {}, all_rows.keyless_missing
    for number, comparison in comparisons:
        shared -= comparison.keyless_missing
        original, mapping = originals[number]
        in_place = min(unmoved.get(number, comparison.exact), comparison.exact)
        keeps_rowids = mapping.rowid_counts and bool(_rowid(table, "t")) and in_place == comparison.exact
        if keeps_rowids and comparison.missing and len(originals) == 1:
            row_match = _match_by_rowid(original, mapping, target, table, comparison)
        else:
            row_match = _row_match(comparison, all_rows, mapping, table)
        row_matches[number] = replace(row_match, renumbered=comparison.exact - in_place)
    return [replace(row_matches[number], shared=max(0, shared)) for number in range(len(originals))]


def _rows(
    table: Table, target: sqlite3.Connection, originals: Sequence[tuple[sqlite3.Connection, TableMapping]]
) -> tuple[Shape, list[Rows], Rows]:
    """Return how rows are compared, by their key or by content, and where both sides are read.

    Each row has its rowid as a further value.
    """
    first_mapping = originals[0][1]
    names = [column.name for column in _columns(first_mapping, table)]
    expected = []
    for original, mapping in originals:
        values = [*(column.source for column in _columns(mapping, table, names)), *_rowid(mapping.table, "s")]
        query = mapping.projection().select_values(values)
        policy = clash_policy_of(mapping.table_map) if len(originals) > 1 else "refuse"
        newer = place_of_newer(mapping.into, names, mapping.table_map.newer)
        expected.append(Rows(original, query, policy, newer))
    values = [*(column.target for column in _columns(first_mapping, table)), *_rowid(table, "t")]
    observed = Rows(target, _projection(first_mapping, table).select_target_values(values))
    return row_shape(table.name, names, keys_of(first_mapping.into)), expected, observed


def _projection(mapping: TableMapping, table: Table) -> Projection:
    """Return the projection into the present table.

    It may have other indexes than the planned one.
    """
    return replace(mapping.projection().within(table), into=table)


def _columns(mapping: TableMapping, table: Table, names: Sequence[str] = ()) -> tuple[ProjectedColumn, ...]:
    """Return the columns that are compared, in the order of their names if there are any.

    Each mapping into a table has the same columns, because each stored column of the target gets a value.
    """
    refreshed = refreshed_columns(mapping.plan, table.name)
    columns = {column.name: column for column in _projection(mapping, table).columns}
    return tuple(columns[name] for name in names or columns if folded(name) not in refreshed)


def _row_match(comparison: Comparison, all_rows: Comparison, mapping: TableMapping, table: Table) -> RowMatch:
    """Return what became of the rows of one original.

    Extra rows are those that no original has.
    """
    # Where no key identifies rows, a changed row counts as one missing row and one added row.
    is_even = all_rows.keyless_missing == all_rows.keyless_extra
    unsure = min(comparison.keyless_missing, all_rows.keyless_missing) if is_even else 0
    extra = all_rows.extra - (all_rows.keyless_extra if is_even else 0)
    differences = comparison.differences(DifferenceKind.MISSING, DifferenceKind.CHANGED) + all_rows.differences(
        DifferenceKind.EXTRA
    )
    if unsure:
        differences = replace(differences, note=_UNSURE_NOTE)
    doubled = min(comparison.doubled, extra)
    return RowMatch(
        comparison.rows,
        comparison.exact,
        comparison.changed + unsure,
        comparison.missing - unsure,
        doubled,
        *_differing_columns(comparison.pairs, _columns(mapping, table, comparison.shape.columns), mapping, table),
        extra=extra,
        unsure=unsure,
        may_be_changed=is_even,
        differences=differences,
        doubles=comparison.doubles if doubled else RowDifferences(),
    )


def _match_by_rowid(
    original: sqlite3.Connection,
    mapping: TableMapping,
    target: sqlite3.Connection,
    table: Table,
    comparison: Comparison,
) -> RowMatch:
    """Match rows that kept their rowid and that only the rowid identifies."""
    columns = _columns(mapping, table)
    rows = _projection(mapping, table)
    shape = _shape_by_rowid(table, [column.name for column in columns])
    expected = Rows(original, rows.select_values([*_rowid(mapping.table, "s"), *(column.source for column in columns)]))
    observed = Rows(target, rows.select_target_values([*_rowid(table, "t"), *(column.target for column in columns)]))
    by_rowid = compare_rows(shape, [expected], observed, pairs=_MAX_PAIRS)
    doubled = min(comparison.doubled, by_rowid.extra)
    return RowMatch(
        by_rowid.rows,
        by_rowid.exact,
        by_rowid.changed,
        by_rowid.missing,
        doubled,
        *_differing_columns([(was[1:], now[1:]) for was, now in by_rowid.pairs], columns, mapping, table),
        extra=by_rowid.extra,
        differences=by_rowid.differences(),
        doubles=comparison.doubles if doubled else RowDifferences(),
    )


def _count_unmoved(
    table: Table, target: sqlite3.Connection, originals: Sequence[tuple[sqlite3.Connection, TableMapping]]
) -> dict[int, int]:
    """Count the rows that are unchanged under the rowid they had.

    Returns:
        The number of each original whose rowids count, to that of its rows.
    """
    places = [number for number, (_, mapping) in enumerate(originals) if mapping.rowid_counts and table.rowid]
    unmoved = dict.fromkeys(places, 0)
    places = [number for number in places if _projection(originals[number][1], table).rowid]
    if not places:
        return unmoved
    names = [column.name for column in _columns(originals[places[0]][1], table)]
    expected = []
    for original, mapping in (originals[number] for number in places):
        rows = _projection(mapping, table)
        values = [rows.rowid, *_columns(mapping, table, names)]
        expected.append(Rows(original, rows.select_values(column.source for column in values if column)))
    query = rows.select_target_values(column.target for column in values if column)
    observed = Rows(target, query)
    by_rowid = compare_each(_shape_by_rowid(table, names), expected, observed, pairs=0)
    unmoved |= {places[place]: comparison.exact for place, comparison in by_rowid}
    mappings = [originals[number][1] for number in places]
    if len(mappings) > 1 and any(clash_policy_of(mapping.table_map) != "refuse" for mapping in mappings):
        shape = row_shape(table.name, names, keys_of(mappings[0].into))
        for place, number in enumerate(_count_kept_elsewhere(shape, expected, observed)):
            unmoved[places[place]] += number
    return unmoved


def _count_kept_elsewhere(shape: Shape, expected: Sequence[Rows], observed: Rows) -> list[int]:
    """Count the rows of each original of which a policy kept an equal row of another original.

    Such a row has a value of a key, and equal ones of one original are counted once. A row that is under its own rowid
    is not counted. Each row has its rowid first. A digest of each row of the target is kept.
    """
    rows_there = {digest_values(row) for row in observed}
    kept_rows = [{digest_values(row[1:]) for row in rows if digest_values(row) in rows_there} for rows in expected]
    kept_anywhere = set[bytes]().union(*kept_rows)
    return [
        len({digest_values(row[1:]) for row in rows if shape.has_any_key(row[1:])} & kept_anywhere - kept)
        for rows, kept in zip(expected, kept_rows, strict=True)
    ]


def _shape_by_rowid(table: Table, names: Sequence[str]) -> Shape:
    return Shape(table.name, (table.rowid, *names), (((0, "BINARY"),),), by_rowid=True)


def _rowid(table: Table, alias: str) -> list[str]:
    """Return the SQL that reads the implicit rowid, or nothing if a column is the rowid.

    The value of a column may be a secret.
    """
    return [f"{alias}.{quoted(table.rowid)}"] if table.rowid and table.kind == "table" and not table.alias else []


def _differing_columns(
    pairs: list[tuple[tuple[Any, ...], tuple[Any, ...]]],
    columns: Sequence[ProjectedColumn],
    mapping: TableMapping,
    table: Table,
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    """Return swapped, retyped and differing columns of pairs of rows before and after."""
    indexes = range(len(columns))
    differing = [
        index
        for index in indexes
        if any(digest_values((before[index],)) != digest_values((after[index],)) for before, after in pairs)
    ]
    swapped = [
        (first, second)
        for first, second in combinations(differing, 2)
        if all((before[first], before[second]) == (after[second], after[first]) for before, after in pairs)
    ]
    retyped = [
        index
        for index in differing
        if any(_is_retyped(before[index], after[index]) for before, after in pairs)
        and (
            _is_declared_differently(mapping, columns[index], table)
            or any(
                _is_retyped(before[index], after[index])
                and _comparable_value(before[index]) == _comparable_value(after[index])
                for before, after in pairs
            )
        )
    ]
    names = [column.name for column in columns]
    return (
        tuple((names[first], names[second]) for first, second in swapped),
        tuple(names[index] for index in retyped),
        tuple(names[index] for index in differing),
    )


def _is_retyped(before: Any, after: Any) -> bool:
    return before is not None and after is not None and type(before) is not type(after)


def _comparable_value(value: Any) -> float | bytes:
    """Return an equal value for values that differ only in their storage class."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes) and not _NUMBER.fullmatch(value):
        return value
    return float(value)


def _is_declared_differently(mapping: TableMapping, column: ProjectedColumn, table: Table) -> bool:
    before, after = mapping.table.column(column.origin), table.column(column.name)
    return before is not None and after is not None and before.type != after.type

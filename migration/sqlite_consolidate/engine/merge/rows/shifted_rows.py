"""Digest rows with new keys as they arrive in the target.

The page reader adds the offsets of new keys while it reads the pages of the source. SQLite reads the rows that only it
can compute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.page_proof.description import DigestedRows, DigestedValue, describe_digests
from sqlite_consolidate.engine.content.page_proof.proof import ask, read_answer, reason_to_decline
from sqlite_consolidate.engine.content.page_proof.rows import FEWEST_ROWS
from sqlite_consolidate.engine.content.projection import column_of
from sqlite_consolidate.engine.merge.rows.key_shift import KeyShift
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.content.projection import ProjectedColumn
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


_STAYS = KeyShift(0)


@dataclass
class ShiftedRows:
    """Keep what the page reader has digested of each source under its write lock."""

    _digests: dict[str, dict[DigestedRows, TableDigest | None]] = field(default_factory=dict)

    def digest(self, source: str, rows: DigestedRows) -> TableDigest | None:
        """Return the digest of some rows of a source, or None if it is not known."""
        return self._digests.get(source, {}).get(rows)

    def read(self, source: InspectedDatabase, mapping: TableMapping) -> TableDigest | None:
        """Return the digest of all rows of a mapping, or None if only SQLite can read them.

        A mapping is read once, with its columns that follow new keys.

        Raises:
            sqlite3.Error: The run is interrupted, or its deadline has passed.
        """
        is_large = source.rows_in(mapping.table.name) >= FEWEST_ROWS
        rows = whole_rows(mapping) if is_large else None
        if rows is None:
            return None
        known = self._digests.setdefault(source.name, {})
        if rows not in known:
            followed = _followed(mapping)
            columns = [DigestedRows(rows.table, (value,)) for value in rows.values if value.column in followed]
            asked = list(dict.fromkeys([rows, *columns]))
            known |= dict.fromkeys(asked) | _digests_by_pages(source, asked)
        return known[rows]


def whole_rows(mapping: TableMapping) -> DigestedRows | None:
    """Return the rows of a mapping as they arrive, or None if only SQLite can compute them."""
    projection = mapping.projection()
    if projection.where or projection.is_unchanged or mapping.lookups or mapping.table.kind != "table":
        return None
    values = [_value(mapping, column, is_rowid=column is projection.rowid) for column in projection.row]
    known = tuple(value for value in values if value)
    return DigestedRows(mapping.table.name, known) if len(known) == len(values) else None


def shifted_columns(mappings: Iterable[TableMapping]) -> list[DigestedRows]:
    """Return each column of the target that follows new keys, as the rows of a digest."""
    columns = [(mapping.into.name, mapping.renamed[old]) for mapping in mappings for old in _followed(mapping)]
    return [DigestedRows(table, (DigestedValue(name),)) for table, name in dict.fromkeys(columns)]


def _followed(mapping: TableMapping) -> list[str]:
    """Return the columns with new numbers, but for a primary key, which a proof looks up."""
    primary = {key for key in mapping.key_shifts if mapping.table.primary_key == (key,)}
    return [column for column in mapping.shifted if column not in primary]


def _value(mapping: TableMapping, column: ProjectedColumn, *, is_rowid: bool) -> DigestedValue | None:
    """Return a value of a row as it arrives, or None if only SQLite can compute it."""
    if is_rowid:
        return DigestedValue("") if column.source == column_of(mapping.table.rowid) else None
    shift = mapping.shifts.get(folded(column.origin), _STAYS)
    if not column.origin or not isinstance(shift, KeyShift) or (shift.offset and shift.least is None):
        return None
    return (
        DigestedValue(column.origin, shift.offset, shift.least or 0) if shift.offset else DigestedValue(column.origin)
    )


def _digests_by_pages(source: InspectedDatabase, asked: list[DigestedRows]) -> dict[DigestedRows, TableDigest]:
    lock = source.write_lock
    if reason_to_decline(lock.path):
        return {}
    description = describe_digests(lock.reader, source.schema, asked)
    if description.unreadable:
        return {}
    lock.limits.deadline.start_step("the rows with new keys")
    proof = read_answer(ask(lock.path, description.lines, lock.limits), description, ())
    # The page reader opens the file by its name, which another process may have given to another file.
    return proof.rows if lock.is_held else {}

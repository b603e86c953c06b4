"""Take the digests of arriving rows from the page reader.

The code that copies rows tells the page reader the numbers. A proof computes them again, and believes a digest only if
they are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.page_proof.description import DigestedRows, DigestedValue
from sqlite_consolidate.engine.merge.rows.key_shift import SMALLEST
from sqlite_consolidate.engine.merge.rows.shifted_rows import whole_rows
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import ColumnOfSource, FollowedKeys
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def column_digest(
    inspected: InspectedDatabases,
    followed: FollowedKeys,
    offsets: Mapping[ColumnOfSource, int],
    mapping: TableMapping,
    column: str,
) -> TableDigest | None:
    """Return the digest of the numbers of a column as they must arrive.

    It is None if the page reader has not stated it.

    Args:
        inspected: The databases.
        followed: Which key each column follows.
        offsets: The offset of each key, as the proof computes it.
        mapping: The table mapping, of which all rows move.
        column: The column of the source.
    """
    cases = followed.cases(mapping, column)
    if len(cases) > 1 or cases[0].when or cases[0].owner is None:
        return None
    owner, source = cases[0].owner, mapping.source.name
    if followed.is_kept(owner) or followed.mapping(owner[0]).matched or mapping.chosen or source in inspected.staged:
        return None
    least = SMALLEST
    if not followed.is_own_key(mapping, column):
        if followed.none_of(mapping, column) or _has_keys_up_to_zero(inspected, followed, mapping, column):
            return None
        least = 1
    value = DigestedValue(column, offsets[owner], least)
    return inspected.shifted_rows.digest(source, DigestedRows(mapping.table.name, (value,)))


def digest_with_number(
    inspected: InspectedDatabases, mapping: TableMapping, number: str, values: Collection[str], change: int
) -> tuple[TableDigest, int] | None:
    """Return the digest of all rows of a mapping with another number in one column.

    Args:
        inspected: The databases.
        mapping: The table mapping, of which all rows move.
        number: The column with the number.
        values: Columns whose values must arrive as they are. Numbers of others may differ too.
        change: What must be added to the number.

    Returns:
        The digest, and the smallest number to which it was added. None if the page reader has not stated it.
    """
    digest, rows = inspected.expected_digest(mapping), whole_rows(mapping)
    if digest is None or rows is None:
        return (digest, 1) if digest and not change else None  # no value changes
    digested = {folded(value.column): value for value in rows.values}
    changed = digested.get(folded(number))
    if changed is None or changed.offset != change or any(_is_changed(digested, name) for name in values):
        return None
    return digest, changed.least


def _is_changed(digested: Mapping[str, DigestedValue], name: str) -> bool:
    """Return whether a column is not digested as it is."""
    return folded(name) not in digested or bool(digested[folded(name)].offset)


def _has_keys_up_to_zero(
    inspected: InspectedDatabases, followed: FollowedKeys, mapping: TableMapping, column: str
) -> bool:
    """Return whether a number up to 0 of a column can be a key that it refers to."""
    for parent, referred in followed.parents_of(mapping, column):
        reader = inspected.sources[parent.source.name].write_lock.reader
        query = f"SELECT 1 FROM {quoted(parent.table_map.name)} WHERE {quoted(referred)} <= 0 LIMIT 1"
        if reader.execute(query).fetchone():
            return True
    return False

"""Take the digests of arriving rows from the page reader.

The code that copies rows tells the page reader the numbers. A proof computes them again, and believes a digest only if
they are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.page_proof.description import DigestedRows, DigestedValue
from sqlite_consolidate.engine.merge.rows.key_shift import SMALLEST
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    if owner in followed.kept or followed.mappings[owner[0]].matched or mapping.chosen or source in inspected.staged:
        return None
    least = SMALLEST
    if not followed.is_own_key(mapping, column):
        if followed.none_of(mapping, column) or _has_keys_up_to_zero(inspected, followed, mapping, column):
            return None
        least = 1
    value = DigestedValue(column, offsets[owner], least)
    return inspected.arriving.digest(source, DigestedRows(mapping.table.name, (value,)))


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

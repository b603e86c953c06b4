"""Find columns that code compares with a renumbered key, and that follow nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    count_rows,
    loose_columns,
    most_are_keys,
    some_number_is_key,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import changing_keys
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NamedKey
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases


def joined_column_findings(
    databases: InspectedDatabases, joins: CodeJoins, followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column that code compares with a renumbered key.

    A column that has such a finding already gets no further one.

    Args:
        databases: All databases.
        joins: The columns that code compares.
        followed: The references that follow.
    """
    reported = {(each.subject, each.column) for each in databases.findings if each.id == "id-unfollowed"}
    for mappings in followed.by_source.values():
        by_name = {folded(mapping.table_map.name): mapping for mapping in mappings}
        database = databases.database_of(mappings[0])
        for table, column, (other, key), place, *_ in joins.keys_in(database.schema, database.file):
            mapping, parent = by_name.get(folded(table)), by_name.get(folded(other))
            if not mapping or not parent or key not in changing_keys(parent):
                continue
            if (mapping.subject, column) in reported:
                continue
            is_key = _gets_another_number((mapping, column), (parent, key), followed)
            if is_key:
                is_known = (parent.subject, key) in reported
                is_open = not is_known and most_are_keys(databases, mapping, column, parent, key)
            else:
                is_loose = column in loose_columns(mapping, followed)
                is_open = is_loose and some_number_is_key(databases, (mapping, column, "1"), (parent, key))
            if is_open:
                reported.add((mapping.subject, column))
                verb = "get another" if is_key and mapping.key_shifts[column].offset else "keep the"
                text = (
                    f"will {verb} number in column {column}, which {place} relates to {other}.{key}, while these"
                    f" keys change, because no FOREIGN KEY declares the column as a reference. If it is one, add"
                    f' [[source.table.refers]] with column = "{column}" and to = "{other}.{key}".'
                )
                rows = count_rows(databases, mapping, column, INTEGER)
                keys = (f"{other}.{key}",)
                yield Finding.of(
                    "id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column, keys=keys
                )


def _gets_another_number(child: NamedKey, parent: NamedKey, followed: FollowedKeys) -> bool:
    """Return whether two keys that code compares get new numbers that differ."""
    offsets = [
        mapping.key_shifts[key].offset
        for mapping, key in (child, parent)
        if key in mapping.key_shifts and followed.is_own_key(mapping, key)
    ]
    return len(offsets) == len((child, parent)) and offsets[0] != offsets[1]

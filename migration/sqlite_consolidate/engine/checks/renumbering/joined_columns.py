"""Find columns that code compares with a renumbered key, and that follow nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    count_rows,
    loose_columns,
    some_number_is_key,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import changing_keys
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases


def joined_column_findings(databases: InspectedDatabases, joins: CodeJoins) -> Iterator[Finding]:
    """Yield a finding for each column that code compares with a renumbered key.

    A column that has such a finding already gets no further one.

    Args:
        databases: All databases.
        joins: The columns that code compares.
    """
    reported = {(each.subject, each.column) for each in databases.findings if each.id == "id-unfollowed"}
    followed = FollowedKeys.of(databases)
    for mappings in followed.by_source.values():
        by_name = {folded(mapping.table_map.name): mapping for mapping in mappings}
        for table, column, (other, key), place, _ in joins.keys_in(databases.database_of(mappings[0]).schema):
            mapping, parent = by_name.get(folded(table)), by_name.get(folded(other))
            if not mapping or not parent or key not in changing_keys(parent):
                continue
            is_open = (mapping.subject, column) not in reported and column in loose_columns(mapping, followed)
            if is_open and some_number_is_key(databases, (mapping, column, "1"), (parent, key)):
                reported.add((mapping.subject, column))
                text = (
                    f"will keep the number in column {column}, which {place} compares with {other}.{key}, while these"
                    f" keys change, because no FOREIGN KEY declares the column as a reference. If it is one, add"
                    f' [[source.table.refers]] with column = "{column}" and to = "{other}.{key}".'
                )
                rows = count_rows(databases, mapping, column, INTEGER)
                yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)

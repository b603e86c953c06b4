"""Find united rows that have keys of tables with different names in the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.merged_tables import mappings_into, rows_of
from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import loose_columns
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    NAMES_OF_ANY_KEY,
    forms_of,
    names_after,
)
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_VALUES = "{0} IS NOT NULL AND {0} <> '' AND NOT (typeof({0}) = 'integer' AND {0} <= 0)"


def find_separate_parents(databases: InspectedDatabases) -> Iterator[Finding]:
    """Yield a finding for each column of united rows whose keys are those of different tables.

    The plan gives the table of the keys another name in the target than that of other files. No FOREIGN KEY and no
    ``refers`` states the reference, which only its name and its values show.
    """
    if not any(map(_is_renamed, databases.mappings)):
        return
    followed = FollowedKeys.of(databases)
    for mappings in databases.mappings_by_source.values():
        renamed = [each for each in mappings if _is_renamed(each) and len(each.table.primary_key) == 1]
        for child in mappings if renamed else ():
            others = [each for each in mappings_into(databases, child.into) if each.source.file != child.source.file]
            others = [each for each in others if rows_of(databases, each)]
            for parent in renamed if others else ():
                if parent is not child and (names := _other_names(databases, others, parent)):
                    yield from _findings(databases, child, parent, names[0], followed)


def _is_renamed(mapping: TableMapping) -> bool:
    return mapping.table.kind == "table" and folded(mapping.into.name) != folded(mapping.table_map.name)


def _other_names(databases: InspectedDatabases, others: list[TableMapping], parent: TableMapping) -> list[str]:
    """Return the other names in the target of a table that other files have as well."""
    name, names = parent.table_map.name, []
    for other in others:
        if other.source.file == databases.plan.target:
            table = databases.target.schema.table(name) if databases.target else None
        else:
            mapping = databases.mapping_of(other.source.name, name)
            table = mapping.into if mapping else None
        names += [table.name] if table and folded(table.name) != folded(parent.into.name) else []
    return names


def _findings(
    databases: InspectedDatabases, child: TableMapping, parent: TableMapping, other: str, followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column that has keys of a table.

    Args:
        databases: All databases.
        child: The united rows.
        parent: The table of the keys.
        other: The name in the target of that table of other files.
        followed: The references that follow.
    """
    [key] = parent.table.primary_key
    name = parent.table_map.name
    names = names_after(name, key) | forms_of(name) | ({folded(key)} - NAMES_OF_ANY_KEY)
    for column in loose_columns(child, followed):
        if folded(column) in names and (rows := _count_keys(databases, child, column, parent)):
            text = (
                f"will keep a key of {name} in column {column}. The target has this table as {parent.into.name}, and "
                f"that of other rows of {child.into.name} as {other}. Nothing tells which of the two a row means. Give "
                f"{child.table_map.name} another name as well (into), or unite {name}."
            )
            yield Finding.of("parent-apart", child.subject, text, count=rows, noun="row", column=column)


def _count_keys(databases: InspectedDatabases, child: TableMapping, column: str, parent: TableMapping) -> int:
    """Return the number of rows with a key in a column, or 0 if the column has another value."""
    [key] = parent.table.primary_key
    keys = f"SELECT {quoted(key)} FROM {quoted(parent.table_map.name)} WHERE {quoted(key)} IS NOT NULL"
    value = quoted(column)
    query = (
        f"SELECT count(*), coalesce(sum({value} NOT IN ({keys})), 0) FROM {quoted(child.table_map.name)}"
        f" WHERE {_VALUES.format(value)}"
    )
    rows, others = databases.database_of(child).write_lock.reader.execute(query).fetchone()
    return 0 if others else int(rows)

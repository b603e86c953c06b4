"""Find numbers in the rows of the target that may be ids of renumbered rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.ids_as_texts import (
    texts_of_ids,
    values_named_by_their_rows,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.other_sources import columns_of_other_sources
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    ChangingKeys,
    changing_keys,
    column_ends,
    forms_of,
    names_in,
)
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import KnownKeys, NamedKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.findings import Finding


def ids_of_target(
    databases: InspectedDatabases, followed: FollowedKeys, relations: Sequence[NamedKey], known: KnownKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of the target that may hold keys with new numbers.

    A column that is named after a table of the target means its rows, whose keys stay.

    Args:
        databases: All databases.
        followed: The references that follow.
        relations: The renumbered keys that relations of all databases may have.
        known: The keys of all databases.
    """
    target = databases.target
    renumbered = [mapping for mapping in databases.mappings if changing_keys(mapping)]
    if target is None or not renumbered:
        return
    forms, mappings = set().union(*map(forms_of, target.schema.tables)), mappings_of_target(databases, followed)
    absent = [mapping for mapping in renumbered if forms.isdisjoint(forms_of(mapping.table_map.name))]
    changing, names = ChangingKeys(absent, known), names_in(target.schema)
    # a target that has one of the tables has ids of its own rows in such texts, and the files of a pattern are too many
    of_texts = [mapping for mapping in absent if not mapping.source.is_of_pattern] if absent == renumbered else []
    if mappings:
        yield from columns_of_other_sources(databases, mappings, followed, changing, relations, known)
    for mapping in mappings:
        yield from values_named_by_their_rows(databases, mapping, changing, followed)
        unnamed = [
            ends for ends in mapping.columns if names.isdisjoint(column_ends(ends[0])) and not changing.named(ends[0])
        ]
        yield from texts_of_ids(databases, replace(mapping, columns=tuple(unnamed)), of_texts, followed)


def mappings_of_target(databases: InspectedDatabases, followed: FollowedKeys) -> list[TableMapping]:
    """Return the tables of the target, as if their own rows were copied into them.

    They lack the columns that receive keys, and those of which the plan states to what they refer.
    """
    stated = {followed.place(mapping, refers.column) for mapping in databases.mappings for refers in mapping.refers}
    stated.update(followed.key_places)
    mappings = []
    for table in databases.target.schema.tables.values() if databases.target else ():
        if table.kind == "table" and table.is_readable:
            mapping = mapping_of_target_rows(databases.plan, table, table, rowids=False)
            columns = [ends for ends in mapping.columns if followed.place(mapping, ends[0]) not in stated]
            mappings.append(replace(mapping, columns=tuple(columns)))
    return mappings

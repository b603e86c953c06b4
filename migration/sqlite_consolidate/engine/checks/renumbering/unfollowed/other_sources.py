"""Find the columns that may hold keys with new numbers of another database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    TEXT,
    count_rows,
    loose_columns,
    most_are_keys,
    some_is_key,
    some_number_is_key,
    ways_to_keep_meaning,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_values import key_of_relation
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    column_ends,
    names_in,
    names_of_references,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.typed_ids import named_tables, types_beside
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
        ChangingKeys,
        KnownKeys,
        NamedKey,
    )
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping


def columns_of_other_sources(
    databases: InspectedDatabases,
    mappings: list[TableMapping],
    followed: FollowedKeys,
    changing: ChangingKeys,
    relations: Sequence[NamedKey],
    known: KnownKeys,
) -> Iterator[Finding]:
    """Yield a finding for each column that may have new keys of a table in another source.

    A reference cannot follow the keys of another file.

    Args:
        databases: All databases.
        mappings: Those of one source, or of the target's own rows.
        followed: The references that follow.
        changing: The keys with new numbers that a column may be named after.
        relations: Those that a column may have that is named like a relation.
        known: The keys of all databases.
    """
    if not changing.references and not relations:
        return
    names_here = names_in(databases.database_of(mappings[0]).schema)
    names_here.update(*(names_of_references(mapping, known) for mapping in mappings))
    for mapping in mappings:
        for column in loose_columns(mapping, followed):
            if not names_here.isdisjoint(column_ends(column)):
                continue
            parent = _named_key(databases, mapping, column, changing)
            parent = parent or _typed_key(databases, mapping, column, changing)
            if parent := parent or key_of_relation(databases, mapping, column, relations, known):
                yield from _finding(databases, mapping, column, followed, *parent)


def _named_key(
    databases: InspectedDatabases, mapping: TableMapping, column: str, changing: ChangingKeys
) -> NamedKey | None:
    """Return the key of another database that a column is named after.

    A plain name means a table if most numbers of the column are keys there. The files of a pattern are not compared.
    """
    if named := changing.named(column):
        return named if named[0].source.file != mapping.source.file else None
    for parent, key in changing.plain.get(folded(column), ()):
        is_elsewhere = parent.source.file != mapping.source.file
        if is_elsewhere and (parent.source.is_of_pattern or most_are_keys(databases, mapping, column, parent, key)):
            return parent, key
    return None


def _typed_key(
    databases: InspectedDatabases, mapping: TableMapping, column: str, changing: ChangingKeys
) -> NamedKey | None:
    """Return the key of another database whose table another column names beside such a key.

    The files of a pattern are not compared.
    """
    for types in types_beside(mapping, column):
        tables = {end[0].table_map.name: ends for ends in changing.plain.values() for end in ends[:1]}
        for table, texts in named_tables(databases, mapping, column, types, tables).items():
            rows = f"{quoted(types)} IN ({', '.join(map(literal, texts))})"
            for parent, key in tables[table]:
                if parent.source.is_of_pattern or some_number_is_key(databases, (mapping, column, rows), (parent, key)):
                    return parent, key
    return None


def _finding(
    databases: InspectedDatabases,
    mapping: TableMapping,
    column: str,
    followed: FollowedKeys,
    parent: TableMapping,
    key: str,
) -> Iterator[Finding]:
    """Yield the finding about a column, if it has integers, or texts of keys."""
    rows = count_rows(databases, mapping, column, INTEGER)
    if not rows and some_is_key(databases, mapping, column, (parent, key)):
        rows = count_rows(databases, mapping, column, TEXT)
    if rows:
        text = (
            f"will keep the number in column {column} while the keys of {parent.table_map.name} change, which is in"
            f" another database ({parent.source.name}). If the column means rows of that database,"
            f" {ways_to_keep_meaning(followed, [parent])}."
        )
        yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)

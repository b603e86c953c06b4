"""Compare the numbers of a column that follows nothing with the keys of a table."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import is_checkable
from sqlite_consolidate.engine.checks.renumbering.followed_keys import table_id
from sqlite_consolidate.engine.sqlite.connections import read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NamedKey
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

INTEGER = "typeof({0}) = 'integer'"
"""SQL condition that a value is an integer."""

TEXT = "typeof({0}) = 'text' AND {0} GLOB '[1-9]*' AND {0} NOT GLOB '*[^0-9]*' AND length({0}) < 19"
"""SQL condition that a value is the text of an integer above 0, as Django stores the id of any table."""

MOSTLY = 0.9
"""Share of the different numbers of a column that are keys, from which it may be a reference. Other rows are gone."""

UNLIKELY = 1e-4
"""Probability below which numbers are keys by more than chance."""

_MANY = 500


def loose_columns(mapping: TableMapping, followed: FollowedKeys) -> list[str]:
    """Return the columns of a table that follow nothing and are no new keys.

    Neither the plan nor a declaration states to what they refer.
    """
    if mapping.table.kind != "table":
        return []
    stated = {folded(reference.column) for reference in mapping.refers}
    schema = followed.databases.database_of(mapping).schema
    declared = [key for key in mapping.table.foreign_keys if is_checkable(key, schema)]
    stated |= {folded(column) for key in declared for column in key.columns}
    return [
        column
        for column, _ in mapping.columns
        if folded(column) not in stated and column not in mapping.key_shifts and not followed.owners(mapping, column)
    ]


def count_rows(databases: InspectedDatabases, mapping: TableMapping, column: str, condition: str) -> int:
    """Return the number of rows whose value in a column meets a condition."""
    reader = databases.database_of(mapping).write_lock.reader
    query = f"SELECT count(*) FROM {quoted(mapping.table_map.name)} WHERE {condition.format(quoted(column))}"
    return int(reader.execute(query).fetchone()[0])


def texts_of(databases: InspectedDatabases, mapping: TableMapping, query: str) -> list[str]:
    """Return the texts that a query gives, also those that are not UTF-8."""
    reader = databases.database_of(mapping).write_lock.reader
    text_factory = reader.text_factory
    read_text_losslessly(reader)
    try:
        return [text for (text,) in reader.execute(query)]
    finally:
        reader.text_factory = text_factory


def are_rarely_keys(largest: Sequence[int], known: int) -> bool:
    """Return whether keys are so few that other numbers would rarely all be keys.

    Args:
        largest: Different numbers above 0, the largest first.
        known: Number of keys from 1 to the largest.
    """
    density = min(1, known * gcd(*largest) / largest[0])
    return bool(density ** len(largest) < UNLIKELY)


def rowids_are_keys(databases: InspectedDatabases, mapping: TableMapping, parent: TableMapping, key: str) -> bool:
    """Return whether each rowid of a table is a key of another one."""
    keys = f"SELECT {quoted(key)} FROM {quoted(parent.table_map.name)}"
    query = f"SELECT 1 FROM {quoted(mapping.table_map.name)} WHERE rowid NOT IN ({keys}) LIMIT 1"
    return databases.database_of(mapping).write_lock.reader.execute(query).fetchone() is None


def most_are_keys(
    databases: InspectedDatabases, mapping: TableMapping, column: str, parent: TableMapping, key: str
) -> bool:
    """Return whether a column has integers above 0, and most of them are keys of a table.

    Others mean "no row".
    """
    numbers = keys = 0
    for part, known in _compared(databases, (mapping, column, f"{INTEGER} AND {{0}} > 0"), (parent, key)):
        numbers, keys = numbers + part, keys + known
        if keys < MOSTLY * numbers:
            return False
    return numbers > 0


def some_is_key(
    databases: InspectedDatabases, mapping: TableMapping, column: str, end: NamedKey, texts: str = TEXT
) -> bool:
    """Return whether a column has the text of a key of a table.

    Only texts that meet a condition count.
    """
    parent, key = end
    if mapping.source.file == parent.source.file:
        name, reader = quoted(column), databases.database_of(mapping).write_lock.reader
        number = f"{texts.format(name)} AND CAST({name} AS INTEGER)"
        keys = f"SELECT {quoted(key)} FROM {quoted(parent.table_map.name)}"
        query = f"SELECT 1 FROM {quoted(mapping.table_map.name)} WHERE {number} IN ({keys}) LIMIT 1"
        return reader.execute(query).fetchone() is not None
    return any(keys for _, keys in _compared(databases, (mapping, column, texts), end))


def some_number_is_key(
    databases: InspectedDatabases, child: tuple[TableMapping, str, str], parent: tuple[TableMapping, str]
) -> bool:
    """Return whether a column has a key of a table in a row that meets a condition."""
    mapping, column, rows = child
    escaped = rows.replace("{", "{{").replace("}", "}}")
    numbers = (mapping, column, f"{INTEGER} AND {{0}} > 0 AND {escaped}")
    return any(keys for _, keys in _compared(databases, numbers, parent))


def _compared(
    databases: InspectedDatabases, child: tuple[TableMapping, str, str], parent: tuple[TableMapping, str]
) -> Iterator[tuple[int, int]]:
    """Count the different numbers in each part of a column, and the keys among them."""
    (mapping, column, condition), (other, key) = child, parent
    name, reader = quoted(column), databases.database_of(mapping).write_lock.reader
    query = f"SELECT DISTINCT CAST({name} AS INTEGER) FROM {quoted(mapping.table_map.name)}"
    numbers = reader.execute(f"{query} WHERE {condition.format(name)}")
    while part := numbers.fetchmany(_MANY):
        yield len(part), _count_keys(databases, [number for (number,) in part], other, key)


def _count_keys(databases: InspectedDatabases, numbers: Sequence[int], parent: TableMapping, key: str) -> int:
    keys = f"SELECT count(DISTINCT {quoted(key)}) FROM {quoted(parent.table_map.name)} WHERE {quoted(key)} IN"
    query = f"{keys} ({', '.join(map(str, numbers))})"
    return int(databases.database_of(parent).write_lock.reader.execute(query).fetchone()[0])


def count_equal_texts(databases: InspectedDatabases, child: NamedKey, parent: NamedKey) -> int:
    """Return the number of rows whose text or REAL value equals a key.

    SQLite compares them as it does in a join.
    """
    (mapping, column), (other, key) = child, parent
    keys = f"SELECT {quoted(key)} FROM {quoted(other.table_map.name)}".replace("{", "{{").replace("}", "}}")
    return count_rows(databases, mapping, column, f"typeof({{0}}) IN ('text', 'real') AND {{0}} IN ({keys})")


def most_of_numbers_are_keys(
    databases: InspectedDatabases, numbers: Collection[int], parent: TableMapping, key: str
) -> bool:
    """Return whether most of some different numbers are keys of a table."""
    parts = [[*numbers][at : at + _MANY] for at in range(0, len(numbers), _MANY)]
    keys = sum(_count_keys(databases, part, parent, key) for part in parts)
    return keys > 0 and keys >= MOSTLY * len(numbers)


def way_to_keep(followed: FollowedKeys, parents: Sequence[TableMapping]) -> str:
    """Return what the plan states if tables keep their keys.

    The tables that refer to them get other names as well. It is an empty text for the files of a pattern, whose rows
    share their tables.
    """
    if any(parent.source.is_of_pattern for parent in parents):
        return ""
    source = parents[0].source.name
    apart = {table_id(parent) for parent in parents}
    while (
        further := {
            table_id(child)
            for child in followed.by_source[source]
            for column in followed.columns(child)
            for parent, _ in followed.parents_of(child, column)
            if table_id(parent) in apart
        }
        - apart
    ):
        apart |= further
    names = [mapping.table_map.name for mapping in followed.by_source[source] if table_id(mapping) in apart]
    kept = join_names([*dict.fromkeys(parent.table_map.name for parent in parents)])
    return f'keys = "keep" for {kept}, and other names (into) for {join_names(names)} in source {source}'


def ways_to_keep_meaning(followed: FollowedKeys, parents: Sequence[TableMapping]) -> str:
    """Return by what numbers that no reference follows still mean their rows.

    If the tables are of one source, keeping their keys avoids the question.
    """
    keep = way_to_keep(followed, parents) if len({parent.source.name for parent in parents}) == 1 else ""
    return f"{f'keep these keys: {keep}; or ' if keep else ''}{way_to_correct(parents)}"


def way_to_correct(parents: Sequence[TableMapping]) -> str:
    """Return by what the operator can correct numbers after the migration.

    It states what that means for a rollback, which is refused for a target that has changed.
    """
    by_match = " and key-map.sqlite of the backup set" if any(parent.table_map.match for parent in parents) else ""
    note = "(a rollback then needs --discard-changes)"
    return f"correct it after the migration by key_maps of evidence.json{by_match} {note}"

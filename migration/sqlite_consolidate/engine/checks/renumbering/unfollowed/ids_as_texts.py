"""Find texts that may be ids of renumbered rows, and values whose row says what they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import table_of_setting
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import (
    INTEGER,
    TEXT,
    count_rows,
    loose_columns,
    some_is_key,
    way_to_correct,
    way_to_keep,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import changing_keys
from sqlite_consolidate.engine.sqlite.connections import read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_first_names, join_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import ChangingKeys
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

_MOST_SETTINGS = 10_000  # a table with more rows has other things in them

ENDS_LIKE_AN_ID = re.compile(r"(?i:.*_(id|pk|key|fk)|(.*_)?ref)|.*[a-z0-9]I[dD]", re.ASCII)
"""Name of a column that has ids."""


def texts_of_ids(
    databases: InspectedDatabases, mapping: TableMapping, renumbered: Sequence[TableMapping], followed: FollowedKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of ids that has texts of renumbered keys.

    Its name is that of an id. Such a column often has ids of several tables, and another column says of which. No
    reference follows a text.
    """
    for column in loose_columns(mapping, followed) if renumbered else ():
        if not ENDS_LIKE_AN_ID.fullmatch(column) or not (rows := count_rows(databases, mapping, column, TEXT)):
            continue
        keys = [(parent, key) for parent in renumbered for key in changing_keys(parent)]
        ends = (parent for parent, key in keys if some_is_key(databases, mapping, column, parent, key))
        owners = {parent.table_map.name: parent for parent in ends}
        others = [name for name in owners if name != mapping.table_map.name]
        if parents := [owners[name] for name in others or owners]:
            keep = way_to_keep(followed, parents) if len(parents) == 1 else ""
            text = (
                f"will keep a text in column {column} that is a number, while the keys of"
                f" {join_first_names([*(others or owners)])} change. No reference follows a text. If it is an id,"
                f" {way_to_correct(parents)}{f'; or keep these keys: {keep}' if keep else ''}."
            )
            yield Finding.of("id-unfollowed", mapping.subject, text, count=rows, noun="row", column=column)


def values_named_by_their_rows(
    databases: InspectedDatabases, mapping: TableMapping, changing: ChangingKeys
) -> Iterator[Finding]:
    """Yield a finding for each column of a table of settings that has ids of renumbered rows.

    The key of such a row is a text, which is named like a reference (``vip_customer_id``). Or it names a table
    (``editor_person``), and the number is a key there.
    """
    if not changing.references or mapping.table.kind != "table" or len(mapping.table.primary_key) != 1:
        return
    [key] = mapping.table.primary_key
    for column in (name for name, _ in mapping.columns if name != key and name not in mapping.shifted):
        name, value = quoted(key), quoted(column)
        is_number = f"typeof({name}) = 'text' AND (({INTEGER.format(value)}) OR ({TEXT.format(value)}))"
        rows = f"FROM {quoted(mapping.table_map.name)} WHERE {is_number} AND {name}"
        ids = texts_of(databases, mapping, f"SELECT {name} {rows} LIKE '%id'")
        parents = [end[0] for text in ids if (end := changing.named(text))]
        others = f"SELECT CAST({value} AS INTEGER) || ' ' || {name} {rows} NOT LIKE '%id' LIMIT {_MOST_SETTINGS}"
        for text in texts_of(databases, mapping, others) if changing.plain else ():
            number, _, setting = text.partition(" ")
            ends = changing.plain.get(table_of_setting(setting, changing.plain), ())
            owner = next((parent for parent, end in ends if _is_key(databases, parent, end, number)), None)
            parents += [owner] if owner else []
        if parents:
            tables = dict.fromkeys(f"{parent.table_map.name} ({parent.source.name})" for parent in parents)
            text = (
                f"will keep the number in column {column} while the keys of {join_names([*tables])} change. The {key}"
                f" of the row is named like a reference to it. If the number is such a key, {way_to_correct(parents)}."
            )
            yield Finding.of("id-unfollowed", mapping.subject, text, count=len(parents), noun="row", column=column)


def _is_key(databases: InspectedDatabases, parent: TableMapping, key: str, number: str) -> bool:
    query = f"SELECT 1 FROM {quoted(parent.table_map.name)} WHERE {quoted(key)} = {number}"
    return databases.database_of(parent).write_lock.reader.execute(query).fetchone() is not None


def texts_of(databases: InspectedDatabases, mapping: TableMapping, query: str) -> list[str]:
    """Return the texts that a query gives, also those that are not UTF-8."""
    reader = databases.database_of(mapping).write_lock.reader
    text_factory = reader.text_factory
    read_text_losslessly(reader)
    try:
        return [text for (text,) in reader.execute(query)]
    finally:
        reader.text_factory = text_factory

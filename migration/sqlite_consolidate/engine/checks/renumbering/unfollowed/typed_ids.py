"""Find numbers that may be ids of a renumbered table that another column names.

Rails, Django and others store such pairs, as ``owner_id`` and ``owner_type``, or ``object_id`` and ``content_type_id``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import (
    ENDS_LIKE_AN_ID,
    is_amount,
    may_have_types,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import INTEGER, MOSTLY, loose_columns, texts_of
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import CONTENT_TYPES, LABEL, names_table
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import (
    changing_keys,
    column_ends,
    names_in,
    to_of,
)
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

_NAMES_A_TYPE = re.compile(
    r"(?i:(.*_)?(type|kind|table|tbl|model|class|entity)(_id|_name)?)|.*[a-z](Type|Kind|Model|Class)"
)
_KEY_END = re.compile("(?<=.)_?(id|pk|key|ref|fk)$")
_MOST = 500  # names of tables that one column has
_MOST_BY_VALUES = 30  # of a column that no name tells


def typed_ids(
    databases: InspectedDatabases,
    mapping: TableMapping,
    renumbered: Sequence[TableMapping],
    followed: FollowedKeys,
    reported: Collection[str],
) -> Iterator[Finding]:
    """Yield a finding for each column with keys of a table that another column names.

    A column that is named after a table of the source has ids of that table.

    Args:
        databases: All databases.
        mapping: The table.
        renumbered: The renumbered tables of its source.
        followed: The references that follow.
        reported: Columns that have a finding already.
    """
    if not renumbered:
        return
    names = names_in(databases.database_of(mapping).schema)
    by_values = dict(_columns_of_names(databases, mapping))
    for column in loose_columns(mapping, followed):
        if column not in reported and names.isdisjoint(column_ends(column)):
            others = [*types_beside(mapping, column)]
            others += [it for it, named in by_values.items() if _are_keys_of(databases, mapping, column, it, named)]
            yield from next(filter(None, (_findings(databases, mapping, column, it, renumbered) for it in others)), [])


def types_beside(mapping: TableMapping, column: str) -> Iterator[str]:
    """Yield the other columns of a table that may name the table of each number in a column.

    A key has the numbers of its own table.
    """
    is_id = bool(ENDS_LIKE_AN_ID.fullmatch(column))
    for name, _ in mapping.columns if (column,) != mapping.table.primary_key else ():
        if _NAMES_A_TYPE.fullmatch(name) and name != column and (is_id or may_have_types(column, name)):
            yield name


def _columns_of_names(
    databases: InspectedDatabases, mapping: TableMapping
) -> Iterator[tuple[str, dict[str, set[str]]]]:
    """Yield each column of texts that all name tables of the database, with these tables.

    One text alone may name a table by chance.
    """
    tables = [each.name for each in databases.database_of(mapping).schema.tables.values() if _has_a_key(each)]
    for column, _ in mapping.columns if mapping.table.kind == "table" else ():
        if column_affinity(mapping.table, column) in ("INTEGER", "REAL"):
            continue
        name = quoted(column)
        query = f"SELECT DISTINCT {name} FROM {quoted(mapping.table_map.name)} WHERE typeof({name}) = 'text' LIMIT"
        first = texts_of(databases, mapping, f"{query} 1")
        if first and any(names_table(first[0], table) for table in tables):  # most columns end here, and fast
            texts = texts_of(databases, mapping, f"{query} {_MOST_BY_VALUES + 1}")
            named = {text: {table for table in tables if names_table(text, table)} for text in texts}
            if 1 < len(texts) <= _MOST_BY_VALUES and all(named.values()):
                yield column, named


def _has_a_key(table: Table) -> bool:
    return table.kind == "table" and table.is_readable and len(table.primary_key) == 1


def _are_keys_of(
    databases: InspectedDatabases, mapping: TableMapping, column: str, types: str, named: Mapping[str, set[str]]
) -> bool:
    """Return whether the numbers of a column are mostly keys of the named tables.

    At least two names have numbers beside them.
    """
    schema, reader = databases.database_of(mapping).schema, databases.database_of(mapping).write_lock.reader
    is_other = column == types or (column,) == mapping.table.primary_key or is_amount(column)
    if is_other or column_affinity(mapping.table, column) in ("TEXT", "REAL"):
        return False
    number, with_numbers = quoted(column), 0
    for text, tables in named.items():
        rows = f"{quoted(types)} = {literal(text)} AND {INTEGER.format(number)} AND {number} > 0"
        ends = [(table, key) for table in tables for key in schema.tables[table].primary_key]
        known = " OR ".join(f"{number} IN (SELECT {quoted(key)} FROM {quoted(table)})" for table, key in ends)
        keys = f"count(DISTINCT CASE WHEN {known or 0} THEN {number} END)"
        query = f"SELECT count(DISTINCT {number}), {keys} FROM {quoted(mapping.table_map.name)} WHERE {rows}"
        numbers, are_keys = reader.execute(query).fetchone()
        if are_keys < MOSTLY * numbers:
            return False
        with_numbers += numbers > 0
    return with_numbers > 1


def named_tables(
    databases: InspectedDatabases, mapping: TableMapping, column: str, types: str, tables: Iterable[str]
) -> dict[str, list[str]]:
    """Return the tables that a column of types names beside numbers, each with its names.

    A name that means a table of its own database means no other table.

    Args:
        databases: All databases.
        mapping: The table of both columns.
        column: The column of numbers.
        types: The column of types.
        tables: Names of tables.
    """
    is_named = f"typeof({quoted(types)}) = 'text' AND {INTEGER.format(quoted(column))} AND {quoted(column)} > 0"
    query = f"SELECT DISTINCT {quoted(types)} FROM {quoted(mapping.table_map.name)} WHERE {is_named} LIMIT {_MOST}"
    neighbours = databases.database_of(mapping).schema.tables
    texts = [
        text
        for text in texts_of(databases, mapping, query)
        if not any(names_table(text, table) for table in neighbours)
    ]
    named = {table: [text for text in texts if names_table(text, table)] for table in tables}
    return {table: texts for table, texts in named.items() if texts}


def rows_of_other_types(
    databases: InspectedDatabases, mapping: TableMapping, column: str, tables: Collection[str]
) -> str:
    """Return the condition on rows whose type names a table of the database, and none of some.

    It is the form of a text to be formatted. If two columns may have the type, no row meets it.

    Args:
        databases: All databases.
        mapping: The table.
        column: The column of ids.
        tables: Names of tables that do not count.
    """
    named = {types: _tables_of_types(databases, mapping, types) for types in types_beside(mapping, column)}
    known = [(types, names) for types, names in named.items() if names]
    if len(known) != 1:
        return "0"
    [(types, names)] = known
    others = ", ".join(value for value, ends in names.items() if ends.isdisjoint(tables))
    return f"ifnull({quoted(types)} IN ({others}), 0)".replace("{", "{{").replace("}", "}}")


def _tables_of_types(databases: InspectedDatabases, mapping: TableMapping, types: str) -> dict[str, set[str]]:
    """Return each value of a column of types that names tables, as SQL, with these tables."""
    schema, name = databases.database_of(mapping).schema, quoted(types)
    query = f"SELECT DISTINCT {name} FROM {quoted(mapping.table_map.name)} WHERE typeof({name}) = 'text' LIMIT {_MOST}"
    texts = {literal(text): text for text in texts_of(databases, mapping, query)}
    if "content_type" in folded(types) and schema.table(CONTENT_TYPES):
        query = f"SELECT id || ' ' || ifnull({LABEL}, '') FROM {CONTENT_TYPES} WHERE {INTEGER.format('id')}"
        labels = texts_of(databases, mapping, query)
        texts |= dict(label.split(" ", 1) for label in labels)
    named = {value: {table for table in schema.tables if names_table(text, table)} for value, text in texts.items()}
    return {value: tables for value, tables in named.items() if tables}


def _findings(
    databases: InspectedDatabases, mapping: TableMapping, column: str, other: str, renumbered: Sequence[TableMapping]
) -> list[Finding]:
    """Return the finding about a column, if another one may state the table of its ids."""
    reader, table = databases.database_of(mapping).write_lock.reader, quoted(mapping.table_map.name)
    rows: dict[str, int] = {}
    for parent in renumbered:
        for key in changing_keys(parent)[:1]:
            condition = _condition(databases, mapping, column, other, parent, key)
            query = f"SELECT count(*) FROM {table} WHERE {condition}"
            rows[f"{parent.table_map.name}.{key}"] = reader.execute(query).fetchone()[0]
    ends = [end for end, count in rows.items() if count]
    if not ends:
        return []
    text = (
        f"will keep the number in column {column}, which may be a key of {join_first_names(ends)}, while these keys"
        f" change. Column {other} may state the table. If so, add [[source.table.refers]] with"
        f' column = "{column}", {to_of(ends)} and when, which is a condition on {other}.'
    )
    count = max(rows.values())  # a type that is a number may stand for each of these tables
    return [
        Finding.of("id-unfollowed", mapping.subject, text, count=count, noun="row", column=column, keys=tuple(ends))
    ]


def _condition(
    databases: InspectedDatabases, mapping: TableMapping, column: str, other: str, parent: TableMapping, key: str
) -> str:
    """Return the condition on the rows with a key of a table whose type may name it."""
    number, name, into = quoted(column), quoted(other), parent.table_map.name
    is_key = f"{INTEGER.format(number)} AND {number} > 0 AND {number} IN (SELECT {quoted(key)} FROM {quoted(into)})"
    query = f"SELECT DISTINCT {name} FROM {quoted(mapping.table_map.name)} WHERE typeof({name}) = 'text' AND {is_key}"
    types = [text for text in texts_of(databases, mapping, f"{query} LIMIT {_MOST}") if names_table(text, into)]
    is_type = f"{name} IN ({', '.join(map(literal, types))})"
    is_content_type = "content_type" in folded(other)
    if is_content_type and databases.database_of(mapping).schema.table(CONTENT_TYPES):
        models = texts_of(databases, mapping, f"SELECT {LABEL} FROM {CONTENT_TYPES}")
        models = [text for text in models if names_table(text, into)]
        is_type += (
            f" OR {name} IN (SELECT id FROM {CONTENT_TYPES} WHERE {LABEL} IN ({', '.join(map(literal, models))}))"
        )
    elif is_content_type or folded(other).startswith(_KEY_END.sub("", folded(column))):
        is_type += f" OR {INTEGER.format(name)}"
    return f"({is_type}) AND {is_key}"

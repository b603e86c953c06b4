"""Find the views and triggers that may compare new numbers with others.

SQLite names the columns that an object reads. An object that reads a renumbered key and no column that follows this key
may compare it with any other column in which the source has such numbers.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.schema.dependencies import reading_statement
from sqlite_consolidate.engine.sqlite.schema.derivations import reads_rows, unquoted
from sqlite_consolidate.engine.sqlite.schema.object_uses import UseReader, joining_accesses
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.renumbering.followed_keys import FollowedKeys
    from sqlite_consolidate.engine.checks.renumbering.source_keys import ColumnOfTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.dependencies import Access
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView

_JSON = re.compile(r"\bjson_|->")


class ReadColumns(NamedTuple):
    """Hold the columns that an object reads.

    Attributes:
        label: Kind and name of the object.
        sql: Its statement without quotes, in small letters.
        columns: The columns of the target that it reads.
        tables: Folded names of their tables.
    """

    label: str
    sql: str
    columns: frozenset[ColumnOfTarget]
    tables: frozenset[str]


def find_compared_keys(databases: InspectedDatabases, followed: FollowedKeys, limits: Limits) -> list[Finding]:
    """Return a finding for each object that may compare a renumbered key with other numbers."""
    parents = [
        (mapping, key)
        for mapping in databases.mappings
        for key, shift in mapping.key_shifts.items()
        if shift.offset and followed.is_own_key(mapping, key)
    ]
    schema = databases.target_schema.schema
    if not parents or not (schema.views or schema.triggers):
        return []
    with contextlib.closing(UseReader(schema, limits)) as reader:
        return [
            Finding.of("id-unfollowed", databases.plan.target, text)
            for entry in _objects(reader)
            if (text := next(filter(None, (_text(databases, followed, entry, *parent) for parent in parents)), ""))
        ]


def _objects(reader: UseReader) -> Iterator[ReadColumns]:
    """Yield the columns of each object that finds rows by others."""
    for view in reader.schema.views:
        if reader.pairs_rows(view.name):
            accesses = reader.compile(reading_statement(view.name))
            yield _read_columns("view", view, [*accesses, *joining_accesses(view.sql, reader.schema)])
    for trigger in reader.schema.triggers:
        accesses = reader.accesses_of(trigger)
        if reads_rows(trigger.sql) or any(access.action in ("UPDATE", "DELETE") for access in accesses):
            yield _read_columns("trigger", trigger, [*accesses, *joining_accesses(trigger.sql, reader.schema)])


def _read_columns(kind: str, entry: TriggerOrView, accesses: list[Access]) -> ReadColumns:
    reads = [access for access in accesses if access.action == "READ"]
    columns = frozenset((folded(access.table), folded(access.column)) for access in reads)
    return ReadColumns(f"{kind} {entry.name}", unquoted(entry.sql), columns, frozenset(table for table, _ in columns))


def _text(
    databases: InspectedDatabases, followed: FollowedKeys, entry: ReadColumns, parent: TableMapping, key: str
) -> str:
    """Return what an object may compare a key with, or an empty text."""
    place = followed.place(parent, key)
    if place not in entry.columns or not _uses_key(entry, place[1]):
        return ""
    read = [
        (mapping, column)
        for mapping in followed.by_source[parent.source.name]
        for column, _ in mapping.columns
        if followed.place(mapping, column) in entry.columns - {place}
    ]
    paired = {
        owner
        for each in read
        for end in followed.owners(*each)  # a key that gets new numbers is its own owner
        if (owner := followed.place(followed.mapping(end[0]), end[1])) != followed.place(*each)
    }
    for mapping, column in read if place not in paired else ():
        other = followed.place(mapping, column)
        if other in paired or (other[0] == place[0] and entry.tables != {place[0]}):
            continue
        if _has_such_numbers(databases, entry, (parent, key), (mapping, column)):
            numbered = next(each for each in databases.mappings if each.subject == mapping.subject)
            rest = "which gets other ones" if column in numbered.shifted else "whose numbers stay"
            return (
                f"{entry.label} may compare {parent.into.name}.{parent.renamed[key]}, which gets new numbers, with"
                f" {mapping.into.name}.{mapping.renamed[column]}, {rest}."
            )
    return ""


def _uses_key(entry: ReadColumns, key: str) -> bool:
    """Return whether an object uses a key other than to find the row that fires it."""
    name, equals = re.escape(key), r"\s*(?:==?|\bis\b)\s*"
    same_row = rf"(?:\w+\.)?{name}{equals}(?:new|old)\.{name}\b|\b(?:new|old)\.{name}{equals}(?:\w+\.)?{name}\b"
    return entry.label.startswith("view") or bool(re.search(rf"\b{name}\b", re.sub(same_row, "", entry.sql)))


def _has_such_numbers(
    databases: InspectedDatabases, entry: ReadColumns, parent: tuple[TableMapping, str], child: tuple[TableMapping, str]
) -> bool:
    """Return whether a column has a number of a key, or texts in which an object may find one."""
    (mapping, key), (other, column) = parent, child
    name, reader = quoted(column), databases.sources[mapping.source.name].write_lock.reader
    such = f"typeof({name}) = 'integer' AND {name} IN (SELECT {quoted(key)} FROM {quoted(mapping.table_map.name)})"
    if _JSON.search(entry.sql):
        such += f" OR iif(typeof({name}) = 'text', {name} GLOB '[[{{]*[1-9]*', 0)"
    query = f"SELECT 1 FROM {quoted(other.table_map.name)} WHERE {such} LIMIT 1"
    return reader.execute(query).fetchone() is not None

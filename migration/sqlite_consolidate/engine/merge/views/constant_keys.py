"""Find the objects of a source that use a key without the constant which makes it unique.

A constant of the plan can be a part of the key of a table in the target. Rows of several databases have the same id
then. A view or a trigger of a source does not know the constant, and finds the rows of all of them under one id.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.schema.dependencies import reading_statement
from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS, reads_rows
from sqlite_consolidate.engine.sqlite.schema.object_uses import UseReader, joining_accesses
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of, read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
    from sqlite_consolidate.engine.sqlite.schema.dependencies import Access
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Source, TableMap

_GROUPS = frozenset(("group", "distinct", "over", "except", "intersect", "recursive"))


class ConstantKey(NamedTuple):
    """Hold a key of a source table that is unique in the target only together with constants.

    Attributes:
        columns: Folded names of its columns in the source.
        constants: The columns of the target that tell its rows apart as well.
        files: The other databases that have rows in the table.
    """

    columns: frozenset[str]
    constants: tuple[str, ...]
    files: tuple[str, ...]


def reasons_by_constants(
    source: Source, schema: Schema, con: sqlite3.Connection, owners: TableOwners
) -> dict[tuple[str, str], str]:
    """Return why views and triggers of a source would pair rows of several databases.

    Args:
        source: As the plan has it.
        schema: Its schema.
        con: Database in memory with the tables of the target.
        owners: The databases whose rows each table will hold.

    Returns:
        Kind and folded name of each such object to the reason.
    """
    if not source.constant_values or not (schema.views or schema.triggers):
        return {}
    target = read_schema(con)
    keys = {
        folded(table_map.name): key
        for table_map in source.tables
        if (key := _constant_key(source, table_map, schema, target, owners))
    }
    with contextlib.closing(UseReader(schema, limits_of(con))) as reader:
        return dict(_reasons(reader, keys)) if keys else {}


def _reasons(reader: UseReader, keys: dict[str, ConstantKey]) -> Iterator[tuple[tuple[str, str], str]]:
    views = {folded(view.name) for view in reader.schema.views}
    for view in reader.schema.views:
        words = words_of(view.sql)
        is_simple = not (_GROUPS | views - {folded(view.name)} | set(ROWIDS)) & set(words)
        if reader.pairs_rows(view.name) or _GROUPS & set(words):
            accesses = [
                access
                for access in reader.compile(reading_statement(view.name))
                if not (is_simple and _only_returns(words, folded(access.column)))
            ]
            accesses += joining_accesses(view.sql, reader.schema)
            if reason := _reason(accesses, keys):
                yield ("view", folded(view.name)), reason
    for trigger in reader.schema.triggers:
        accesses = reader.accesses_of(trigger)
        searches = reads_rows(trigger.sql) or any(access.action in ("UPDATE", "DELETE") for access in accesses)
        if searches and (reason := _reason(accesses, keys)):
            yield ("trigger", folded(trigger.name)), reason


def _only_returns(words: list[str], column: str) -> bool:
    """Return whether a view returns a column as it is, and does nothing else with it.

    False if the view has several SELECTs, because one of them may use what another one returns.

    Args:
        words: The folded tokens of the view.
        column: Folded name of the column.
    """
    if words.count("select") > 1 or "natural" in words:
        return False
    start = words.index("select") + 1
    end = words.index("from", start)
    names = {column}
    for term in _terms(words[start:end]):
        if column in term:
            place = term.index(column)
            further = [word for word in term[place + 1 :] if word != "as"]
            if set(term[1:place:2]) - {"."} or place % 2 or len(further) > 1:
                return False
            names.update(further)
    return names.isdisjoint(words[end:])


def _terms(words: Iterable[str]) -> Iterator[list[str]]:
    """Yield the terms of a list, which commas separate."""
    term: list[str] = []
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and not depth:
            yield term
            term = []
        else:
            term.append(word)
    yield term


def _reason(accesses: Iterable[Access], keys: dict[str, ConstantKey]) -> str:
    for access in accesses:
        key = keys.get(folded(access.table))
        if key and access.action == "READ" and folded(access.column) in key.columns:
            return (
                f"it uses {access.table}.{access.column}, which rows of {join_names(key.files)} have as well, and only"
                f" {join_names(key.constants)} tells them apart"
            )
    return ""


def _constant_key(
    source: Source, table_map: TableMap, schema: Schema, target: Schema, owners: TableOwners
) -> ConstantKey | None:
    """Return the key of a table that other databases have as well, or None."""
    table, into = schema.table(table_map.name), target.table(table_map.into)
    if table is None or into is None:
        return None
    names = {folded(old): folded(new) for old, new in table_map.columns.items()}
    fed = {names.get(folded(column.name), folded(column.name)) for column in table.columns}
    stated = {folded(name) for name in source.constant_values} - fed
    files = tuple(sorted(owners.with_rows.get(folded(into.name), set()) - {source.file}))
    columns = {name for key in _keys(table) for name in key}
    lost = [key - stated for key in _keys(into) if key & stated]
    shared = frozenset(name for name in columns if any(names.get(name, name) in key for key in lost))
    alone = {name for key in _keys(into) if len(key) == 1 for name in key}
    shared -= {name for name in shared if names.get(name, name) in alone}
    constants = tuple(column.name for column in into.columns if folded(column.name) in stated)
    return ConstantKey(shared, constants, files) if shared and files else None


def _keys(table: Table) -> list[frozenset[str]]:
    return [frozenset(folded(column) for column, _ in key) for key in keys_of(table)]

"""Find the keys that the plan renumbers, and describe why one cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.schema.keyless_rows import unique_columns
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table


def find_keys(mapping: TableMapping) -> tuple[list[str], list[Problem]]:
    """Return the columns of a table that are renumbered, and why others cannot be."""
    names, problems = _primary_key(mapping)
    for column in filter(None, map(mapping.table.column, mapping.table_map.renumber)):
        if problem := number_problem(mapping, column):
            problems.append(problem)
        else:
            names.append(column.name)
    return names, problems


def find_lacking_numbers(mappings: Iterable[TableMapping]) -> Iterator[Problem]:
    """Yield a problem for each column of ``renumber`` that no file of a source has.

    A file of a pattern may lack it.
    """
    files: dict[str, list[TableMapping]] = {}
    for mapping in mappings:
        if mapping.table_map.renumber:
            files.setdefault(mapping.entry_subject, []).append(mapping)
    for subject, same in files.items():
        for name in same[0].table_map.renumber:
            if not any(mapping.table.column(name) for mapping in same):
                fact, hint = f"has no column {name}, which the plan renumbers.", "Correct renumber."
                yield Problem("no-such-column", subject, fact, hint, criterion="keys-free")


def _primary_key(mapping: TableMapping) -> tuple[list[str], list[Problem]]:
    if mapping.source.keys_of(mapping.table_map) != "renumber":
        return [], []
    key = mapping.table.primary_key
    is_stated = mapping.table_map.keys_ == "renumber"
    affinity = column_affinity(mapping.table, key[0]) if len(key) == 1 else ""
    if mapping.table.kind != "table" or len(key) != 1 or affinity in ("TEXT", "REAL"):
        return [], [_no_number_key(mapping)] if is_stated else []
    return [key[0]] if affinity == "INTEGER" or is_stated else [], []


def number_problem(mapping: TableMapping, column: Column) -> Problem | None:
    """Return the problem that a column has no unique numbers of its own, or None."""
    table, name, hint = mapping.table, column.name, "Remove it from renumber."
    if column.generated or (table.kind == "table" and column_affinity(table, name) in ("TEXT", "REAL")):
        fact = f"column {name} is {'generated' if column.generated else 'no column of integers'}."
    elif table.kind == "table" and [folded(key) for key in table.primary_key] == [folded(name)]:
        fact = f"column {name} is its primary key, which keys and not renumber gives new numbers."
        if mapping.source.keys_of(mapping.table_map) != "renumber":
            hint = 'Write keys = "renumber", and remove it from renumber.'
    elif table.kind == "table" and any(names == [folded(name)] for names in unique_columns(table)):
        return None
    elif index := _partial_index(table, name):
        fact = f"column {name} is unique only in the rows of its partial index {index}, and renumber takes all rows."
        hint += " If equal numbers clash: create the index without WHERE, in the target as well, or use into."
    else:
        fact = f"column {name} is no unique key of its own, so renumber has nothing to keep apart."
        hint += " A column that refers to a renumbered one follows without it."
    return Problem("no-number-key", mapping.subject, fact, hint, criterion="keys-free")


def _partial_index(table: Table, name: str) -> str:
    """Return the first partial unique index on a column alone, or an empty text."""
    indexes = (index for index in table.indexes if index.unique and index.partial and len(index.terms) == 1)
    return next((index.name for index in indexes if folded(index.terms[0][0] or "") == folded(name)), "")


def is_unique(mapping: TableMapping, key: str) -> bool:
    """Return whether a key tells the rows of the target apart, alone or with constants."""
    name, stated = folded(target_column(mapping, key)), set(map(folded, mapping.stated_constants))
    keys = map(set, unique_columns(mapping.into))
    return any(name in columns and columns - {name} <= stated for columns in keys)


def two_keys(mapping: TableMapping, column: str) -> Problem:
    """Return the problem that values of a column would follow two keys."""
    fact = f"column {column} refers to rows that get different offsets, or to itself by way of other tables."
    hint = f'Write keys = "keep" for the tables that {column} refers to, or move {mapping.table_map.name} apart (into).'
    return Problem("two-maps", mapping.subject, fact, hint, criterion="keys-free")


def computed(mapping: TableMapping, column: str) -> Problem:
    """Return the problem that SQLite computes a column that refers."""
    fact = f"column {column} refers to renumbered keys and is generated, so it cannot follow them."
    hint = 'Write keys = "keep" for the tables that it refers to, or leave this table behind with a reason.'
    return Problem("reference-computed", mapping.subject, fact, hint, criterion="keys-free")


def key_lost(mapping: TableMapping, key: str) -> Problem:
    """Return the problem that the target has no such unique key."""
    fact = f"{mapping.into.name} in the target has no unique key of {target_column(mapping, key)} alone."
    is_listed = folded(key) in map(folded, mapping.table_map.renumber)
    way = f"remove {key} from renumber" if is_listed else 'write keys = "keep"'
    hint = f"Declare that key in the target, or {way}."
    return Problem("renumbered-key-lost", mapping.subject, fact, hint, criterion="keys-free")


def _no_number_key(mapping: TableMapping) -> Problem:
    key = mapping.table.primary_key
    if not key or mapping.table.kind != "table":
        fact = 'has no primary key, so keys = "renumber" has nothing to change.'
        hint = 'Remove keys. If its implicit rowids may change, write rowids = "renumber".'
    else:
        fact = f'has the primary key {", ".join(key)}, and keys = "renumber" takes one column of integers.'
        hint = 'Write keys = "keep" for this table. Columns that refer to renumbered keys follow without it.'
    return Problem("no-number-key", mapping.subject, fact, hint, criterion="keys-free")

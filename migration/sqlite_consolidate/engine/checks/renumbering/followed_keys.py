"""Find the columns that follow a renumbered key, by the declarations of source and target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import (
    column_affinity,
    find_references,
    mapping_of,
    source_column,
    target_column,
)
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema

TableId = tuple[str, str]
"""Name of a source and folded name of its table."""

ColumnOfTarget = tuple[str, str]
"""Folded names of a table of the target and of its column."""

_ColumnOfSource = tuple[TableId, str]


@dataclass
class FollowedKeys:
    """Hold which key each column of the moved tables follows.

    Attributes:
        mappings: The moved tables in plan order.
        keys: Renumbered tables to their key columns, as the source spells them.
        problems: Why a key cannot be renumbered.
    """

    mappings: dict[TableId, TableMapping] = field(default_factory=dict)
    keys: dict[TableId, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _parents: dict[_ColumnOfSource, list[_ColumnOfSource | None]] = field(default_factory=dict)
    _owners: dict[_ColumnOfSource, TableId | None] = field(default_factory=dict)
    _followers: dict[TableId, list[_ColumnOfSource]] = field(default_factory=dict)

    @classmethod
    def of(cls, databases: InspectedDatabases) -> FollowedKeys:
        """Return the columns that follow a key, by plan and declarations."""
        followed = cls({table_id(mapping): mapping for mapping in databases.mappings})
        for table, mapping in followed.mappings.items():
            if mapping.source.keys_of(mapping.table_map) == "renumber":
                followed._add_key(table, mapping)
        if followed.keys:
            followed._add_references(databases)
            followed._find_owners()
        return followed

    def owner(self, mapping: TableMapping, column: str) -> TableId | None:
        """Return the renumbered table whose offset a column takes, or None if its values stay."""
        return self._owners.get((table_id(mapping), folded(column)))

    def parents_of(self, mapping: TableMapping, column: str) -> list[tuple[TableMapping, str]]:
        """Return the columns of moved tables that a column refers to, in small letters."""
        parents = self._parents.get((table_id(mapping), folded(column)), [])
        return [(self.mappings[parent[0]], parent[1]) for parent in dict.fromkeys(parents) if parent]

    def is_own_key(self, mapping: TableMapping, column: str) -> bool:
        """Return whether a column is a key that gets an offset of its own."""
        table = table_id(mapping)
        return folded(self.keys.get(table, "")) == folded(column) and self.owner(mapping, column) == table

    def columns_of(self, owner: TableId) -> Iterator[tuple[TableMapping, str]]:
        """Yield each column that takes the offset of a renumbered table."""
        for table, column in self._followers.get(owner, ()):
            yield self.mappings[table], column

    def same_numbers(self, owner: TableId, planned: Schema) -> set[ColumnOfTarget]:
        """Return each column of the target that holds keys of a table, or refers to them."""
        edges = {
            ((folded(table.name), folded(child)), (folded(key.parent), folded(parent)))
            for table in planned.tables.values()
            for key in table.foreign_keys
            for child, parent in zip(key.columns, key.to or _primary_key(planned, key.parent), strict=False)
        }
        for (child_table, child), parents in self._parents.items():
            child_mapping = self.mappings[child_table]
            ends = ((self.mappings[parent[0]], parent[1]) for parent in parents if parent)
            edges |= {(_in_target(child_mapping, child), _in_target(*end)) for end in ends}
        mapping = self.mappings[owner]
        columns = {_in_target(mapping, self.keys[owner])}
        while added := {child for child, parent in edges if parent in columns} - columns:
            columns |= added
        return columns

    def _add_key(self, table: TableId, mapping: TableMapping) -> None:
        key = mapping.table.primary_key
        is_stated = mapping.table_map.keys_ == "renumber"
        affinity = column_affinity(mapping.table, key[0]) if len(key) == 1 else ""
        if mapping.table.kind != "table" or len(key) != 1 or affinity in ("TEXT", "REAL"):
            if is_stated:
                self.problems.append(_no_number_key(mapping))
        elif affinity == "INTEGER" or is_stated:
            self.keys[table] = key[0]

    def _add_references(self, databases: InspectedDatabases) -> None:
        for table, mapping in self.mappings.items():
            for declared in mapping.table.foreign_keys:
                parent = mapping_of(databases, mapping, declared.parent)
                to = (declared.to or parent.table.primary_key) if parent else declared.columns
                self._add_reference(table, declared.columns, parent, to)
        for reference in find_references(databases):
            if not reference.is_declared:
                parent = reference.parent_mapping
                to = tuple(source_column(parent, name) if parent else name for name in reference.into.columns)
                self._add_reference(table_id(reference.child), reference.columns, parent, to)

    def _add_reference(
        self, child: TableId, columns: tuple[str, ...], parent: TableMapping | None, to: tuple[str, ...]
    ) -> None:
        for name, referred in zip(columns, to, strict=False):
            end = (table_id(parent), folded(referred)) if parent else None
            if end != (child, folded(name)):
                self._parents.setdefault((child, folded(name)), []).append(end)

    def _find_owners(self) -> None:
        for table, mapping in self.mappings.items():
            for column, _ in mapping.columns:
                owners = self._owners_of((table, folded(column)))
                owner = next(iter(owners)) if len(owners) == 1 else None
                self._owners[table, folded(column)] = owner
                if owner is not None:
                    self._followers.setdefault(owner, []).append((table, column))
                if len(owners) > 1:
                    self.problems.append(_two_keys(mapping, column))
        self.problems += self._computed_references()
        for table, key in self.keys.items():
            if self._owners.get((table, folded(key))) == table and not _is_unique(self.mappings[table], key):
                self.problems.append(_key_lost(self.mappings[table], key))

    def _computed_references(self) -> Iterator[Problem]:
        """Yield a problem for each generated column that refers to renumbered keys."""
        for table, name in self._parents:
            mapping = self.mappings[table]
            if (table, name) not in self._owners and self._owners_of((table, name)) != {None}:
                yield _computed(mapping, name)

    def _owners_of(self, column: _ColumnOfSource) -> set[TableId | None]:
        """Return the tables whose offsets a column would take, with None if its values would stay.

        A key that is itself a reference takes the offset of its parent. Keys that only refer to each other have none.
        """
        owners: set[TableId | None] = set()
        reached, waiting = {column}, [column]
        while waiting:
            table, name = waiting.pop()
            parents = self._parents.get((table, name), [])
            is_key = folded(self.keys.get(table, "")) == name
            if not parents:
                owners.add(table if is_key else None)
            for parent in parents:
                if parent is None:
                    owners.add(None)
                elif parent not in reached:
                    reached.add(parent)
                    waiting.append(parent)
        renumbered = {table for table, name in reached if folded(self.keys.get(table, "")) == name}
        return owners or (renumbered | {None} if renumbered else {None})


def table_id(mapping: TableMapping) -> TableId:
    """Return the name of a mapping's source and the folded name of its table."""
    return mapping.source.name, folded(mapping.table_map.name)


def _in_target(mapping: TableMapping, column: str) -> ColumnOfTarget:
    return folded(mapping.into.name), folded(target_column(mapping, column))


def _primary_key(schema: Schema, name: str) -> tuple[str, ...]:
    table = schema.table(name)
    return table.primary_key if table else ()


def _is_unique(mapping: TableMapping, key: str) -> bool:
    name = folded(target_column(mapping, key))
    return any(len(columns) == 1 and folded(columns[0][0]) == name for columns in keys_of(mapping.into))


def _no_number_key(mapping: TableMapping) -> Problem:
    key = mapping.table.primary_key
    if not key or mapping.table.kind != "table":
        fact = 'has no primary key, so keys = "renumber" has nothing to change.'
        hint = 'Remove keys. If its implicit rowids may change, write rowids = "renumber".'
    else:
        fact = f'has the primary key {", ".join(key)}, and keys = "renumber" takes one column of integers.'
        hint = 'Write keys = "keep" for this table. Columns that refer to renumbered keys follow without it.'
    return Problem("no-number-key", mapping.subject, fact, hint, criterion="keys-free")


def _two_keys(mapping: TableMapping, column: str) -> Problem:
    fact = f"column {column} refers to rows that get different offsets, or to itself by way of other tables."
    hint = f'Write keys = "keep" for the tables that {column} refers to, or move {mapping.table_map.name} apart (into).'
    return Problem("two-maps", mapping.subject, fact, hint, criterion="keys-free")


def _computed(mapping: TableMapping, column: str) -> Problem:
    fact = f"column {column} refers to renumbered keys and is generated, so it cannot follow them."
    hint = 'Write keys = "keep" for the tables that it refers to, or leave this table behind with a reason.'
    return Problem("reference-computed", mapping.subject, fact, hint, criterion="keys-free")


def _key_lost(mapping: TableMapping, key: str) -> Problem:
    fact = f"{mapping.into.name} in the target has no unique key of {target_column(mapping, key)} alone."
    hint = 'Declare that key in the target, or write keys = "keep".'
    return Problem("renumbered-key-lost", mapping.subject, fact, hint, criterion="keys-free")

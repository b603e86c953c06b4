"""Match the foreign keys of a moved table in its source with those in the target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import affinity
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.schema.objects import computed_keys, keys_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, Schema, Table


@dataclass(frozen=True)
class ReferredKey:
    """Hold the columns of a table that a foreign key refers to.

    Attributes:
        table: The table with the parent rows, as they are read.
        columns: The referred columns.
    """

    table: Table
    columns: tuple[str, ...]

    @cached_property
    def collations(self) -> tuple[str, ...]:
        """Return the collation by which SQLite compares each column."""
        return tuple(column_collation(self.table, column) for column in self.columns)

    @property
    def affinities(self) -> tuple[str, ...]:
        """Return the affinity that SQLite applies to each referring value."""
        return tuple(column_affinity(self.table, column) for column in self.columns)

    @property
    def is_unique(self) -> bool:
        """Return whether a unique key of the table has exactly these columns and collations.

        A column may be generated.
        """
        pairs = {(folded(name), folded(coll)) for name, coll in zip(self.columns, self.collations, strict=True)}
        computed = [
            [(name or "", coll) for name, _, coll in i.terms] for i in computed_keys(self.table) if not i.partial
        ]
        keys = [*keys_of(self.table), *computed]
        return any({(folded(name), folded(coll)) for name, coll in key} == pairs for key in keys)


@dataclass(frozen=True)
class Reference:
    """Hold one foreign key of a moved table, in its source and in the target.

    Attributes:
        child: The mapping of the table whose rows refer.
        columns: Its referring columns, as the source spells them.
        parent: The referred columns in the source. None if the source has no row of the table.
        parent_name: The name of the table that the source refers to.
        parent_mapping: The mapping of that table. None if the plan does not move it.
        into: The referred columns in the target.
        is_declared: Whether the source declares it.
    """

    child: TableMapping
    columns: tuple[str, ...]
    parent: ReferredKey | None
    parent_name: str
    parent_mapping: TableMapping | None
    into: ReferredKey
    is_declared: bool = True

    @property
    def subject(self) -> str:
        """Return the child table with its referring columns, and the referred table."""
        return f"{self.child.subject} ({', '.join(self.columns)}) -> {self.into.table.name}"

    @property
    def is_elsewhere(self) -> bool:
        """Return whether the plan moves the parents to another table than the one referred to."""
        mapping = self.parent_mapping
        return mapping is not None and folded(mapping.into.name) != folded(self.into.table.name)

    @property
    def has_unique_keys(self) -> bool:
        """Return whether at most one row is referred to, in the source and in the target."""
        return (self.parent is None or self.parent.is_unique) and self.into.is_unique

    @property
    def row(self) -> list[tuple[str, str]]:
        """Return the pairs of target and source columns in which a parent row must not differ."""
        if self.parent is None:
            return []
        if self.parent_mapping is not None:
            return [(new, old) for old, new in self.parent_mapping.columns]
        names = {folded(column.name): column.name for column in self.into.table.stored}
        return [
            (names[folded(column.name)], column.name)
            for column in self.parent.table.stored
            if folded(column.name) in names
        ]


def column_affinity(table: Table, name: str) -> str:
    """Return the affinity of a column. A STRICT table stores ANY unchanged."""
    column = table.column(name)
    if column is None or (table.strict and column.type == "ANY"):
        return "BLOB"
    return affinity(column)


def find_references(databases: InspectedDatabases) -> list[Reference]:
    """Return each reference of a moved table that has a counterpart in the target."""
    return [reference for mapping in databases.mappings for reference in _references_of(databases, mapping)]


def parents_of_source(databases: InspectedDatabases, source: str) -> list[ReferredKey]:
    """Return each key of a source that its moved tables refer to."""
    keys = [
        reference.parent
        for reference in find_references(databases)
        if reference.child.source.name == source and reference.parent and reference.parent.is_unique
    ]
    return list({(key.table.name, key.columns): key for key in keys}.values())


def _references_of(databases: InspectedDatabases, mapping: TableMapping) -> Iterator[Reference]:
    planned = databases.target_schema.schema
    remaining = list(mapping.into.foreign_keys)
    for declared in mapping.table.foreign_keys:
        parent_mapping = mapping_of(databases, mapping, declared.parent)
        parent = _parent(databases, mapping, declared)
        counterpart = _counterpart(mapping, declared, remaining, parent_mapping)
        if counterpart is not None:
            remaining.remove(counterpart)
            into = _into_key(mapping, declared, counterpart, planned)
        else:
            into = _mapped_key(parent_mapping, parent)
        if into is not None and (parent is None or len(parent.columns) == len(declared.columns)):
            yield Reference(mapping, declared.columns, parent, declared.parent, parent_mapping, into)
    for undeclared in remaining:
        yield from _undeclared_reference(databases, mapping, undeclared)


def _parent(databases: InspectedDatabases, mapping: TableMapping, declared: ForeignKey) -> ReferredKey | None:
    """Return the referred columns in the source, or None if their table has no row.

    The rows of such a reference were meant for another database.
    """
    inspected = databases.sources[mapping.source.name]
    table = inspected.schema.table(declared.parent)
    if table is None or not inspected.rows.get(table.name):
        return None
    return ReferredKey(_as_read(mapping, inspected.schema, table), declared.to or table.primary_key)


def _undeclared_reference(
    databases: InspectedDatabases, mapping: TableMapping, planned: ForeignKey
) -> Iterator[Reference]:
    """Yield the reference that only the target declares, if its columns are in the source."""
    into = databases.target_schema.schema.table(planned.parent)
    parent_mapping = _mapping_into(databases, mapping, planned.parent)
    name = parent_mapping.table_map.name if parent_mapping else planned.parent
    parent_mapping = parent_mapping or mapping_of(databases, mapping, name)
    if into is None:
        return
    to = planned.to or into.primary_key
    columns = tuple(source_column(mapping, column) for column in planned.columns)
    key = tuple(source_column(parent_mapping, column) if parent_mapping else column for column in to)
    parent = _parent(databases, mapping, replace(planned, parent=name, to=key))
    has_columns = all(mapping.table.column(column) for column in columns)  # a constant refers to no row of the source
    has_key = parent is None or all(parent.table.column(column) for column in key)
    if has_columns and has_key and len(to) == len(columns):
        into_key = ReferredKey(into, to)
        yield Reference(mapping, columns, parent, name, parent_mapping, into_key, is_declared=False)


def _counterpart(
    mapping: TableMapping, declared: ForeignKey, planned: list[ForeignKey], parent_mapping: TableMapping | None
) -> ForeignKey | None:
    """Return the foreign key of the target over the same columns.

    If there are several, the one that refers to the parent's new or old name is preferred.
    """
    columns = {folded(target_column(mapping, name)) for name in declared.columns}
    same = [key for key in planned if {folded(name) for name in key.columns} == columns]
    names = [parent_mapping.into.name] if parent_mapping else []
    for name in (*names, declared.parent):
        for key in same:
            if folded(key.parent) == folded(name):
                return key
    return same[0] if same else None


def _into_key(
    mapping: TableMapping, declared: ForeignKey, counterpart: ForeignKey, planned: Schema
) -> ReferredKey | None:
    """Return the columns that the target refers to, in the order of the source."""
    into = planned.table(counterpart.parent)
    to = counterpart.to or (into.primary_key if into else ())
    if into is None or len(to) != len(counterpart.columns):
        return None
    by_column = dict(zip(map(folded, counterpart.columns), to, strict=True))
    return ReferredKey(into, tuple(by_column[folded(target_column(mapping, name))] for name in declared.columns))


def _mapped_key(parent_mapping: TableMapping | None, parent: ReferredKey | None) -> ReferredKey | None:
    """Return where the parents go if the target declares no foreign key."""
    if parent_mapping is None or parent is None:
        return None
    return ReferredKey(parent_mapping.into, tuple(target_column(parent_mapping, name) for name in parent.columns))


def target_column(mapping: TableMapping, name: str) -> str:
    """Return the target's name of a source column, which may be a generated one."""
    names = {folded(old): new for old, new in (*mapping.table_map.columns.items(), *mapping.columns)}
    return names.get(folded(name), name)


def source_column(mapping: TableMapping, name: str) -> str:
    """Return the source's name of a target column, which may be a generated one."""
    names = {folded(new): old for old, new in (*mapping.table_map.columns.items(), *mapping.columns)}
    return names.get(folded(name), name)


def mapping_of(databases: InspectedDatabases, child: TableMapping, table: str) -> TableMapping | None:
    """Return the mapping of a table of the same source."""
    return next(
        (
            mapping
            for mapping in databases.mappings
            if mapping.source.name == child.source.name and folded(mapping.table_map.name) == folded(table)
        ),
        None,
    )


def _mapping_into(databases: InspectedDatabases, child: TableMapping, into: str) -> TableMapping | None:
    """Return the mapping of the same source that leads into a table."""
    return next(
        (
            mapping
            for mapping in databases.mappings
            if mapping.source.name == child.source.name and folded(mapping.into.name) == folded(into)
        ),
        None,
    )


def _as_read(child: TableMapping, schema: Schema, table: Table) -> Table:
    """Return a table under the name by which its rows are read, beside the child's."""
    source = schema.table(child.table_map.name)
    prefix = child.table.name.removesuffix(source.name) if source else ""
    return replace(table, name=f"{prefix}{table.name}")

"""Match the foreign keys of a moved table in its source with those in the target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.mapped_names import (
    mapping_into,
    mapping_of,
    source_column,
    table_as_read,
    target_column,
)
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.schema.keyless_rows import omits_only_nulls
from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey, computed_keys, keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import StatedReference, TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition


@dataclass(frozen=True, slots=True)
class ReferredKey:
    """Hold the columns of a table that a foreign key refers to.

    Attributes:
        table: The table with the parent rows, as they are read.
        columns: The referred columns.
    """

    table: Table
    columns: tuple[str, ...]

    @property
    def collations(self) -> tuple[str, ...]:
        """Return the collation by which SQLite compares each column."""
        return tuple(column_collation(self.table, column) for column in self.columns)

    @property
    def affinities(self) -> tuple[str, ...]:
        """Return the affinity that SQLite applies to each referring value."""
        return tuple(column_affinity(self.table, column) for column in self.columns)

    @property
    def is_unique(self) -> bool:
        """Return whether a unique key has exactly these columns, generated or not, and collations."""
        pairs = {(folded(name), folded(coll)) for name, coll in zip(self.columns, self.collations, strict=True)}
        computed = [
            [(name or "", coll) for name, _, coll in index.terms]
            for index in computed_keys(self.table)
            if not index.partial or omits_only_nulls(index)
        ]
        keys = [*keys_of(self.table), *computed]
        return any({(folded(name), folded(coll)) for name, coll in key} == pairs for key in keys)


@dataclass(frozen=True, slots=True)
class Reference:
    """Hold one foreign key of a moved table, in its source and in the target.

    Attributes:
        child: The mapping of the table whose rows refer.
        columns: Its referring columns, as the source spells them. Those that refer to the parent of the source come
            first.
        parent: The referred columns in the source. None if the source has no row of the table.
        parent_name: The name of the table that the source refers to.
        parent_mapping: The mapping of that table. None if the plan does not move it.
        into: The referred columns in the target, in the order of ``columns``, and then of ``constants``.
        is_declared: Whether the source declares it.
        constants: SQL literal of each further referring column of the target, whose value is the same in every row.
        constant_columns: Names of these columns.
        origins: SQL literal of each constant in the plan, if no column of the source refers. Empty otherwise.
        is_stated: Whether only the plan states it.
        when: Condition on the rows that refer. None for all rows.
    """

    child: TableMapping
    columns: tuple[str, ...]
    parent: ReferredKey | None
    parent_name: str
    parent_mapping: TableMapping | None
    into: ReferredKey
    is_declared: bool = True
    constants: tuple[str, ...] = ()
    constant_columns: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    is_stated: bool = False
    when: RowCondition | None = None

    @property
    def subject(self) -> str:
        """Return the child table with its referring columns, and the referred table."""
        return f"{self.child.subject} ({', '.join(self.columns or self.constant_columns)}) -> {self.into.table.name}"

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
    def is_shifted(self) -> bool:
        """Return whether the plan gives the parents new keys, which the referring columns follow."""
        return any(folded(name) in self.child.shifts for name in self.columns)

    @property
    def is_divided(self) -> bool:
        """Return whether only constants that the child lacks tell the parents apart.

        A row can then reach the parent of another source.
        """
        mapping = self.parent_mapping
        if self.is_elsewhere or mapping is None or not mapping.stated_constants or self.into.is_unique:
            return False
        return self.parent is not None and self.parent.is_unique and _identity(mapping, self.into) is not None

    def row(self, source: str) -> list[tuple[str, str]]:
        """Return the pairs of SQL in which a parent must not differ.

        The first is over the row ``t`` of the target, the second over the row ``s`` of the source. A constant of the
        plan belongs to the parent's identity in the target.

        Args:
            source: Name of the database with the rows of the source.
        """
        if self.parent is None:
            return []
        if self.parent_mapping is not None:
            stated = self.parent_mapping.stated_constants
            pairs = [
                (f"t.{quoted(new)}", self.parent_mapping.arriving(old, source))
                for old, new in self.parent_mapping.columns
                if folded(new) not in self.parent_mapping.updated
            ]
            return pairs + [
                (f"t.{quoted(name)}", literal)
                for name, literal in stated.items()
                if folded(name) not in self.parent_mapping.updated
            ]
        names = {folded(column.name): column.name for column in self.into.table.stored}
        return [
            (f"t.{quoted(names[folded(column.name)])}", f"s.{quoted(column.name)}")
            for column in self.parent.table.stored
            if folded(column.name) in names
        ]


def is_checkable(key: ForeignKey, schema: Schema) -> bool:
    """Return whether SQLite can look up the parents of a foreign key.

    The parent may be missing. If it is a view or lacks such a unique key, SQLite reports a foreign key mismatch.
    """
    parent = schema.table(key.parent)
    if parent is None:
        return all(folded(view.name) != folded(key.parent) for view in schema.views)
    return ReferredKey(parent, key.referred(parent)).is_unique


def find_references(databases: InspectedDatabases) -> Iterator[Reference]:
    """Yield each reference of a moved table that has a counterpart in the target."""
    for mapping in databases.mappings:
        yield from references_of(databases, mapping)


def parents_of_source(databases: InspectedDatabases, source: str) -> list[ReferredKey]:
    """Return each key of a source that its moved tables refer to."""
    keys = [
        reference.parent
        for mapping in databases.mappings_of(source)
        for reference in references_of(databases, mapping)
        if reference.parent and reference.parent.is_unique
    ]
    return list({(key.table.name, key.columns): key for key in keys}.values())


def references_of(databases: InspectedDatabases, mapping: TableMapping) -> Iterator[Reference]:
    """Yield each reference of one moved table that has a counterpart in the target."""
    planned = databases.target_schema.schema
    remaining = list(mapping.into.foreign_keys)
    source = databases.sources[mapping.source.name].schema
    for declared in mapping.table.foreign_keys:
        if (table := source.table(declared.parent)) and not declared.referred(table):
            continue
        parent_mapping = mapping_of(databases, mapping, declared.parent)
        parent = _parent(databases, mapping, declared)
        counterpart = _counterpart(databases, mapping, declared, remaining)
        if counterpart is not None:
            remaining.remove(counterpart)
            pairs = _planned_pairs(mapping, declared, counterpart, planned)
        else:
            pairs = _mapped_pairs(mapping, declared, parent_mapping, parent)
        into = planned.table(counterpart.parent) if counterpart else parent_mapping.into if parent_mapping else None
        if into is not None and pairs:
            yield _reference(mapping, declared, (parent, parent_mapping), (into, pairs))
    for undeclared in remaining:
        yield from _undeclared_reference(databases, mapping, undeclared)
    for stated in mapping.refers:
        yield from _stated_reference(databases, mapping, stated)


def _reference(
    mapping: TableMapping,
    declared: ForeignKey,
    parent: tuple[ReferredKey | None, TableMapping | None],
    into: tuple[Table, list[tuple[str, str]]],
    *,
    is_declared: bool = True,
) -> Reference:
    """Return a reference by the pairs of its referring and referred columns in the target.

    Args:
        mapping: The mapping of the child.
        declared: The foreign key by the names of the source. Its columns are the first of the pairs.
        parent: The referred key in the source, and the mapping of its table.
        into: The referred table of the target, and the pairs.
        is_declared: Whether the source declares it.
    """
    table, pairs = into
    first, further = pairs[: len(declared.columns)], pairs[len(declared.columns) :]
    fed = [pair for pair in further if pair[0] not in mapping.constants]
    constant = [pair for pair in further if pair[0] in mapping.constants]
    return Reference(
        mapping,
        declared.columns + tuple(source_column(mapping, column) for column, _ in fed),
        parent[0],
        declared.parent,
        parent[1],
        ReferredKey(table, tuple(referred for _, referred in (*first, *fed, *constant))),
        is_declared,
        tuple(mapping.constants[column] for column, _ in constant),
        tuple(column for column, _ in constant),
    )


def _parent(databases: InspectedDatabases, mapping: TableMapping, declared: ForeignKey) -> ReferredKey | None:
    """Return the referred columns in the source, or None if their table has no row.

    The rows of such a reference were meant for another database.
    """
    inspected = databases.sources[mapping.source.name]
    table = inspected.schema.table(declared.parent)
    if table is None or not inspected.rows_in(table.name):
        return None
    return ReferredKey(table_as_read(databases, mapping, table), declared.referred(table))


def _undeclared_reference(
    databases: InspectedDatabases, mapping: TableMapping, planned: ForeignKey
) -> Iterator[Reference]:
    """Yield the reference that only the target declares, if its columns are in the source.

    A column that is a constant at either end refers to no column of the source. If all are, it refers to no row of it.
    So does a column that the source lacks and that is NULL in the target.
    """
    if any(mapping.constants.get(_spelled(mapping, column)) == "NULL" for column in planned.columns):
        return
    into = databases.target_schema.schema.table(planned.parent)
    parent_mapping = mapping_into(databases, mapping, planned.parent)
    name = parent_mapping.table_map.name if parent_mapping else planned.parent
    parent_mapping = parent_mapping or mapping_of(databases, mapping, name)
    to = planned.referred(into)
    if into is None or not to:
        return
    pairs = [(_spelled(mapping, column), referred) for column, referred in zip(planned.columns, to, strict=True)]
    declared_pairs = [pair for pair in pairs if not _is_constant(pair, mapping, parent_mapping)]
    columns = tuple(source_column(mapping, column) for column, _ in declared_pairs)
    key = tuple(
        source_column(parent_mapping, referred) if parent_mapping else referred for _, referred in declared_pairs
    )
    fed = [source_column(mapping, column) for column, _ in pairs if column not in mapping.constants]
    declared = replace(planned, parent=name, columns=columns, to=key)
    parent = _parent(databases, mapping, declared) if declared_pairs else None
    has_columns = all(mapping.table.column(column) for column in fed)
    has_key = parent is None or all(parent.table.column(column) for column in key)
    if declared_pairs and has_columns and has_key:
        ordered = declared_pairs + [pair for pair in pairs if pair not in declared_pairs]
        yield _reference(mapping, declared, (parent, parent_mapping), (into, ordered), is_declared=False)


def _stated_reference(
    databases: InspectedDatabases, mapping: TableMapping, stated: StatedReference
) -> Iterator[Reference]:
    """Yield the reference that the plan states, if the target has the referred table."""
    declared = ForeignKey(stated.table, (stated.column,), (stated.to,), "", "")
    parent_mapping, parent = mapping_of(databases, mapping, stated.table), _parent(databases, mapping, declared)
    into = parent_mapping.into if parent_mapping else databases.target_schema.schema.table(stated.table)
    to = target_column(parent_mapping, stated.to) if parent_mapping else stated.to
    table = databases.sources[mapping.source.name].schema.table(stated.table)
    key = ReferredKey(table, declared.to) if table else None  # without rows, too
    pairs = _mapped_pairs(mapping, declared, parent_mapping, key) or [(target_column(mapping, stated.column), to)]
    if into is not None and into.column(to) is not None:
        reference = _reference(mapping, declared, (parent, parent_mapping), (into, pairs), is_declared=False)
        yield replace(reference, is_stated=True, when=stated.when)


def _counterpart(
    databases: InspectedDatabases, mapping: TableMapping, declared: ForeignKey, planned: list[ForeignKey]
) -> ForeignKey | None:
    """Return the foreign key of the target over the same columns, or over these and constants.

    If there are several, the one that refers to the parent's new or old name is preferred.
    """
    columns = {folded(target_column(mapping, name)) for name in declared.columns}
    parent_mapping = mapping_of(databases, mapping, declared.parent)
    same = [key for key in planned if {folded(name) for name in key.columns} == columns]
    schema = databases.target_schema.schema
    same += [key for key in planned if _adds_constants(key, columns, (mapping, parent_mapping), schema)]
    names = [parent_mapping.into.name] if parent_mapping else []
    for name in (*names, declared.parent):
        for key in same:
            if folded(key.parent) == folded(name):
                return key
    return same[0] if same else None


def _adds_constants(
    key: ForeignKey, columns: set[str], mappings: tuple[TableMapping, TableMapping | None], planned: Schema
) -> bool:
    """Return whether a foreign key of the target adds only constants to these columns."""
    if not columns < set(map(folded, key.columns)):
        return False
    to = key.referred(planned.table(key.parent))
    pairs = [(_spelled(mappings[0], column), referred) for column, referred in zip(key.columns, to, strict=False)]
    further = [pair for pair in pairs if folded(pair[0]) not in columns]
    return bool(to) and all(_is_constant(pair, *mappings) for pair in further)


def _is_constant(pair: tuple[str, str], mapping: TableMapping, parent_mapping: TableMapping | None) -> bool:
    """Return whether one of two columns has one value in all rows of the source.

    The value is not NULL.
    """
    column, referred = pair
    if mapping.constants.get(column, "NULL") != "NULL":
        return True
    return parent_mapping is not None and _spelled(parent_mapping, referred) in parent_mapping.stated_constants


def _spelled(mapping: TableMapping, name: str) -> str:
    """Return the name of a target column as its table spells it."""
    return column.name if (column := mapping.into.column(name)) else name


def _planned_pairs(
    mapping: TableMapping, declared: ForeignKey, counterpart: ForeignKey, planned: Schema
) -> list[tuple[str, str]]:
    """Return the pairs of referring and referred columns of the target.

    They have the order of the source. Those that the source does not declare are the last.
    """
    into = planned.table(counterpart.parent)
    to = counterpart.referred(into)
    if into is None or not to:
        return []
    by_column = {folded(column): (_spelled(mapping, column), to[at]) for at, column in enumerate(counterpart.columns)}
    first = [by_column.pop(folded(target_column(mapping, name))) for name in declared.columns]
    return [*first, *by_column.values()]


def _mapped_pairs(
    mapping: TableMapping, declared: ForeignKey, parent_mapping: TableMapping | None, parent: ReferredKey | None
) -> list[tuple[str, str]]:
    """Return these pairs if the target declares no foreign key.

    A constant of the parent's key belongs to them if the child has a column of the same name.
    """
    if parent_mapping is None or parent is None:
        return []
    referred = [target_column(parent_mapping, name) for name in parent.columns]
    first = [(target_column(mapping, name), to) for name, to in zip(declared.columns, referred, strict=True)]
    further = _identity(parent_mapping, ReferredKey(parent_mapping.into, tuple(referred))) or ()
    columns = [mapping.into.column(name) for name in further]
    named = [(column.name, name) for column, name in zip(columns, further, strict=True) if column is not None]
    return first + named if len(named) == len(further) else first


def _identity(parent_mapping: TableMapping, key: ReferredKey) -> tuple[str, ...] | None:
    """Return the constants of the plan that make a key of the target unique.

    None means that they do not.
    """
    if key.is_unique:
        return ()
    stated = tuple(parent_mapping.stated_constants)
    choices = (names for count in range(1, len(stated) + 1) for names in combinations(stated, count))
    return next((names for names in choices if replace(key, columns=(*key.columns, *names)).is_unique), None)

"""Find the columns that follow a renumbered key, by declarations and by the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import mapping_of, source_column, target_column
from sqlite_consolidate.engine.checks.renumbering.number_keys import computed, find_keys, is_unique, key_lost, two_keys
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
    from sqlite_consolidate.problem import Problem

    Follower = tuple[TableMapping, str, RowCondition | None]

TableId = tuple[str, str]
"""Name of a source and folded name of its table."""

ColumnOfSource = tuple[TableId, str]
"""A table of a source and the folded name of its column."""

ColumnOfTarget = tuple[str, str]
"""Folded names of a table of the target and of its column."""


class Parent(NamedTuple):
    """Hold a column that another one refers to.

    Attributes:
        column: The column. None if its table is not moved.
        when: Condition on the rows that refer to it. None for all rows.
    """

    column: ColumnOfSource | None
    when: RowCondition | None = None


class Case(NamedTuple):
    """Hold the key whose offset the values of a column take.

    Attributes:
        when: Condition on the rows whose values take it. None for all rows.
        owner: The key. None if these values stay.
    """

    when: RowCondition | None
    owner: ColumnOfSource | None


_STAYS = (Case(None, None),)
"""The cases of a column whose values stay."""


@dataclass
class FollowedKeys:
    """Hold which key each column of the moved tables follows.

    Attributes:
        mappings: The moved tables in plan order.
        keys: Keys that change, to their columns as the source spells them. They are renumbered or matched.
        kept: Those of these keys that change only in matched rows.
        problems: Why a key cannot be renumbered.
    """

    mappings: dict[TableId, TableMapping] = field(default_factory=dict)
    keys: dict[ColumnOfSource, str] = field(default_factory=dict)
    kept: set[ColumnOfSource] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    _parents: dict[ColumnOfSource, list[Parent]] = field(default_factory=dict)
    _cases: dict[ColumnOfSource, tuple[Case, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, databases: InspectedDatabases) -> FollowedKeys:
        """Return the columns that follow a key, by plan and declarations."""
        followed = cls({table_id(mapping): mapping for mapping in databases.mappings})
        for table, mapping in followed.mappings.items():
            names, problems = find_keys(mapping)
            followed.keys |= {(table, folded(name)): name for name in names}
            followed.problems += problems
            matched = column_id(mapping, mapping.matched_key)
            if mapping.matched_key and matched not in followed.keys:
                followed.keys[matched] = mapping.matched_key
                followed.kept.add(matched)
        if followed.keys:
            followed._add_references(databases)
            followed._find_owners()
        return followed

    @cached_property
    def by_source(self) -> dict[str, list[TableMapping]]:
        """Return the moved tables of each source, both in plan order."""
        tables: dict[str, list[TableMapping]] = {}
        for (source, _), mapping in self.mappings.items():
            tables.setdefault(source, []).append(mapping)
        return tables

    def cases(self, mapping: TableMapping, column: str) -> tuple[Case, ...]:
        """Return which key the values of a column follow, for each condition on its rows."""
        place = column_id(mapping, column)
        if place in self._parents:
            return self._cases.get(place, _STAYS)
        return (Case(None, place),) if place in self.keys else _STAYS

    def owners(self, mapping: TableMapping, column: str) -> set[ColumnOfSource]:
        """Return the keys whose offsets values of a column take."""
        return {case.owner for case in self.cases(mapping, column) if case.owner}

    def parents_of(
        self, mapping: TableMapping, column: str, when: RowCondition | None = None
    ) -> list[tuple[TableMapping, str]]:
        """Return the columns of moved tables that a column refers to, in small letters.

        Args:
            mapping: Mapping of the table.
            column: The column.
            when: The condition of one case. None if the column has one case.
        """
        parents = self._parents.get(column_id(mapping, column), [])
        ends = dict.fromkeys(parent.column for parent in parents if when in (None, parent.when))
        return [(self.mappings[end[0]], end[1]) for end in ends if end]

    @staticmethod
    def columns(mapping: TableMapping) -> list[str]:
        """Return the columns of a table that may follow a key, with the rowids of a search index."""
        stored = [column for column, _ in mapping.columns]
        rowids = {stated.column for stated in mapping.refers} - set(stored)
        return [*stored, *rowids]

    def own_keys(self, mapping: TableMapping) -> list[str]:
        """Return the keys of a table that get an offset of their own."""
        return [column for column, _ in mapping.columns if self.is_own_key(mapping, column)]

    def is_own_key(self, mapping: TableMapping, column: str) -> bool:
        """Return whether a column is a key that gets an offset of its own."""
        key = column_id(mapping, column)
        return key in self.keys and self.cases(mapping, column) == (Case(None, key),)

    def is_undeclared(self, mapping: TableMapping, column: str) -> bool:
        """Return whether a column is no key, and refers to none in its own source.

        Only another source declares what it refers to. Its numbers stay, so they do not move the keys of its own file.
        """
        return column_id(mapping, column) not in self._parents and self.place(mapping, column) not in self.key_places

    @cached_property
    def key_places(self) -> set[ColumnOfTarget]:
        """Return the columns of the target that receive keys that change."""
        return {self.place(self.mappings[table], key) for (table, _), key in self.keys.items()}

    def none_of(self, mapping: TableMapping, column: str) -> frozenset[int]:
        """Return the numbers that stand for no row in a referring column, beside those up to 0.

        A column that refers to a referring column has its numbers as well.
        """
        none: set[int] = set()
        reached, waiting = {column_id(mapping, column)}, [column_id(mapping, column)]
        while waiting:
            place = waiting.pop()
            parents = {parent.column for parent in self._parents.get(place, [])}
            none |= set(self.mappings[place[0]].table_map.none) if parents else set()
            waiting += [parent for parent in parents if parent and parent not in reached]
            reached.update(waiting)
        return frozenset(none)

    def none_at(self, place: ColumnOfTarget) -> frozenset[int]:
        """Return these numbers for a column of the target, of each source that feeds it."""
        fed = [(mapping, source_column(mapping, place[1])) for mapping in self.mappings.values()]
        return frozenset().union(
            *(self.none_of(mapping, old) for mapping, old in fed if self.place(mapping, old) == place)
        )

    def followers(self, mappings: Iterable[TableMapping]) -> dict[ColumnOfSource, list[Follower]]:
        """Return each key with the columns of some tables that take its offset, and itself."""
        followers: dict[ColumnOfSource, list[Follower]] = {}
        for mapping in mappings:
            for column in self.columns(mapping):
                for when, owner in self.cases(mapping, column):
                    if owner is not None:
                        followers.setdefault(owner, []).append((mapping, column, when))
        return followers

    def same_numbers(self, owner: ColumnOfSource, planned: Schema) -> set[ColumnOfTarget]:
        """Return each column of the target that holds values of a key, or refers to them."""
        edges = {
            ((folded(table.name), folded(child)), (folded(key.parent), folded(parent)))
            for table in planned.tables.values()
            for key in table.foreign_keys
            for child, parent in zip(key.columns, key.to or _primary_key(planned, key.parent), strict=False)
        }
        for (child_table, child), parents in self._parents.items():
            place = self.place(self.mappings[child_table], child)
            ends = (parent.column for parent in parents if parent.column)
            edges |= {(place, self.place(self.mappings[end[0]], end[1])) for end in ends}
        columns = {self.place(self.mappings[owner[0]], owner[1])}
        while added := {child for child, parent in edges if parent in columns} - columns:
            columns |= added
        return columns

    def rows_with(self, mapping: TableMapping, column: str, places: set[ColumnOfTarget]) -> list[RowCondition]:
        """Return the conditions on the rows whose values belong to some columns of the target.

        No condition means all rows.
        """
        conditions = []
        for parent in self._parents.get(column_id(mapping, column), []):
            if parent.column and self.place(self.mappings[parent.column[0]], parent.column[1]) in places:
                if parent.when is None:
                    return []
                conditions.append(parent.when)
        return conditions

    def target_rows_with(self, table: Table, column: str, places: set[ColumnOfTarget]) -> list[RowCondition]:
        """Return such conditions on the rows of the target, as the plan states them for sources.

        Args:
            table: The table of the target as it is.
            column: Folded name of its column.
            places: Columns of the target.
        """
        conditions: dict[RowCondition, None] = {}
        for mapping in self.mappings.values():
            old = source_column(mapping, column)
            if self.place(mapping, old) != (folded(table.name), column):
                continue
            of_source = [condition.renamed(mapping.renamed) for condition in self.rows_with(mapping, old, places)]
            if not of_source or not all(table.column(name) for condition in of_source for name in condition.stored):
                return []
            conditions |= dict.fromkeys(of_source)
        return list(conditions)

    @staticmethod
    def place(mapping: TableMapping, column: str) -> ColumnOfTarget:
        """Return the column of the target that a column of a source feeds."""
        return folded(mapping.into.name), folded(target_column(mapping, column))

    def _add_references(self, databases: InspectedDatabases) -> None:
        for table, mapping in self.mappings.items():
            for declared in mapping.table.foreign_keys:
                parent = mapping_of(databases, mapping, declared.parent)
                to = (declared.to or parent.table.primary_key) if parent else declared.columns
                self._add_reference(table, declared.columns, parent, to)
            for stated in mapping.refers:
                parent = mapping_of(databases, mapping, stated.table)
                self._add_reference(table, (stated.column,), parent, (stated.to,), stated.when)
        for reference in find_references(databases):
            if not reference.is_declared and not reference.is_stated:
                parent = reference.parent_mapping
                to = tuple(source_column(parent, name) if parent else name for name in reference.into.columns)
                self._add_reference(table_id(reference.child), reference.columns, parent, to)

    def _add_reference(
        self,
        child: TableId,
        columns: tuple[str, ...],
        parent: TableMapping | None,
        to: tuple[str, ...],
        when: RowCondition | None = None,
    ) -> None:
        for name, referred in zip(columns, to, strict=False):
            end = column_id(parent, referred) if parent else None
            if end != (child, folded(name)):
                self._parents.setdefault((child, folded(name)), []).append(Parent(end, when))

    def _find_owners(self) -> None:
        for table, mapping in self.mappings.items():
            for column in self.columns(mapping):
                parents = self._parents.get((table, folded(column)))
                cases = self._cases_of((table, folded(column)), parents) if parents else _STAYS
                if cases is None:
                    self.problems.append(two_keys(mapping, column))
                elif cases != _STAYS:
                    self._cases[table, folded(column)] = cases
        self.problems += self._computed_references()
        for (table, _), key in self.keys.items():
            mapping = self.mappings[table]
            if self.is_own_key(mapping, key) and not is_unique(mapping, key):
                self.problems.append(key_lost(mapping, key))

    def _cases_of(self, column: ColumnOfSource, parents: list[Parent]) -> tuple[Case, ...] | None:
        """Return the cases of a referring column, or None if a value would follow two keys.

        A condition that no other owner contradicts is none.
        """
        if any(parent.when is None for parent in parents):
            owners = self._owners_of(column)
            return (Case(None, next(iter(owners))),) if len(owners) == 1 else None
        cases = []
        for parent in parents:
            owners = self._owners_of(parent.column) if parent.column else {None}
            if len(owners) > 1:
                return None
            cases.append(Case(parent.when, next(iter(owners))))
        return tuple(cases)

    def _computed_references(self) -> Iterator[Problem]:
        """Yield a problem for each generated column that refers to renumbered keys."""
        stored = {(table, folded(name)) for table, mapping in self.mappings.items() for name in self.columns(mapping)}
        for place in self._parents.keys() - stored:
            if self._owners_of(place) != {None}:
                yield computed(self.mappings[place[0]], place[1])

    def _owners_of(self, column: ColumnOfSource) -> set[ColumnOfSource | None]:
        """Return the keys whose offsets a column would take, with None if a value would stay.

        A key that is itself a reference takes the offset of its parent. Keys that only refer to each other have none.
        """
        owners: set[ColumnOfSource | None] = set()
        reached, waiting = {column}, [column]
        while waiting:
            place = waiting.pop()
            parents = self._parents.get(place, [])
            if not parents:
                owners.add(place if place in self.keys else None)
            elif all(parent.when for parent in parents):
                owners.add(None)  # a row for which no condition holds keeps its value
            for parent, _ in parents:
                if parent is None:
                    owners.add(None)
                elif parent not in reached:
                    reached.add(parent)
                    waiting.append(parent)
        renumbered = {place for place in reached if place in self.keys}
        return owners or (renumbered | {None} if renumbered else {None})


def table_id(mapping: TableMapping) -> TableId:
    """Return the name of a mapping's source and the folded name of its table."""
    return mapping.source.name, folded(mapping.table_map.name)


def column_id(mapping: TableMapping, column: str) -> ColumnOfSource:
    """Return the table of a mapping with the folded name of a column."""
    return table_id(mapping), folded(column)


def _primary_key(schema: Schema, name: str) -> tuple[str, ...]:
    table = schema.table(name)
    return table.primary_key if table else ()

"""Find the columns of one source that follow a key, by declarations and plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.checks.references.foreign_keys import references_of
from sqlite_consolidate.engine.checks.references.mapped_names import mapping_of, source_column, target_column
from sqlite_consolidate.engine.checks.renumbering.number_keys import computed, find_keys, is_unique, key_lost, two_keys
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
    from sqlite_consolidate.problem import Problem

ColumnOfTarget = tuple[str, str]
"""Folded names of a table of the target and of its column."""

Place = tuple[str, str]
"""Folded names of a table of a source and of its column."""


class Parent(NamedTuple):
    """Hold a column that another one refers to.

    Attributes:
        place: The column. None if its table is not moved.
        when: Condition on the rows that refer to it. None for all rows.
    """

    place: Place | None
    when: RowCondition | None = None


class PlaceCase(NamedTuple):
    """Hold the key of the same source whose offset the values of a column take.

    Attributes:
        when: Condition on the rows whose values take it. None for all rows.
        owner: The key. None if these values stay.
    """

    when: RowCondition | None
    owner: Place | None


STAYS = (PlaceCase(None, None),)
"""The cases of a column whose values stay."""


@dataclass(eq=False)
class SourceKeys:
    """Hold which key each column of the moved tables of a source follows.

    Files of a pattern that have equal tables share it.

    Attributes:
        tables: The moved tables of the first of these sources, by their folded names.
        keys: Keys that change, to their columns as the source spells them. They are renumbered or matched.
        kept: Those of these keys that change only in matched rows.
        parents: The columns that each column refers to.
        problems: Why a key cannot be renumbered.
    """

    tables: dict[str, TableMapping]
    keys: dict[Place, str] = field(default_factory=dict)
    kept: set[Place] = field(default_factory=set)
    parents: dict[Place, list[Parent]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _cases: dict[Place, tuple[PlaceCase, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, databases: InspectedDatabases, mappings: Sequence[TableMapping]) -> SourceKeys:
        """Return the columns of a source that follow a key, by plan and declarations."""
        known = cls({folded(mapping.table_map.name): mapping for mapping in mappings})
        for table, mapping in known.tables.items():
            names, problems = find_keys(mapping)
            known.keys |= {(table, folded(name)): name for name in names}
            known.problems += problems
            matched = table, folded(mapping.matched_key)
            if mapping.matched_key and matched not in known.keys:
                known.keys[matched] = mapping.matched_key
                known.kept.add(matched)
        known._add_references(databases)
        known._find_owners()
        return known

    def cases(self, place: Place) -> tuple[PlaceCase, ...]:
        """Return which key the values of a column follow, for each condition on its rows."""
        if place in self.parents:
            return self._cases.get(place, STAYS)
        return (PlaceCase(None, place),) if place in self.keys else STAYS

    def is_own_key(self, place: Place) -> bool:
        """Return whether a column is a key that gets an offset of its own."""
        return place in self.keys and self.cases(place) == (PlaceCase(None, place),)

    def none_of(self, place: Place) -> frozenset[int]:
        """Return the numbers that stand for no row in a referring column, beside those up to 0.

        A column that refers to a referring column has its numbers as well.
        """
        none: set[int] = set()
        reached, waiting = {place}, [place]
        while waiting:
            place = waiting.pop()
            parents = {parent.place for parent in self.parents.get(place, [])}
            none |= set(self.tables[place[0]].table_map.none) if parents else set()
            waiting += [parent for parent in parents if parent and parent not in reached]
            reached.update(waiting)
        return frozenset(none)

    def in_target(self, place: Place) -> ColumnOfTarget:
        """Return the column of the target that a column feeds."""
        return place_in_target(self.tables[place[0]], place[1])

    def _add_references(self, databases: InspectedDatabases) -> None:
        for table, mapping in self.tables.items():
            for declared in mapping.table.foreign_keys:
                if databases.is_refused(mapping.source, declared.parent):
                    continue  # how its keys would arrive is not known
                parent = mapping_of(databases, mapping, declared.parent)
                to = declared.referred(parent.table) if parent else declared.columns
                self._add_reference(table, declared.columns, parent, to)
            for stated in mapping.refers:
                parent = mapping_of(databases, mapping, stated.table)
                self._add_reference(table, (stated.column,), parent, (stated.to,), stated.when)
        for table, mapping in self.tables.items():
            for reference in references_of(databases, mapping):
                if not reference.is_declared and not reference.is_stated:
                    parent = reference.parent_mapping
                    to = tuple(source_column(parent, name) if parent else name for name in reference.into.columns)
                    self._add_reference(table, reference.columns, parent, to)

    def _add_reference(
        self,
        child: str,
        columns: tuple[str, ...],
        parent: TableMapping | None,
        to: tuple[str, ...],
        when: RowCondition | None = None,
    ) -> None:
        for name, referred in zip(columns, to, strict=False):
            end = (folded(parent.table_map.name), folded(referred)) if parent else None
            if end != (child, folded(name)):
                self.parents.setdefault((child, folded(name)), []).append(Parent(end, when))

    def _find_owners(self) -> None:
        for table, mapping in self.tables.items():
            for column in following_columns(mapping):
                parents = self.parents.get((table, folded(column)))
                cases = self._cases_of((table, folded(column)), parents) if parents else STAYS
                if cases is None:
                    self.problems.append(two_keys(mapping, column))
                elif cases != STAYS:
                    self._cases[table, folded(column)] = cases
        self.problems += self._computed_references()
        for (table, column), key in self.keys.items():
            mapping = self.tables[table]
            if self.is_own_key((table, column)) and not is_unique(mapping, key):
                self.problems.append(key_lost(mapping, key))

    def _cases_of(self, column: Place, parents: list[Parent]) -> tuple[PlaceCase, ...] | None:
        """Return the cases of a referring column, or None if a value would follow two keys.

        A condition that no other owner contradicts is none.
        """
        if any(parent.when is None for parent in parents):
            owners = self._owners_of(column)
            return (PlaceCase(None, next(iter(owners))),) if len(owners) == 1 else None
        cases = []
        for parent in parents:
            owners = self._owners_of(parent.place) if parent.place else {None}
            if len(owners) > 1:
                return None
            cases.append(PlaceCase(parent.when, next(iter(owners))))
        return tuple(cases)

    def _computed_references(self) -> Iterator[Problem]:
        """Yield a problem for each generated column that refers to renumbered keys."""
        stored = {
            (table, folded(name)) for table, mapping in self.tables.items() for name in following_columns(mapping)
        }
        for place in self.parents.keys() - stored:
            if self._owners_of(place) != {None}:
                yield computed(self.tables[place[0]], place[1])

    def _owners_of(self, column: Place) -> set[Place | None]:
        """Return the keys whose offsets a column would take, with None if a value would stay.

        A key that is itself a reference takes the offset of its parent. Keys that only refer to each other have none.
        """
        owners: set[Place | None] = set()
        reached, waiting = {column}, [column]
        while waiting:
            place = waiting.pop()
            parents = self.parents.get(place, [])
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


def what_keys_depend_on(databases: InspectedDatabases, mappings: Sequence[TableMapping]) -> Hashable:
    """Return what determines which keys the columns of a source follow.

    It is equal for files of a pattern with equal tables, of which the same have rows.
    """
    database = databases.sources[mappings[0].source.name]
    filled = tuple(sorted(name for name, digest in database.digests.items() if digest.rows))
    tables = [(id(each.table_map), id(each.into), each.columns, each.refers) for each in mappings]
    return id(mappings[0].source.entry), id(database.schema), filled, tuple(tables)


def following_columns(mapping: TableMapping) -> list[str]:
    """Return the columns of a table that may follow a key, with the rowids of a search index."""
    stored = [column for column, _ in mapping.columns]
    rowids = {stated.column for stated in mapping.refers} - set(stored)
    return [*stored, *rowids]


def place_in_target(mapping: TableMapping, column: str) -> ColumnOfTarget:
    """Return the column of the target that a column of a source feeds."""
    return folded(mapping.into.name), folded(target_column(mapping, column))

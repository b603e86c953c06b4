"""Find the columns that follow a renumbered key, in all sources together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.checks.references.mapped_names import source_column
from sqlite_consolidate.engine.checks.renumbering.number_keys import find_lacking_numbers
from sqlite_consolidate.engine.checks.renumbering.source_keys import (
    SourceKeys,
    following_columns,
    place_in_target,
    what_keys_depend_on,
)
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from sqlite_consolidate.engine.checks.renumbering.source_keys import ColumnOfTarget, Place
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


class Case(NamedTuple):
    """Hold the key whose offset the values of a column take.

    Attributes:
        when: Condition on the rows whose values take it. None for all rows.
        owner: The key. None if these values stay.
    """

    when: RowCondition | None
    owner: ColumnOfSource | None


_OF_NO_SOURCE = SourceKeys({})


@dataclass
class FollowedKeys:
    """Hold which key each column of the moved tables follows.

    Attributes:
        databases: The databases, with the mappings of the moved tables in plan order.
        problems: Why a key cannot be renumbered.
    """

    databases: InspectedDatabases
    problems: list[Problem] = field(default_factory=list)
    _of_source: dict[str, SourceKeys] = field(default_factory=dict)

    @classmethod
    def of(cls, databases: InspectedDatabases) -> FollowedKeys:
        """Return the columns that follow a key, by plan and declarations."""
        followed = cls(databases, list(find_lacking_numbers(databases.mappings)))
        shared: dict[Hashable, SourceKeys] = {}
        for source, mappings in followed.by_source.items():
            kind = what_keys_depend_on(databases, mappings)
            keys = shared.get(kind) or SourceKeys.of(databases, mappings)
            if not keys.problems:  # each file has its own
                shared[kind] = keys
            followed.problems += keys.problems
            followed._of_source[source] = keys
        return followed

    @property
    def by_source(self) -> dict[str, list[TableMapping]]:
        """Return the moved tables of each source, both in plan order."""
        return self.databases.mappings_by_source

    def mapping(self, table: TableId) -> TableMapping:
        """Return a moved table.

        Raises:
            KeyError: The table is not moved.
        """
        if mapping := self.databases.mapping_of(*table):
            return mapping
        raise KeyError(table)

    @cached_property
    def _different(self) -> list[SourceKeys]:
        """Return what is known of the sources, once for those with equal tables."""
        return list(dict.fromkeys(self._of_source.values()))

    def is_kept(self, key: ColumnOfSource) -> bool:
        """Return whether a key changes only in matched rows."""
        (source, table), column = key
        return (table, column) in self._of_source[source].kept

    def name_of(self, key: ColumnOfSource) -> str:
        """Return the column of a key that changes, as its source spells it."""
        (source, table), column = key
        return self._of_source[source].keys[table, column]

    def cases(self, mapping: TableMapping, column: str) -> tuple[Case, ...]:
        """Return which key the values of a column follow, for each condition on its rows."""
        known, place = self._known(mapping, column)
        cases = known.cases(place)
        return tuple(Case(when, self._of(mapping, owner) if owner else None) for when, owner in cases)

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
        known, place = self._known(mapping, column)
        parents = known.parents.get(place, [])
        ends = dict.fromkeys(parent.place for parent in parents if when in (None, parent.when))
        return [(self.mapping((mapping.source.name, end[0])), end[1]) for end in ends if end]

    @staticmethod
    def columns(mapping: TableMapping) -> list[str]:
        """Return the columns of a table that may follow a key, with the rowids of a search index."""
        return following_columns(mapping)

    def own_keys(self, mapping: TableMapping) -> list[str]:
        """Return the keys of a table that get an offset of their own."""
        return [column for column, _ in mapping.columns if self.is_own_key(mapping, column)]

    def is_own_key(self, mapping: TableMapping, column: str) -> bool:
        """Return whether a column is a key that gets an offset of its own."""
        known, place = self._known(mapping, column)
        return known.is_own_key(place)

    def is_undeclared(self, mapping: TableMapping, column: str) -> bool:
        """Return whether a column is no key, and refers to none in its own source.

        Only another source declares what it refers to. Its numbers stay, so they do not move the keys of its own file.
        """
        known, place = self._known(mapping, column)
        return place not in known.parents and self.place(mapping, column) not in self.key_places

    @cached_property
    def key_places(self) -> dict[ColumnOfTarget, None]:
        """Return the columns of the target that receive keys that change, in plan order."""
        return dict.fromkeys(known.in_target(key) for known in self._different for key in known.keys)

    def none_of(self, mapping: TableMapping, column: str) -> frozenset[int]:
        """Return the numbers that stand for no row in a referring column, beside those up to 0.

        A column that refers to a referring column has its numbers as well.
        """
        known, place = self._known(mapping, column)
        return known.none_of(place)

    def none_at(self, place: ColumnOfTarget) -> frozenset[int]:
        """Return these numbers for a column of the target, of each source that feeds it."""
        return frozenset().union(*(known.none_of(column) for known, _, column in self._feeding(place)))

    def followers(self, mappings: Iterable[TableMapping]) -> dict[ColumnOfSource, list[Follower]]:
        """Return each key with the columns of some tables that take its offset, and itself."""
        followers: dict[ColumnOfSource, list[Follower]] = {}
        for mapping in mappings:
            for column in self.columns(mapping):
                for when, owner in self.cases(mapping, column):
                    if owner is not None:
                        followers.setdefault(owner, []).append((mapping, column, when))
        return followers

    def same_numbers(self, key: ColumnOfTarget, planned: Schema) -> set[ColumnOfTarget]:
        """Return each column of the target that holds values of a key, or refers to them."""
        edges = {
            ((folded(table.name), folded(child)), (folded(key.parent), folded(parent)))
            for table in planned.tables.values()
            for key in table.foreign_keys
            for child, parent in zip(key.columns, key.referred(planned.table(key.parent)), strict=False)
        }
        edges |= {
            (known.in_target(child), known.in_target(parent.place))
            for known in self._different
            for child, parents in known.parents.items()
            for parent in parents
            if parent.place
        }
        columns = {key}
        while added := {child for child, parent in edges if parent in columns} - columns:
            columns |= added
        return columns

    def rows_with(self, mapping: TableMapping, column: str, places: set[ColumnOfTarget]) -> list[RowCondition]:
        """Return the conditions on the rows whose values belong to some columns of the target.

        No condition means all rows.
        """
        known, place = self._known(mapping, column)
        conditions = []
        for parent in known.parents.get(place, []):
            if parent.place and known.in_target(parent.place) in places:
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
        for _, mapping, (_, old) in self._feeding((folded(table.name), column)):
            of_source = [condition.renamed(mapping.renamed) for condition in self.rows_with(mapping, old, places)]
            if not of_source or not all(table.column(name) for condition in of_source for name in condition.stored):
                return []
            conditions |= dict.fromkeys(of_source)
        return list(conditions)

    @staticmethod
    def place(mapping: TableMapping, column: str) -> ColumnOfTarget:
        """Return the column of the target that a column of a source feeds."""
        return place_in_target(mapping, column)

    def _feeding(self, place: ColumnOfTarget) -> list[tuple[SourceKeys, TableMapping, Place]]:
        """Return the columns that feed a column of the target, once for equal tables."""
        return [
            (known, mapping, (table, folded(old)))
            for known in self._different
            for table, mapping in known.tables.items()
            if self.place(mapping, old := source_column(mapping, place[1])) == place
        ]

    def _known(self, mapping: TableMapping, column: str) -> tuple[SourceKeys, Place]:
        """Return what is known of the source of a table, and a column of the table there.

        The rows of the target are of no source, and follow no key.
        """
        known = self._of_source.get(mapping.source.name, _OF_NO_SOURCE)
        return known, (folded(mapping.table_map.name), folded(column))

    @staticmethod
    def _of(mapping: TableMapping, place: Place) -> ColumnOfSource:
        """Return a column of the source of a mapping."""
        return (mapping.source.name, place[0]), place[1]


def table_id(mapping: TableMapping) -> TableId:
    """Return the name of a mapping's source and the folded name of its table."""
    return mapping.source.name, folded(mapping.table_map.name)


def column_id(mapping: TableMapping, column: str) -> ColumnOfSource:
    """Return the table of a mapping with the folded name of a column."""
    return table_id(mapping), folded(column)

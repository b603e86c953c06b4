"""Find rows of the target whose references would lead to other rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.following import (
    NO_STRAYS,
    count_merged_parents,
    count_strays_elsewhere,
    count_strays_of_updates,
)
from sqlite_consolidate.engine.checks.references.foreign_keys import Reference, ReferredKey
from sqlite_consolidate.engine.checks.references.mapped_names import mapping_of, target_column
from sqlite_consolidate.engine.checks.references.predicted_strays import (
    all_arriving_keys,
    can_project,
    compare_rows,
    kept_condition,
)
from sqlite_consolidate.engine.checks.references.predicted_target import has_contest
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.schema.objects import ForeignKey
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_first_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.checks.references.following import Strays
    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import KeySource
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_REPLACING = ("prefer-source", "prefer-newer")


def check_target_children(databases: InspectedDatabases, target: PredictedTarget) -> Iterator[Problem | Finding]:
    """Follow each foreign key of the target's own rows from before the copy to after it."""
    if databases.target is None:
        return
    for reference in references_of_target(databases, databases.target):
        sources = target.key_sources(reference.into.table)
        limits_of(target.con).deadline.start_step(f"the references of {reference.child.subject}")
        try:
            yield from _Children(target, reference, sources).judge(databases.target)
        except sqlite3.Error as error:
            yield replace(read_problem(reference.child.subject, error), criterion="parents-follow")


@dataclass(frozen=True)
class _Children:
    """Judge one reference of rows of the target.

    Attributes:
        sources: The rows that the referred table will have.
    """

    target: PredictedTarget
    reference: Reference
    sources: list[KeySource]

    def judge(self, before: InspectedDatabase) -> Iterator[Problem | Finding]:
        """Yield what the arriving rows change for the rows that refer."""
        is_updated = self._is_updated
        strays = self._strays_of_updates() if is_updated else self._strays(before)
        if strays.adopted:
            is_awaited = self.reference.parent is None and not self._get_new_keys
            yield self._parents_found(strays) if is_awaited else self._adopted(strays)
        if is_updated:
            yield from self._updated(strays)
            return
        if strays.lost:
            yield self._gone(strays)
        merged = self._merged() if strays.differing else 0
        if merged:
            yield self._undecided(merged)
        if strays.differing > merged:
            yield self._replaced(strays.differing - merged)

    def _strays(self, before: InspectedDatabase) -> Strays:
        arriving = [source for source in self.sources if not source.is_target]
        is_replaced = len(arriving) < len(self.sources) and any(s.policy in _REPLACING for s in arriving)
        child = folded(self.reference.child.table.name)
        has_orphans = self.reference.is_stated or any(folded(name) == child for name, _ in before.orphans)
        if not arriving or not (is_replaced or has_orphans) or not self.reference.has_unique_keys:
            return NO_STRAYS
        if has_contest(self.sources) or not can_project(self.reference.into.columns, arriving):
            return compare_rows(self.target, self.reference)
        kept = kept_condition(self.target, self.reference.child)
        if kept is None:
            return NO_STRAYS
        reached = all_arriving_keys(self.target, self.reference.into, arriving)
        alias = self.target.source_alias(self.reference.child)
        return count_strays_elsewhere(self.target.con, self.reference, alias, reached, kept)

    @property
    def _get_new_keys(self) -> bool:
        """Return whether a source gives new keys to rows of the referred table.

        No row of the target was meant for these.
        """
        return any(source.mapping.key_shifts for source in self.sources)

    @property
    def _is_updated(self) -> bool:
        """Return whether matched rows update columns that the reference leads to."""
        names = set(map(folded, self.reference.into.columns))
        return self.reference.has_unique_keys and any(
            names & source.mapping.updated
            for source in self.sources
            if source.mapping.matched is not None and source.mapping.matched.updating
        )

    def _strays_of_updates(self) -> Strays:
        into = folded(self.reference.into.table.name)
        mapping = next(source.mapping for source in self.sources if source.mapping.matched is not None)
        views = self.target.expected_views(into)
        alias, target = self.target.source_alias(mapping), self.target.source_alias(self.reference.child)
        return count_strays_of_updates(self.target.con, self.reference, target, alias, views)

    def _merged(self) -> int:
        reference, target = self.reference, self.target
        into, kept = target.database_of(reference.into.table), kept_condition(target, reference.child)
        return count_merged_parents(target.con, reference, target.source_alias(reference.child), into, kept or "")

    @property
    def _arriving(self) -> tuple[str, ...]:
        """Return the source tables whose rows the referred table receives."""
        return tuple(source.subject for source in self.sources if not source.is_target)

    @property
    def _policy(self) -> str:
        """Return the policies by which rows of the referred table are replaced."""
        chosen = (policy_of(source.mapping.table_map) for source in self.sources if not source.is_target)
        policies = dict.fromkeys(policy for policy in chosen if policy in _REPLACING)
        return ", ".join(policies)

    def _refer(self, rows: int) -> str:
        verb = "refers" if rows == 1 else "refer"
        return f"{counted(rows, 'row')} of the target {verb} by {', '.join(self.reference.columns)} to rows"

    def _problem(self, text: str, first_way: str, *, id: str) -> Problem:
        hint = f"{first_way}, or move {self.reference.parent_name} of the source under a name of its own (into)."
        subject = self.reference.child.subject
        return Problem(id, subject, text, hint, criterion="parents-follow", others=self._arriving)

    def _adopted(self, strays: Strays) -> Problem:
        text = (
            f"{self._refer(strays.adopted)} that {self.reference.parent_name} of the target does not have, and would"
            f" reach rows of {join_first_names(self._arriving)}."
        )
        return self._problem(text, "Correct these rows in the target", id="orphans-adopted")

    def _parents_found(self, strays: Strays) -> Finding:
        text = (
            f"{self._refer(strays.adopted)} of {self.reference.parent_name}, of which the target has none, and reach"
            f" rows of {join_first_names(self._arriving)}."
        )
        return Finding.of("parents-found", self.reference.child.subject, text, count=strays.adopted)

    def _gone(self, strays: Strays) -> Problem:
        text = (
            f"{self._refer(strays.lost)} of {self.reference.parent_name} that a source replaces by rows with other keys"
            f" ({self._policy}), and would reach no row."
        )
        return self._problem(text, "Give each of these rows the same key in both databases", id="parents-gone")

    def _updated(self, strays: Strays) -> Iterator[Problem]:
        rows, columns = strays.lost + strays.differing, ", ".join(self.reference.into.columns)
        if rows:
            text = (
                f"{self._refer(rows)} of {self.reference.parent_name} whose {columns} matched rows of a source"
                f" update ({self._policy}): {strays.lost} would reach no row, and {strays.differing} another one."
            )
            yield self._problem(text, f"Give these rows the same {columns} in both databases", id="parents-gone")

    def _undecided(self, rows: int) -> Problem:
        text = (
            f"{self._refer(rows)} of {self.reference.parent_name} that a row of a source replaces together with another"
            f" row ({self._policy}), because it has a key of each."
        )
        return self._problem(text, "Correct the keys of these rows, so that each replaces one row", id="parents-merged")

    def _replaced(self, rows: int) -> Finding:
        child = self.reference.child
        text = (
            f"of {child.table.name} in the target {'refers' if rows == 1 else 'refer'} to rows of"
            f" {self.reference.parent_name} that a source replaces by different ones ({self._policy})."
        )
        return Finding.of("parents-replaced", child.subject, text, count=rows, noun="row")


def references_of_target(databases: InspectedDatabases, before: InspectedDatabase) -> Iterator[Reference]:
    """Yield each reference of rows that the target has, declared or stated by the plan."""
    planned = databases.target_schema.schema
    for table in before.schema.tables.values():
        keys = [(declared, None) for declared in table.foreign_keys] + _stated_keys(databases, table)
        for declared, when in keys if before.rows_in(table.name) else ():
            after, into = planned.table(table.name), planned.table(declared.parent)
            if after is not None and into is not None and declared.referred(into):
                reference = _own_reference(databases, before, declared, (table, after), into)
                is_stated = declared not in table.foreign_keys
                yield replace(reference, is_declared=not is_stated, is_stated=is_stated, when=when)


def _stated_keys(databases: InspectedDatabases, table: Table) -> list[tuple[ForeignKey, RowCondition | None]]:
    """Return the references that the plan states for the rows of a table of the target."""
    keys: dict[tuple[ForeignKey, RowCondition | None], None] = {}
    for mapping in databases.mappings:
        for stated in mapping.refers if folded(mapping.into.name) == folded(table.name) else ():
            parent = mapping_of(databases, mapping, stated.table)
            name, to = (parent.into.name, target_column(parent, stated.to)) if parent else (stated.table, stated.to)
            when = stated.when.renamed(mapping.renamed) if stated.when else None
            columns = (target_column(mapping, stated.column), *(when.stored if when else ()))
            if all(table.column(column) for column in columns):
                keys[ForeignKey(name, columns[:1], (to,), "", ""), when] = None
    return list(keys)


def _own_reference(
    databases: InspectedDatabases,
    before: InspectedDatabase,
    declared: ForeignKey,
    child: tuple[Table, Table],
    into: Table,
) -> Reference:
    """Return a foreign key of the target's own rows, from before the copy to after it.

    It has no parent if the target has no row of the referred table.
    """
    to = declared.referred(into)
    child_mapping = mapping_of_target_rows(databases.plan, *child, rowids=False)
    parent = before.schema.table(declared.parent)
    if parent is None or not before.rows_in(parent.name):
        return Reference(child_mapping, declared.columns, None, declared.parent, None, ReferredKey(into, to))
    parent_mapping = mapping_of_target_rows(databases.plan, parent, into, rowids=False)
    return Reference(
        child_mapping,
        declared.columns,
        ReferredKey(parent, to),
        declared.parent,
        parent_mapping,
        ReferredKey(into, to),
    )

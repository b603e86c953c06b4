"""Count the rows that the copy will add to each table of the target, or replace in it.

A row that is skipped, or that replaces an identical row, changes nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.derived.refresh import refreshed_columns
from sqlite_consolidate.engine.merge.derived.trigger_inserts import fill_column, state_columns
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of, policy_of
from sqlite_consolidate.engine.merge.source_ddl import planned_statements
from sqlite_consolidate.engine.sqlite.schema.derivations import SEARCH_MODULES
from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded, rename_in_statement
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.derivations import Derivation
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.statements import Statement
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_KEEPS_EACH_ROW = ("refuse", "skip-identical")


def is_derived_from(schema: Schema, table: Table) -> bool:
    """Return whether a trigger or a search index may use the rows of a table.

    The text of a trigger names its table, and each table that it uses.
    """
    name = folded(table.name)
    by_trigger = any(name == folded(trigger.table) or name in folded(trigger.sql) for trigger in schema.triggers)
    return by_trigger or not schema.modules.isdisjoint(SEARCH_MODULES)


class ArrivingRows:
    """Count the rows of each table mapping by its trial copy.

    A mapping without a trial copy has no conflict to resolve, so each row of the source arrives.
    """

    def __init__(self, databases: InspectedDatabases, limits: Limits) -> None:
        """Take the databases and the trial copies of the preflight."""
        self.databases = databases
        self.limits = limits
        self._copied = {_target_of(copied.mapping): copied for copied in databases.trial_copies}

    @cached_property
    def mappings(self) -> dict[str, list[TableMapping]]:
        """Return the mappings into each table, by folded name."""
        mappings: dict[str, list[TableMapping]] = {}
        for mapping in self.databases.mappings:
            mappings.setdefault(folded(mapping.into.name), []).append(mapping)
        return mappings

    def into(self, table: str) -> list[TableMapping]:
        """Return the mappings into a table."""
        return self.mappings.get(folded(table), [])

    def bringing(self, table: str) -> list[TableMapping]:
        """Return the mappings that add rows to a table."""
        return [mapping for mapping in self.into(table) if self.added(mapping)]

    def events(self, table: str) -> tuple[str, ...]:
        """Return the events of triggers on a table that the copy stands for.

        With ``prefer-source`` the copy replaces a row by DELETE and INSERT, and an application would also do it by
        UPDATE. With ``prefer-newer`` the copy updates it.
        """
        policies = {policy_of(mapping.table_map) for mapping in self.into(table)}
        refresh = ("REFRESH",) if folded(table) in self.refreshed else ()
        if "prefer-source" in policies:
            return ("INSERT", "UPDATE", "DELETE", *refresh)
        return ("INSERT", "UPDATE", *refresh) if "prefer-newer" in policies else ("INSERT", *refresh)

    @cached_property
    def refreshed(self) -> dict[str, set[str]]:
        """Return the folded columns that the plan sets again, by folded table."""
        plan = self.databases.plan
        return {folded(entry.table): refreshed_columns(plan, entry.table) for entry in plan.refreshes}

    @property
    def tables(self) -> list[str]:
        """Return the tables of the target that receive rows or are set again."""
        names = [mappings[0].into.name for mappings in self.mappings.values()]
        refreshed = map(self.databases.target_schema.schema.table, self.refreshed)
        return [*names, *(table.name for table in refreshed if table and folded(table.name) not in self.mappings)]

    def count(self, table: str, event: str = "INSERT") -> int:
        """Return the number of rows for which triggers of one event do not fire.

        How many of the rows a refresh changes is not known before the run.
        """
        if event == "REFRESH":
            return self._rows_before(table) + sum(map(self.added, self.into(table)))
        count = self.added if event == "INSERT" else self._replaced
        return sum(map(count, self.into(table)))

    def count_of(self, derivation: Derivation) -> int:
        """Return the number of rows that a derivation lacks."""
        if derivation.is_index:
            over = derivation.over
            return max(sum(map(self._indexed, self.into(over))), self.count(over, "REFRESH") * self._sets(derivation))
        return self.count(derivation.over, derivation.event)

    def reaches(self, derivation: Derivation) -> bool:
        """Return whether rows of the content of an index arrive or are set again."""
        return bool(self.into(derivation.over)) or self._sets(derivation)

    def _sets(self, derivation: Derivation) -> bool:
        """Return whether the plan sets a column again that an index reads."""
        columns = self.refreshed.get(folded(derivation.over), set())
        return bool(columns & derivation.columns if derivation.columns else columns)

    def _rows_before(self, table: str) -> int:
        """Return the number of rows that a table of the target has before the run."""
        target = self.databases.target
        before = target.schema.table(table) if target else None
        return target.rows_in(before.name) if target and before else 0

    def has_fired(self, table: str, name: str) -> bool:
        """Return whether each source that adds rows has the trigger on their table."""
        trigger = next(t for t in self.databases.target_schema.schema.triggers if t.name == name)
        return all(self.has_trigger(mapping, trigger) for mapping in self.bringing(table))

    def is_derived_from_left(self, derivation: Derivation) -> bool:
        """Return whether a source brings what a trigger wrote for rows that are left behind.

        Rows that follow the derived table, or appended rows that follow these, stay behind together.
        """
        if derivation.of_new_row:
            return False
        derived = self.into(derivation.table)
        return any(
            self._is_left_apart(mapping, brought, derivation)
            for mapping in self.into(derivation.over)
            for brought in derived
            if brought.source.name == mapping.source.name
        )

    def _is_left_apart(self, mapping: TableMapping, brought: TableMapping, derivation: Derivation) -> bool:
        """Return whether rows of one table are left behind, and what is derived from them is not."""
        left, table_map = self.databases.left_of(mapping), brought.table_map
        if derivation.ways == {"INSERT"} and folded(mapping.table_map.name) in map(folded, table_map.follows):
            return False
        stays_together = {folded(table_map.name)} == set(map(folded, mapping.table_map.follows))
        return bool(left.by_where or (left.unfollowed and not stays_together))

    def added(self, mapping: TableMapping) -> int:
        """Return the number of rows that the target will have and has not had."""
        copied = self._copied.get(_target_of(mapping))
        return self.databases.unmatched_rows(mapping) if copied is None else copied.inserted - _identical(copied)

    def keeps_each_row(self, mapping: TableMapping) -> bool:
        """Return whether the policy of a mapping leaves out or replaces identical rows only.

        A policy that prefers one of two different rows may find no such two.
        """
        if policy_of(mapping.table_map) in _KEEPS_EACH_ROW:
            return True
        if mapping.matched:
            return not mapping.matched.different
        copied = self._copied.get(_target_of(mapping))
        return copied is not None and copied.skipped + copied.replaced == copied.identical

    def _replaced(self, mapping: TableMapping) -> int:
        """Return the number of rows of the target that a different row replaces."""
        if mapping.matched:
            return mapping.matched.updating
        copied = self._copied.get(_target_of(mapping))
        return 0 if copied is None else copied.replaced - _identical(copied)

    def _indexed(self, mapping: TableMapping) -> int:
        """Return the number of rows that a search index does not receive.

        An identical row that is replaced may get another implicit rowid, by which the index knows it.
        """
        copied = self._copied.get(_target_of(mapping))
        keeps_rowid = bool(mapping.into.alias) or mapping.rowid_counts
        if copied is None or keeps_rowid:
            return self.added(mapping) + (self._replaced(mapping) if mapping.matched else 0)
        return copied.inserted

    def has_trigger(self, mapping: TableMapping, trigger: TriggerOrView) -> bool:
        """Return whether the source table of a mapping has a trigger under any name."""
        return self.count_triggers(mapping, trigger) > 0

    def count_triggers(self, mapping: TableMapping, trigger: TriggerOrView) -> int:
        """Return how many triggers of the source table of a mapping have the same text."""
        schema = self.databases.sources[mapping.source.name].schema
        table_map = mapping.table_map.model_copy(update={"create": ""})
        views = self.databases.target_schema.renamed_views.get(mapping.source.name)
        try:
            statements = planned_statements(table_map, schema, mapping.source.tables, self.limits, views)
        except sqlite3.Error:  # it uses something that only the application has
            return 0
        return sum(
            any(same_statement(rename_in_statement(text, trigger.name), trigger.sql) for text in texts)
            for texts in (self._texts_of(statement, mapping) for statement in statements if statement.kind == "trigger")
        )

    def _texts_of(self, statement: Statement, mapping: TableMapping) -> set[str]:
        """Return a trigger of a source as the target may have it.

        Its INSERTs may list their columns there, and fill the constants of the source.
        """
        tables = [each for each in self.databases.mappings if each.source.name == mapping.source.name]
        columns = {folded(each.into.name): [column for _, column in each.columns] for each in tables}
        listed = state_columns(TriggerOrView(statement.name, statement.table, statement.sql), columns)
        filled = listed
        for name in mapping.source.constant_values:
            with_column = {
                folded(each.into.name)
                for each in tables
                if folded(name) in {folded(column.name) for column in each.into.columns}
            }
            filled = fill_column(filled, with_column, name)
        return {statement.sql, listed.sql, filled.sql}


def describe_rows(count: int, event: str) -> str:
    """Return the rows for which triggers of one event do not fire."""
    nouns = {"INSERT": "row", "REFRESH": "row that is set again"}
    plurals = {"REFRESH": "rows that are set again"}
    return counted(count, nouns.get(event, "replaced row"), plurals.get(event, ""))


def _identical(copied: CopiedTable) -> int:
    """Return the number of rows that replace an identical row."""
    return copied.identical if clash_policy_of(copied.mapping.table_map) == "prefer-source" else 0


def _target_of(mapping: TableMapping) -> tuple[str, str]:
    return mapping.subject, folded(mapping.into.name)

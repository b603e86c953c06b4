"""Judge which derived data of the target would be stale after the copy.

Rows arrive without triggers firing. So what an INSERT trigger would have written is missing, and a search index lacks
what it would have indexed, unless the sources bring that as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.source_ddl import planned_statements
from sqlite_consolidate.engine.sqlite.schema.derivations import Derivation, DerivationReader
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded, rename_in_statement
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
    from sqlite_consolidate.plan.model import Stale
else:
    from sqlite_utils.utils import sqlite3

CRITERION = "derived-declared"

_KEEPS_EACH_ROW = ("refuse", "skip-identical")
_APART = "Move the rows into a table of another name (into), or"


@dataclass(frozen=True)
class _Judge:
    """Judge the derivations of the target by what the sources bring."""

    databases: InspectedDatabases
    limits: Limits

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
        """Return the mappings that bring rows into a table."""
        return [mapping for mapping in self.into(table) if self.databases.rows(mapping)]

    def rows(self, table: str) -> int:
        """Return the number of rows that the sources bring into a table."""
        return sum(map(self.databases.rows, self.into(table)))

    def comes_along(self, derivation: Derivation) -> bool:
        """Return whether the derived rows are exactly those that one source has derived.

        Both tables are new, and this source alone fills them with all of its rows.
        """
        mappings = [*self.into(derivation.over), *self.into(derivation.table)]
        return (
            all(mapping.new and mapping.table_map.on_conflict == "refuse" for mapping in mappings)
            and len({mapping.source.name for mapping in mappings}) == 1
            and bool(self.into(derivation.table))
            and self._has_fired(derivation)
        )

    def is_appended(self, derivation: Derivation) -> bool:
        """Return whether a trigger only appends rows, and each source brings these."""
        sources = {mapping.source.name for mapping in self.bringing(derivation.over)}
        brought = [mapping for mapping in self.into(derivation.table) if mapping.source.name in sources]
        return (
            derivation.ways == {"INSERT"}
            and {mapping.source.name for mapping in brought} == sources
            and all(mapping.table_map.on_conflict in _KEEPS_EACH_ROW for mapping in brought)
            and self._has_fired(derivation)
        )

    def _has_fired(self, derivation: Derivation) -> bool:
        """Return whether each source that brings rows has the trigger on the table of these rows."""
        trigger = next(t for t in self.databases.target_schema.schema.triggers if t.name == derivation.name)
        return all(self._has_trigger(mapping, trigger) for mapping in self.bringing(derivation.over))

    def _has_trigger(self, mapping: TableMapping, trigger: TriggerOrView) -> bool:
        schema = self.databases.sources[mapping.source.name].schema
        table_map = mapping.table_map.model_copy(update={"create": ""})
        try:
            statements = planned_statements(table_map, schema, mapping.source.tables, self.limits)
        except sqlite3.Error:  # it uses something that only the application has
            return False
        return any(
            same_statement(rename_in_statement(statement.sql, trigger.name), trigger.sql)
            for statement in statements
            if statement.kind == "trigger"
        )


def add_stale_data(databases: InspectedDatabases, limits: Limits) -> None:
    """Add a problem for what would be stale, and a finding for what the plan accepts."""
    reader, judge = DerivationReader(databases.target_schema.schema, limits), _Judge(databases, limits)
    try:
        derivations = [
            *(entry for entry in reader.of_indexes() if judge.into(entry.over)),
            *(entry for mappings in judge.mappings.values() for entry in reader.of_triggers(mappings[0].into.name)),
        ]
        unexplained = _unexplained(reader, databases)
    finally:
        reader.close()
    stale = []
    for derivation in derivations:
        if derivation.is_index:
            stale.append(derivation)
        elif not judge.comes_along(derivation):
            if derivation.of_new_row or judge.is_appended(derivation):
                databases.findings += _assumed(judge, derivation)
            else:
                stale.append(derivation)
    _add_tables(judge, stale)
    databases.findings += unexplained


def _unexplained(reader: DerivationReader, databases: InspectedDatabases) -> list[Finding]:
    """Return a finding for each contentless search index that no trigger writes."""
    contentless = reader.contentless_indexes()
    if not contentless or not databases.mappings:
        return []
    written = {entry.table for table in reader.schema.tables for entry in reader.of_triggers(table)}
    text = "a search index without content: nothing in the schema says from which rows it is derived."
    return [
        Finding.of("index-unexplained", f"{databases.plan.target}:{name}", text)
        for name in contentless
        if name not in written
    ]


def _assumed(judge: _Judge, derivation: Derivation) -> list[Finding]:
    """Return the finding that a trigger does not fire, where the sources bring its rows."""
    rows = judge.rows(derivation.over)
    text = f"trigger {derivation.name} does not fire for {counted(rows, 'row')} that arrive"
    if derivation.of_new_row:
        text += "; it changes only the new row, and each row arrives as its source has it."
    else:
        text += f"; the rows that it wrote into {derivation.table} come from the same sources."
    subject = f"{judge.databases.plan.target}:{derivation.over}"
    return [Finding.of("trigger-not-fired", subject, text, count=rows)] if rows else []


def _add_tables(judge: _Judge, stale: Sequence[Derivation]) -> None:
    """Add what would be stale, table by table, and a problem for each idle [[stale]]."""
    databases = judge.databases
    idle = {folded(entry.name): entry for entry in databases.plan.stale}
    for table in dict.fromkeys(derivation.table for derivation in stale):
        derivations = [derivation for derivation in stale if derivation.table == table]
        for name in (table, *(derivation.name for derivation in derivations)):
            idle.pop(folded(name), None)
        _add_table(judge, table, derivations)
    databases.problems += [
        Problem(
            "no-effect",
            f"[[stale]] {entry.name}",
            "names nothing that would be stale: no search index, no trigger on a table that receives rows, and no"
            " table that such a trigger writes.",
            "Correct the name, or remove the [[stale]].",
            criterion=CRITERION,
        )
        for entry in idle.values()
    ]


def _add_table(judge: _Judge, table: str, derivations: Sequence[Derivation]) -> None:
    databases = judge.databases
    rows = sum(judge.rows(over) for over in {derivation.over for derivation in derivations})
    if not rows:
        return
    subject, fact = f"{databases.plan.target}:{table}", _fact(judge, derivations)
    is_index = any(derivation.is_index for derivation in derivations)
    checked = is_index and _is_compared_by_integrity_check(databases, table)
    accepted = _accepting(databases.plan.stale, table, [] if is_index else derivations)
    if accepted and not checked:
        reasons = dict.fromkeys(entry.reason.rstrip(".") for entry in accepted)
        text = f"{fact} The plan accepts that: {'; '.join(reasons)}."
        databases.findings.append(Finding.of("derived-stale", subject, text, count=rows))
        databases.stale_indexes |= {folded(table)} if is_index else set()
        return
    hint = f'{_APART} accept that {table} is stale: [[stale]] with name = "{table}" and a reason.'
    if checked:
        fact += " SQLite's integrity_check reports a stale FTS4 index as malformed, so a [[stale]] cannot accept it."
        hint = f"{_APART} drop {table} before the run, and create and rebuild it afterwards."
    read_tables = dict.fromkeys(derivation.over for derivation in derivations)
    others = tuple(mapping.subject for over in read_tables for mapping in judge.bringing(over))
    databases.problems.append(Problem("derived-undeclared", subject, fact, hint, criterion=CRITERION, others=others))


def _accepting(entries: Sequence[Stale], table: str, derivations: Sequence[Derivation]) -> list[Stale]:
    """Return the [[stale]] entries that accept a table, or all triggers that write it."""
    by_name = {folded(entry.name): entry for entry in entries}
    if folded(table) in by_name:
        return [by_name[folded(table)]]
    triggers = {folded(derivation.name) for derivation in derivations}
    return [by_name[name] for name in sorted(triggers)] if triggers and triggers <= by_name.keys() else []


def _fact(judge: _Judge, derivations: Sequence[Derivation]) -> str:
    over = list(dict.fromkeys(derivation.over for derivation in derivations))
    arriving = join_names([f"{counted(judge.rows(name), 'row')} of {name}" for name in over])
    triggers = list(dict.fromkeys(derivation.name for derivation in derivations if not derivation.is_index))
    if any(derivation.is_index for derivation in derivations):
        return f"this search index does not receive {arriving}."
    named = f"triggers {join_names(triggers)} do" if len(triggers) > 1 else f"trigger {triggers[0]} does"
    return (
        f"{named} not fire for {arriving}, so what {'they' if len(triggers) > 1 else 'it'} would write here is missing."
    )


def _is_compared_by_integrity_check(databases: InspectedDatabases, table: str) -> bool:
    """Return whether integrity_check compares a search index with its external content."""
    declared = databases.target_schema.schema.table(table)
    return declared is not None and declared.module == "fts4"

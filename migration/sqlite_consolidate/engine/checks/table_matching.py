"""Match each table of the plan with its target table and report lost declarations."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.constants.filled_columns import find_idle_constants, find_unstorable_constants
from sqlite_consolidate.engine.checks.references.held_rowids import mark_held_rowids
from sqlite_consolidate.engine.content.contents import rowid_range
from sqlite_consolidate.engine.merge.declaration_differences import declaration_findings
from sqlite_consolidate.engine.merge.lost_constraints import (
    constraint_finding,
    loses_autoincrement,
    lost_constraints,
)
from sqlite_consolidate.engine.merge.movable_tables import columns_in_one
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of
from sqlite_consolidate.engine.merge.table_mapping import match_columns
from sqlite_consolidate.engine.sqlite.schema.keyless_rows import rows_without_key
from sqlite_consolidate.engine.sqlite.schema.objects import Table, computed_keys, keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import by_entry
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.plan.model import Plan, Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3

MappedTable = tuple["Source", int, Table]
"""A source, the index of one of its table mappings, and the table that this mapping names."""


def find_absent_tables(plan: Plan, tables: Mapping[str, Collection[str]]) -> tuple[list[Problem], list[Finding]]:
    """Return a problem for each table of a pattern that no file has.

    A table that some files lack is a finding.

    Args:
        plan: The plan.
        tables: Name of each source that was read, to the folded names of its tables.
    """
    problems, findings = [], []
    for entry, files in by_entry(plan.in_order):
        read = [file for file in files if file.is_of_pattern and file.name in tables]
        for table_map in entry.tables:
            lacking = [file.file for file in read if folded(table_map.name) not in tables[file.name]]
            subject = f"{entry.file}:{table_map.name}"
            if lacking and len(lacking) == len(files):
                hint = "Correct the name of the table, or remove the [[source.table]]."
                fact = "no file of the pattern has this table."
                problems.append(Problem("no-such-table", subject, fact, hint, criterion="sources-readable"))
            elif lacking:
                has = "has" if len(lacking) == 1 else "have"
                text = f"{len(lacking)} of {counted(len(files), 'file')} {has} no such table: {list_names(lacking)}."
                findings.append(Finding.of("table-absent", subject, text, count=len(lacking)))
    return problems, findings


def match_tables(databases: InspectedDatabases, tables: list[MappedTable], limits: Limits) -> None:
    """Add the mapping of each table, with the problems and findings of its declarations."""
    matched: dict[str, list[TableMapping]] = {}
    equal: dict[tuple[int, ...], TableMapping] = {}
    for source, index, table in tables:
        table_map = source.tables[index]
        into = databases.target_schema.schema.table(table_map.into)
        if into is None:
            continue  # its creation is a problem of its own
        place = id(table_map), id(table), id(into)
        new, problems = folded(table_map.into) in databases.target_schema.created_tables, list[Problem]()
        if place in equal:  # very many files have one schema, and share what follows from it
            mapping = replace(equal[place], source=source)
        elif problem := columns_in_one(f"{source.file}:{table_map.name}", table_map, table):
            databases.problems.append(problem)
            continue
        else:
            mapping, problems = match_columns(databases.plan, source, table_map, table, into, new=new)
        if not problems:
            equal.setdefault(place, mapping)
        matched.setdefault(source.name, []).append(mapping)
        problems += find_unstorable_constants(mapping)
        problems += _without_effect(f"{source.file}:{table_map.name}", table_map, into)
        databases.problems += problems
        if not problems:
            databases.mappings.append(mapping)
            databases.findings += declaration_findings(mapping)
            _add_lost_constraints(databases, mapping, limits)
    indexes = {folded(source.tables[index].name) for source, index in databases.moved_indexes}
    for entry, files in by_entry(databases.plan.sources):
        mappings = [mapping for source in files for mapping in matched.get(source.name, [])]
        maps = [*entry.tables, *(table_map for source in files for table_map in source.tables)]
        named = {folded(each.name) for each in maps} - indexes
        if {folded(mapping.table_map.name) for mapping in mappings} == named:
            databases.problems += find_idle_constants(databases.plan, entry, mappings)
    _mark_rows_without_key(databases)
    mark_held_rowids(databases, limits)


def _add_lost_constraints(databases: InspectedDatabases, mapping: TableMapping, limits: Limits) -> None:
    source = databases.sources[mapping.source.name]
    if constraints := lost_constraints(mapping, source.schema, databases.target_schema.schema, limits):
        databases.findings.append(constraint_finding(mapping, constraints))
    mark = source.marks.get(mapping.table.name, 0)
    if loses_autoincrement(mapping) and mark > max(0, _largest_id(databases, mapping)):
        fact = f"its AUTOINCREMENT mark is {mark}, and {mapping.into.name} has none: SQLite would give ids out again."
        hint = "Declare AUTOINCREMENT in the target, or move the table under another name."
        databases.problems.append(Problem("mark-lost", mapping.subject, fact, hint, criterion="values-fit"))


def _largest_id(databases: InspectedDatabases, mapping: TableMapping) -> int:
    """Return the largest id that the source table and the target's table have now.

    Renumbered rows arrive above those of the target, so only the source counts.
    """
    source, target = databases.sources[mapping.source.name], databases.target
    tables = [(source, mapping.table)]
    is_renumbered = mapping.source.keys_of(mapping.table_map) == "renumber"
    if target and not is_renumbered and (before := target.schema.table(mapping.into.name)):
        tables.append((target, before))
    ranges = [rowid_range(database.write_lock.reader, table) for database, table in tables if table.rowid]
    return max((largest or 0 for _, largest in ranges), default=0)


def _mark_rows_without_key(databases: InspectedDatabases) -> None:
    """Mark each mapping whose target table receives rows with NULL in all unique keys."""
    marked = {folded(mapping.into.name) for mapping in databases.mappings if _has_rows_without_key(databases, mapping)}
    databases.mappings = [
        replace(mapping, has_rows_without_key=True) if folded(mapping.into.name) in marked else mapping
        for mapping in databases.mappings
    ]


def _has_rows_without_key(databases: InspectedDatabases, mapping: TableMapping) -> bool:
    condition = rows_without_key(mapping.table)
    reader = databases.sources[mapping.source.name].write_lock.reader
    if not condition:
        return False
    with contextlib.suppress(sqlite3.Error):  # a function of the application, without which no row can be copied
        query = f"SELECT 1 FROM {quoted(mapping.table.name)} WHERE {condition} LIMIT 1"
        return reader.execute(query).fetchone() is not None
    return False


def _without_effect(subject: str, table_map: TableMap, into: Table) -> list[Problem]:
    """Return a problem for each key of a table mapping that can have no effect."""
    problems = []
    if clash_policy_of(table_map) != "refuse" and not keys_of(into):
        other = " but partial ones and those on expressions" if computed_keys(into) else ""
        fact = f"{into.name} has no unique key in the target{other}, so on_conflict has nothing to compare."
        hint = "Remove on_conflict, or give the table a key of columns in create."
        problems.append(Problem("no-effect", subject, fact, hint, criterion="keys-free"))
    if table_map.newer and not any(folded(column.name) == folded(table_map.newer) for column in into.stored):
        fact = f"{into.name} of the target stores no column {table_map.newer}, which newer names."
        problems.append(Problem("no-such-column", subject, fact, "Correct newer.", criterion="keys-free"))
    if table_map.rowids == "renumber" and (into.alias or into.without_rowid):
        fact = f"{into.name} has a key of its own in the target, so no implicit rowid can change."
        problems.append(Problem("no-effect", subject, fact, "Remove rowids.", criterion="keys-free"))
    return problems

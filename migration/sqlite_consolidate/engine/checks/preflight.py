"""Inspect everything that a plan names, and list every problem before any change."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.chosen.row_filters import choose_rows, left_row_findings
from sqlite_consolidate.engine.checks.conversions import find_value_changes
from sqlite_consolidate.engine.checks.derived.bypassed_triggers import find_bypassed_triggers
from sqlite_consolidate.engine.checks.derived.computed_values import find_uncomputable_rows
from sqlite_consolidate.engine.checks.derived.derived_data import add_stale_data
from sqlite_consolidate.engine.checks.derived.moved_indexes import index_problem, is_moved_index
from sqlite_consolidate.engine.checks.derived.shared_out import find_shared_out
from sqlite_consolidate.engine.checks.derived.shared_triggers import find_shared_triggers
from sqlite_consolidate.engine.checks.disk_space import check_disk_space
from sqlite_consolidate.engine.checks.key_conflicts import add_key_conflicts
from sqlite_consolidate.engine.checks.lacking_objects import (
    find_receiving_problems,
    find_unmapped_lacking,
    find_unread_parents,
    unexamined_findings,
)
from sqlite_consolidate.engine.checks.left_objects import find_left_files, find_left_objects, plan_versions
from sqlite_consolidate.engine.checks.matching.key_maps import find_not_compared, match_rows
from sqlite_consolidate.engine.checks.matching.matchable import pass_over_lacking_files
from sqlite_consolidate.engine.checks.merged_files.separate_parents import find_separate_parents
from sqlite_consolidate.engine.checks.open_files import find_descriptor_problem
from sqlite_consolidate.engine.checks.references.held_rowids import check_held_rowids
from sqlite_consolidate.engine.checks.references.parents_follow import check_parents
from sqlite_consolidate.engine.checks.references.stated_references import check_staged_conditions, state_references
from sqlite_consolidate.engine.checks.renumbering.key_offsets import shift_keys
from sqlite_consolidate.engine.checks.staged_sources import stage_sources
from sqlite_consolidate.engine.checks.table_matching import MappedTable, find_absent_tables, match_tables
from sqlite_consolidate.engine.content.inspection import byte_findings, inspect_database, page_findings, read_problem
from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
from sqlite_consolidate.engine.merge.movable_tables import find_movable_table
from sqlite_consolidate.engine.merge.source_ddl import planned_statements
from sqlite_consolidate.engine.merge.target_schema import TargetSchemaBuilder
from sqlite_consolidate.engine.merge.views.own_rows import owners_of
from sqlite_consolidate.engine.sqlite.files import FileProblem, existing_sources, file_problems
from sqlite_consolidate.engine.sqlite.limits import Limits, reading_seconds
from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import RecentReaders
from sqlite_consolidate.engine.sqlite.schema.objects import Schema
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import by_entry, name_all_tables, stated_rows
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.sqlite.limits import Deadline
    from sqlite_consolidate.plan.model import Plan, Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_SECONDS_OF_SOURCE = 0.1  # each source costs some, however small it is
_SECONDS_OF_TABLE = 0.05  # so does each table


def find_unmapped_tables(source: Source, tables: Mapping[str, int]) -> tuple[list[Problem], list[Finding]]:
    """Return a problem for each table with rows that the plan does not mention.

    A table that the plan leaves behind with a reason becomes a finding.

    Args:
        source: As the plan has it.
        tables: Each table of the source to its number of rows.
    """
    problems, findings = [], []
    moved = {folded(table_map.name) for table_map in source.tables}
    for name, rows in tables.items():
        reason = source.leave_reason("tables", name)
        if folded(name) in moved:
            continue
        if reason is not None:
            subject, text = f"{source.file}:{name}", f"left behind: {reason.rstrip('.')}."
            findings.append(Finding.of("rows-left", subject, text, count=rows, noun="row"))
        elif rows:
            fact = f"{counted(rows, 'row')} would be left behind, because the plan neither moves nor leaves this table."
            hint = "Add a [[source.table]] for the table, or a [[source.leave]] with a reason."
            problems.append(
                Problem("left-behind", f"{source.file}:{name}", fact, hint, criterion="nothing-left-behind")
            )
    return problems, findings


def inspect_databases(
    plan: Plan,
    root: Path,
    write_locks: ExitStack,
    limits: Limits | None = None,
    *,
    unread: Sequence[FileProblem] = (),
    live: Path | None = None,
) -> InspectedDatabases:
    """Inspect every database that the plan names and plan the copy.

    Args:
        plan: The plan.
        root: The workspace, or its copy.
        write_locks: Receives the write lock of each database that could be opened, which prevents writes from now on.
        limits: Of all that is read.
        unread: Files that are known to be unreadable, such as those that could not be copied.
        live: The workspace of which ``root`` is the copy.

    Returns:
        Databases, mappings and the planned schema, as far as they could be read, with every problem.
    """
    databases, limits = InspectedDatabases(plan), limits or Limits()
    if too_many := find_descriptor_problem(plan, root):
        databases.problems.append(too_many)
        databases.unread = dict.fromkeys([plan.target, *(source.file for source in plan.sources)], "too many files")
        return databases
    skip = _add_unread(plan, databases, unread)
    for problem in file_problems(plan, root, skip=skip):
        databases.add_file_problem(problem)
        skip.add(problem.file)
    files = [file for file in (plan.target, *(source.file for source in plan.sources)) if file not in skip]
    databases.findings += byte_findings(live or root, files)
    suffice = plan.integrity == "pages" and root == live  # a rehearsal has the time for SQLite's integrity_check
    inspect = partial(inspect_database, root=root, write_locks=write_locks, seconds=plan.deadline, limits=limits)
    _read_databases(plan, root, databases, partial(inspect, pages_suffice=suffice), skip)
    databases.findings += page_findings(databases.databases)
    plan = databases.plan = _name_all_tables(databases)
    with _limit_total_time(plan, databases, limits.deadline):
        _plan_copy(plan, databases, write_locks, limits)
    _list_unmoved(databases)
    databases.problems += check_disk_space(plan, root, live or root)
    return databases


def _name_all_tables(databases: InspectedDatabases) -> Plan:
    """Return the plan with each table of the sources whose tables are all moved.

    A source without such a table is a problem.
    """
    names = {name: [table.name for table in each.schema.movable] for name, each in databases.sources.items()}
    plan = name_all_tables(databases.plan, names)
    for entry, files in by_entry(plan.in_order):
        read = [file for file in files if file.name in names]
        if entry.all_tables and read and not any(file.tables for file in read):
            fact = 'tables = "*" moves no table, because there is none, or the plan leaves every one behind.'
            hint = "Correct the file, or remove the [[source]]."
            databases.problems.append(Problem("no-such-table", entry.file, fact, hint, criterion="sources-readable"))
    return plan


def _plan_copy(plan: Plan, databases: InspectedDatabases, resources: ExitStack, limits: Limits) -> None:
    """Plan where each row goes, try it, and find what the copy would make stale.

    If the target cannot be read, the sources alone are examined.
    """
    tables, knows_target = _mapped_tables(plan, databases), plan.target not in databases.unread
    _count_rows(databases, tables)
    if knows_target:
        _plan_target_schema(plan, databases, tables, limits)
        pass_over_lacking_files(databases)
        state_references(databases)
        choose_rows(databases, limits)
        shift_keys(databases, limits)
    stage_sources(plan, databases, resources, limits)
    databases.problems += check_staged_conditions(databases)
    match_rows(databases, limits)
    _try_rows(databases, limits)
    if knows_target:
        add_stale_data(databases, limits)
        databases.findings += find_bypassed_triggers(databases, limits)
        databases.findings += find_shared_triggers(databases, limits)
        databases.findings += find_shared_out(databases, limits)


def _try_rows(databases: InspectedDatabases, limits: Limits) -> None:
    """Find changed values, repeated keys and references that lead to other rows."""
    for mapping in databases.mappings:
        limits.deadline.start_step(f"the trial of {mapping.subject}")
        problems, findings = find_value_changes(mapping, databases.path_of(mapping), limits)
        databases.problems += problems
        databases.findings += findings
    refused = {problem.subject for problem in databases.problems if problem.id in ("row-refused", "new-key-refused")}
    uncomputable = find_uncomputable_rows(databases, limits)
    databases.problems += [problem for problem in uncomputable if problem.subject not in refused]
    changing = {problem.subject for problem in databases.problems if problem.id == "value-changes"}
    left_out = changing | {problem.subject for problem in uncomputable} | find_not_compared(databases)
    add_key_conflicts(databases, limits, left_out)
    for check in (check_held_rowids, check_parents):
        problems, findings = check(databases, limits)
        databases.problems += problems
        databases.findings += findings
    databases.findings += find_separate_parents(databases)


def _list_unmoved(databases: InspectedDatabases) -> None:
    """Report the tables that the plan forgets and the objects that stay in a source."""
    for source in databases.plan.sources:
        if database := databases.sources.get(source.name):
            rows = {name: digest.rows for name, digest in database.listed.items()}
            problems, findings = find_unmapped_tables(source, rows)
            databases.problems += problems + find_unmapped_lacking(source, database.schema)
            databases.findings += findings
            left_views = databases.target_schema.left_views.get(source.name, set())
            databases.findings += find_left_objects(source, database, left_views)
    for entry, _ in by_entry(databases.plan.sources):
        databases.findings += find_left_files(entry)
    databases.findings += [*left_row_findings(databases), *plan_versions(databases)]


def _read_databases(
    plan: Plan,
    root: Path,
    databases: InspectedDatabases,
    inspect: partial[InspectedDatabase | FileProblem],
    skip: set[str],
) -> None:
    """Read the target and each source, even if another database cannot be read."""
    if plan.target not in skip and (root / plan.target).exists():
        databases.target = _add_result(databases, inspect("target", plan.target))
    if databases.target:
        databases.findings += unexamined_findings(databases.target)
        databases.problems += history.problems(databases.target.write_lock.reader, plan.target)
    present_sources = {source.name for source in existing_sources(plan, root)}
    readers = RecentReaders()
    for source in plan.in_order:
        if source.file in skip:
            continue
        if source.name not in present_sources:
            text = "absent, and optional in the plan; nothing is moved from it."
            databases.findings.append(Finding.of("source-absent", source.file, text))
            continue
        shared = readers if source.is_of_pattern else None
        result = inspect(source.name, source.file, readers=shared)
        if facts := _add_result(databases, result):
            databases.sources[source.name] = facts
            databases.findings += unexamined_findings(facts)


def _add_unread(plan: Plan, databases: InspectedDatabases, unread: Sequence[FileProblem]) -> set[str]:
    """Add the problems of ``unread`` and return its databases as the plan spells them."""
    planned_files = {os.path.normpath(file): file for file in (plan.target, *(source.file for source in plan.sources))}
    for problem in unread:
        file = planned_files.get(os.path.normpath(problem.file))
        if file is None:
            databases.problems.append(problem.problem)
        else:
            databases.add_file_problem(replace(problem, file=file))
    return set(databases.unread)


@contextlib.contextmanager
def _limit_total_time(plan: Plan, databases: InspectedDatabases, deadline: Deadline) -> Iterator[None]:
    """Limit the time of all checks together by the size of all databases.

    A timeout is reported as a problem.
    """
    size = sum(database.size for database in (*databases.sources.values(), databases.target) if database)
    try:
        tables = sum(len(database.schema.tables) for database in databases.databases)
        seconds = reading_seconds(size, plan.deadline) + _SECONDS_OF_SOURCE * len(databases.sources)
        seconds += _SECONDS_OF_TABLE * tables
        with deadline.within(seconds, plan.target):
            yield
    except ProblemError as error:
        if "out-of-proportion" not in error.ids:
            raise
        databases.problems += error.problems


def _add_result(databases: InspectedDatabases, result: InspectedDatabase | FileProblem) -> InspectedDatabase | None:
    if isinstance(result, FileProblem):
        databases.add_file_problem(result)
        return None
    return result


def _mapped_tables(plan: Plan, databases: InspectedDatabases) -> list[MappedTable]:
    """Return the tables that the plan's mappings name, and add a problem for each missing one."""
    tables: list[MappedTable] = []
    for source in plan.in_order:
        if source.name not in databases.sources:
            continue
        for index, table_map in enumerate(source.tables):
            if history.is_reserved(table_map.into):
                databases.problems.append(history.reserved_name(f"{source.file}:{table_map.name}"))
                continue
            schema = databases.sources[source.name].schema
            if is_moved_index(plan, table_map, schema):
                databases.moved_indexes.append((source, index))
                continue
            table = find_movable_table(source, table_map, schema)
            if not isinstance(table, Problem):
                tables.append((source, index, table))
            elif not source.is_of_pattern or table.id != "no-such-table":
                databases.problems.append(table)
    databases.problems += find_receiving_problems(databases, tables)
    known = {name: set(map(folded, database.schema.tables)) for name, database in databases.sources.items()}
    problems, findings = find_absent_tables(plan, known)
    databases.problems += problems
    databases.findings += findings
    return tables


def _count_rows(databases: InspectedDatabases, tables: list[MappedTable]) -> None:
    """Compare the row counts that the plan states with those of the sources."""
    counts: dict[tuple[int, int], int] = {}
    for source, index, table in tables:
        rows = databases.sources[source.name].digests[table.name].rows
        counts[id(source.entry), index] = counts.get((id(source.entry), index), 0) + rows
    for stated in stated_rows(databases.plan):
        count = counts.get((id(stated.source), stated.index))
        if count is not None and count != stated.rows:
            has = "the source has" if len(stated.files) == 1 else f"its {len(stated.files)} files have"
            fact = f"the plan expects {counted(stated.rows, 'row')}, {has} {count}."
            hint = "Find out why, and correct the key rows in the plan."
            databases.problems.append(Problem("other-count", stated.subject, fact, hint, criterion="rows-as-stated"))


def _plan_target_schema(plan: Plan, databases: InspectedDatabases, tables: list[MappedTable], limits: Limits) -> None:
    """Plan the schema of the target and the mappings into it."""
    owners = owners_of(databases)
    before = databases.target.schema if databases.target else None
    builder = TargetSchemaBuilder(plan, before, limits, owners)
    creates = _create_texts(plan)
    planned: list[MappedTable] = []
    for moved in tables:
        source, index, _ = moved
        table_map, schema = source.tables[index], databases.sources[source.name].schema
        try:
            wanted = _with_create(creates, table_map)
            builder.add_table(source, wanted, planned_statements(wanted, schema, source.tables, limits), schema)
            planned.append(moved)
        except sqlite3.Error as error:
            databases.problems.append(read_problem(f"{source.file}:{table_map.name}", error))
    _add_indexes(databases, builder, creates, limits)
    databases.problems += [
        history.reserved_name(table.name) for table in plan.tables if history.is_reserved(table.name)
    ]
    for required in plan.tables:
        builder.require_table(required.name, required.create)
    schemas = [database.schema for database in databases.sources.values()]
    names = Counter(folded(name) for known in schemas for name in (*known.tables, *(view.name for view in known.views)))
    taken = {name for name, count in names.items() if count > 1}
    for source in plan.in_order:
        schema = databases.sources[source.name].schema if source.name in databases.sources else Schema({}, (), ())
        builder.add_views(source, schema, taken)
    databases.target_schema = builder.build()
    databases.problems += databases.target_schema.problems
    databases.findings += databases.target_schema.findings
    match_tables(databases, planned, limits)
    databases.problems += find_unread_parents(databases)


def _add_indexes(
    databases: InspectedDatabases, builder: TargetSchemaBuilder, creates: dict[str, str], limits: Limits
) -> None:
    """Plan the search indexes that are moved as a declaration."""
    for source, index in databases.moved_indexes:
        table_map, schema = _with_create(creates, source.tables[index]), databases.sources[source.name].schema
        try:
            if problem := index_problem(databases, source, table_map, limits):
                databases.problems.append(problem)
            else:
                statements = planned_statements(table_map, schema, source.tables, limits)
                builder.add_table(source, table_map, statements, schema)
        except sqlite3.Error as error:
            databases.problems.append(read_problem(f"{source.file}:{table_map.name}", error))


def _create_texts(plan: Plan) -> dict[str, str]:
    """Return the ``create`` text that the plan states for each folded table name."""
    maps = [table_map for source in plan.in_order for table_map in source.tables]
    stated = [(table_map.into, table_map.create) for table_map in maps if table_map.create]
    return {folded(name): text for name, text in (*stated, *((table.name, table.create) for table in plan.tables))}


def _with_create(creates: dict[str, str], table_map: TableMap) -> TableMap:
    create = table_map.create or creates.get(folded(table_map.into), "")
    return table_map.model_copy(update={"create": create})

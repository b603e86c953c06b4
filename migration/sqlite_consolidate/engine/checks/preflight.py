"""Survey: reads everything, changes nothing, and lists at once all that stands in the way."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.checks.conversions import find_value_changes
from sqlite_consolidate.engine.checks.disk_space import check_disk_space
from sqlite_consolidate.engine.checks.key_conflicts import find_key_conflicts
from sqlite_consolidate.engine.content.inspection import InspectedDatabase, inspect_database, read_problem
from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
from sqlite_consolidate.engine.merge.source_ddl import planned_statements
from sqlite_consolidate.engine.merge.staging import MAX_DIRECT_SOURCES, StagingDatabase
from sqlite_consolidate.engine.merge.table_mapping import (
    KeySource,
    TableMapping,
    declaration_findings,
    find_movable_table,
    mapping_of_target_rows,
    match_columns,
)
from sqlite_consolidate.engine.merge.target_schema import TargetSchemaBuilder
from sqlite_consolidate.engine.sqlite.files import FileProblem, file_problems, present
from sqlite_consolidate.engine.sqlite.limits import Limits, seconds_for
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.sqlite.limits import Deadline
    from sqlite_consolidate.plan.model import Plan, Source, TableMap
else:
    from sqlite_utils.utils import sqlite3


def find_unmapped_tables(source: Source, tables: Mapping[str, int]) -> tuple[list[Problem], list[Finding]]:
    """Return the tables with rows that the plan forgets, and a finding for each that it leaves with a reason.

    Args:
        source: As the plan has it.
        tables: Each table of the source to its number of rows.
    """
    problems, findings = [], []
    moved = {folded(table_map.name) for table_map in source.tables}
    for name, rows in tables.items():
        reason = next((one.reason for one in source.leave if any(fnmatchcase(name, p) for p in one.tables)), None)
        if folded(name) in moved:
            continue
        if reason is not None:
            subject, text = f"{source.file}:{name}", f"left behind: {reason.rstrip('.')}."
            findings.append(Finding.of("rows-left", subject, text, count=rows, noun="row"))
        elif rows:
            what = f"{counted(rows, 'row')} {'is' if rows == 1 else 'are'} in no table map, and would be left behind."
            todo = "Add a [[source.table]] for it, or a [[source.leave]] with a reason."
            problems.append(
                Problem("left-behind", f"{source.file}:{name}", what, todo, criterion="nothing-left-behind")
            )
    return problems, findings


MappedTable = tuple["Source", int, Table]
"""A source, the position of one of its table maps, and the table that this one names."""


def inspect_databases(
    plan: Plan,
    root: Path,
    guards: ExitStack,
    limits: Limits | None = None,
    *,
    unread: Sequence[FileProblem] = (),
    live: Path | None = None,
) -> InspectedDatabases:
    """Look at everything that the plan names.

    Args:
        plan: The plan.
        root: The workspace, or its copy.
        guards: Gets the guard of every database that could be opened; they keep writers out from now on.
        limits: Of all that is read.
        unread: Files that are known not to be readable, such as those that could not be copied.
        live: The workspace of which ``root`` is the copy.

    Returns:
        Facts, moves and the future schema, as far as they could be found, with every problem.
    """
    found, limits = InspectedDatabases(plan), limits or Limits()
    skip = _noted(plan, found, unread)
    for wrong in file_problems(plan, root, skip=skip):
        found.add_file_problem(wrong)
        skip.add(wrong.file)
    _read_databases(plan, root, found, guards, limits, skip=skip)
    tables = _mapped_tables(plan, found)
    _count_rows(found, tables)
    with _in_proportion(plan, found, limits.deadline):
        if plan.target not in found.unread:
            _foretell(plan, found, tables, limits)
        _gather(plan, root, found, guards, limits)
        for mapping in found.mappings:
            limits.deadline.at(f"the trial of {mapping.subject}")
            found.problems += find_value_changes(mapping, _read_from(root, found, mapping), limits)
        _look_for_collisions(plan, root, found, limits)
    for source in plan.sources:
        if source.name in found.sources:
            problems, findings = find_unmapped_tables(source, found.sources[source.name].rows)
            found.problems += problems
            found.findings += findings
    found.problems += check_disk_space(plan, root, live or root)
    return found


def _read_databases(
    plan: Plan, root: Path, found: InspectedDatabases, guards: ExitStack, limits: Limits, *, skip: set[str]
) -> None:
    """Read target and sources, each even if another cannot be read."""
    if plan.target not in skip and (root / plan.target).exists():
        found.target = _read(found, inspect_database("target", plan.target, root, guards, plan.deadline, limits))
    if found.target:
        found.problems += history.problems(found.target.guard.reader, plan.target)
    there = present(plan, root)
    for source in plan.in_order:
        if source.file in skip:
            continue
        if source not in there:
            text = "absent, and optional in the plan; nothing is moved from it."
            found.findings.append(Finding.of("source-absent", source.file, text))
        elif facts := _read(found, inspect_database(source.name, source.file, root, guards, plan.deadline, limits)):
            found.sources[source.name] = facts


def _noted(plan: Plan, found: InspectedDatabases, unread: Sequence[FileProblem]) -> set[str]:
    """Add the problems of ``unread`` and return its databases, spelled as in the plan."""
    spelled = {os.path.normpath(file): file for file in (plan.target, *(source.file for source in plan.sources))}
    for wrong in unread:
        file = spelled.get(os.path.normpath(wrong.file))
        if file is None:
            found.problems.append(wrong.problem)
        else:
            found.add_file_problem(replace(wrong, file=file))
    return set(found.unread)


@contextlib.contextmanager
def _in_proportion(plan: Plan, found: InspectedDatabases, deadline: Deadline) -> Iterator[None]:
    """Let what is tried out with all databases together take what all their bytes allow; else that is a problem."""
    size = sum(facts.size for facts in (*found.sources.values(), found.target) if facts)
    try:
        with deadline.within(seconds_for(size, plan.deadline), plan.target):
            yield
    except ProblemError as error:
        if "out-of-proportion" not in error.ids:
            raise
        found.problems += error.problems


def _read(found: InspectedDatabases, facts: InspectedDatabase | FileProblem) -> InspectedDatabase | None:
    if isinstance(facts, FileProblem):
        found.add_file_problem(facts)
        return None
    return facts


def _mapped_tables(plan: Plan, found: InspectedDatabases) -> list[MappedTable]:
    """Return the tables that the plan's table maps name, and add a problem for each missing one."""
    tables: list[MappedTable] = []
    for source in plan.in_order:
        if source.name not in found.sources:
            continue
        for at, table_map in enumerate(source.tables):
            if history.is_reserved(table_map.into):
                found.problems.append(history.reserved_name(f"{source.file}:{table_map.name}"))
                continue
            table = find_movable_table(source, table_map, found.sources[source.name].schema)
            if isinstance(table, Problem):
                found.problems.append(table)
            else:
                tables.append((source, at, table))
    return tables


def _count_rows(found: InspectedDatabases, tables: list[MappedTable]) -> None:
    """Compare the numbers of rows that the plan states with those of the sources."""
    for source, at, table in tables:
        table_map = source.tables[at]
        rows = found.sources[source.name].digests[table.name].rows
        if table_map.rows is not None and table_map.rows != rows:
            subject = f"{source.file}:{table_map.name}"
            what = f"the plan expects {counted(table_map.rows, 'row')}, the source has {rows}."
            todo = "Find out why, and correct rows in the plan."
            found.problems.append(Problem("other-count", subject, what, todo, criterion="rows-as-stated"))


def _foretell(plan: Plan, found: InspectedDatabases, tables: list[MappedTable], limits: Limits) -> None:
    """Fill in the future schema, and the moves into it."""
    awaited = [table.into for source in plan.sources if source.file in found.unread for table in source.tables]
    builder = TargetSchemaBuilder(plan, found.target.schema if found.target else None, limits, awaited)
    foretold: list[MappedTable] = []
    for source, at, table in tables:
        table_map, schema = source.tables[at], found.sources[source.name].schema
        try:
            wanted = _with_create(plan, table_map)
            builder.add_table(source, wanted, planned_statements(wanted, schema, source.tables, limits), schema)
            foretold.append((source, at, table))
        except sqlite3.Error as error:
            found.problems.append(read_problem(f"{source.file}:{table_map.name}", error))
    found.problems += [history.reserved_name(table.name) for table in plan.tables if history.is_reserved(table.name)]
    for required in plan.tables:
        builder.require_table(required.name, required.create)
    for source in plan.in_order:
        schema = found.sources[source.name].schema if source.name in found.sources else Schema({}, (), ())
        for view in schema.views:
            triggers = [one for one in schema.triggers if folded(one.table) == folded(view.name)]
            builder.add_view(source, view.name, view.sql, triggers)
    found.target_schema = builder.build()
    found.problems += found.target_schema.problems
    found.findings += found.target_schema.findings
    _match_tables(found, foretold)


def _with_create(plan: Plan, table_map: TableMap) -> TableMap:
    """A table that the plan requires anyway has one declaration: that of its [[table]]."""
    required = next((table.create for table in plan.tables if folded(table.name) == folded(table_map.into)), "")
    return table_map.model_copy(update={"create": required}) if required and not table_map.create else table_map


def _match_tables(found: InspectedDatabases, tables: list[MappedTable]) -> None:
    for source, at, table in tables:
        table_map = source.tables[at]
        into = found.target_schema.schema.table(table_map.into)
        if into is None:
            continue  # its creation is a problem of its own
        new = folded(table_map.into) in found.target_schema.created_tables
        mapping, problems = match_columns(found.plan, source, table_map, table, into, new=new)
        found.problems += problems
        if not problems:
            found.mappings.append(mapping)
            found.findings += declaration_findings(mapping)


def _gather(plan: Plan, root: Path, found: InspectedDatabases, resources: ExitStack, limits: Limits) -> None:
    """Bring the rows of sources that cannot be attached into a scratch database, and let their moves read it."""
    encoding = found.target.schema.header["encoding"] if found.target else "UTF-8"
    bring = [found.sources[s.name] for s in plan.in_order if any(m.source.name == s.name for m in found.mappings)]
    recoded = [facts for facts in bring if facts.schema.header["encoding"] != encoding]
    attachable = [facts for facts in bring if facts not in recoded]
    indirect = [*recoded, *attachable[MAX_DIRECT_SOURCES:]]
    if not indirect:
        return
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="consolidate-gather-")))
    staging = StagingDatabase(folder / "gathered.db", encoding, limits)
    # The number comes first, because two sources can be told apart by dots or by case alone.
    prefixes = {facts.name: f"{number}.{facts.name}" for number, facts in enumerate(indirect, 1)}
    for facts in indirect:
        found.staged[facts.name] = staging.path
        tables = [mapping.table for mapping in found.mappings if mapping.source.name == facts.name]
        try:
            staging.add(root / facts.file, tables, prefix=prefixes[facts.name], recode=facts in recoded)
        except ProblemError as error:
            found.problems += (
                replace(problem, subject=facts.file, criterion="values-fit") for problem in error.problems
            )
            found.mappings = [
                mapping for mapping in found.mappings if mapping.source.name != facts.name
            ]  # its rows are not there
        if facts in recoded:
            was = facts.schema.header["encoding"]
            text = f"its text is {was}, in the target {encoding}; each code point stays."
            found.findings.append(Finding.of("encoding-changed", facts.file, text))
    staging.close()
    found.mappings = [
        replace(mapping, table=replace(mapping.table, name=f"{prefixes[mapping.source.name]}.{mapping.table.name}"))
        if mapping.source.name in found.staged
        else mapping
        for mapping in found.mappings
    ]


def _look_for_collisions(plan: Plan, root: Path, found: InspectedDatabases, limits: Limits) -> None:
    for into in {mapping.into.name: mapping.into for mapping in found.mappings}.values():
        mappings = [mapping for mapping in found.mappings if mapping.into.name == into.name]
        key_sources = [
            KeySource(mapping, _read_from(root, found, mapping)) for mapping in mappings if found.rows(mapping)
        ]
        before = found.target.schema.table(into.name) if found.target else None
        if found.target and before and found.target.digests[before.name].rows:
            standing = mapping_of_target_rows(plan, before, into, rowids=mappings[0].rowid_counts)
            key_sources.insert(0, KeySource(standing, root / plan.target, is_target=True))
        try:
            found.problems += find_key_conflicts(into, mappings, key_sources, limits)
        except sqlite3.Error as error:
            subject = ", ".join(mapping.subject for mapping in mappings)
            found.problems.append(read_problem(subject, error))


def _read_from(root: Path, found: InspectedDatabases, mapping: TableMapping) -> Path:
    return found.staged.get(mapping.source.name, root / mapping.source.file)

"""Copy the databases that SQLite cannot attach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.chosen.followed_rows import leave_unfollowed
from sqlite_consolidate.engine.checks.references.foreign_keys import parents_of_source
from sqlite_consolidate.engine.merge.rows.row_filter import marker_name
from sqlite_consolidate.engine.merge.staging import MAX_DIRECT_SOURCES, StagingDatabase
from sqlite_consolidate.engine.sqlite.attachable import attachable
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import ExitStack

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.plan.model import Plan


_MOST_IN_ONE = 200
"""Sources that are copied into one database."""


def stage_sources(plan: Plan, databases: InspectedDatabases, resources: ExitStack, limits: Limits) -> None:
    """Copy the rows of sources that cannot be attached into a scratch database.

    Their mappings read from this database instead.
    """
    _copy_unattachable(databases, resources, limits)
    encoding = databases.target.schema.header["encoding"] if databases.target else "UTF-8"
    sources = [databases.sources[source.name] for source in plan.in_order if databases.mappings_of(source.name)]
    recoded = [database.name for database in sources if database.schema.header["encoding"] != encoding]
    groups = _groups(databases, sources, recoded)
    indirect = [database for group in groups for database in group]
    if not indirect:
        return
    folder = resources.enter_context(scratch_folder("gather"))
    # No name of a source, because SQLite and this process keep thousands of these names in memory.
    prefixes = {database.name: f"{number}." for number, database in enumerate(indirect, 1)}
    first: StagingDatabase | None = None
    for number, group in enumerate(groups):
        staging = StagingDatabase(folder / f"gathered-{number}.db", encoding, limits, is_share=len(groups) > 1)
        for database in group:
            databases.staged[database.name] = staging.path
            _stage(databases, database, staging, prefixes[database.name], recode=database.name in recoded)
            if database.name in recoded:
                databases.findings.append(_recoded_finding(database, encoding))
        if first:
            staging.close()  # a connection keeps the names of thousands of tables in memory
        first = first or staging
    databases.mappings = [
        _as_staged(mapping, prefixes[mapping.source.name]) if mapping.source.name in databases.staged else mapping
        for mapping in databases.mappings
    ]
    if first:
        leave_unfollowed(first.connection, databases)
        first.close()


def _groups(
    databases: InspectedDatabases, sources: Sequence[InspectedDatabase], recoded: Collection[str]
) -> list[list[InspectedDatabase]]:
    """Return the sources whose rows are copied, one list for each database.

    SQLite cannot attach a source with another encoding, nor more than some others. Rows that match or follow are looked
    up in one copy of all of them. Other rows of very many sources are shared out, because SQLite reads its list of all
    tables for each table that it creates.
    """
    matched = {mapping.source.name for mapping in databases.mappings if mapping.table_map.match}
    follows = any(_follows(databases, source.name) for source in sources)
    needed = [source for source in sources if source.name in matched or _follows(databases, source.name)]
    first = [source for source in sources if source.name in recoded]
    first += [source for source in needed if source.name not in recoded]
    names = {source.name for source in first}
    direct = [source for source in sources if source.name not in names]
    if follows or len(direct) <= _MOST_IN_ONE:
        together = [*first, *direct[MAX_DIRECT_SOURCES:]]
        return [together] if together else []
    shared = [direct[start::MAX_DIRECT_SOURCES] for start in range(MAX_DIRECT_SOURCES)]
    return [group for group in (first, *shared) if group]


def _stage(
    databases: InspectedDatabases, database: InspectedDatabase, staging: StagingDatabase, prefix: str, *, recode: bool
) -> None:
    """Copy the moved tables of a source and their parents, or add the problems of the copy."""
    tables = {mapping.table.name: mapping.table for mapping in databases.mappings_of(database.name)}
    parents = [key for key in parents_of_source(databases, database.name) if key.table.kind == "table"]
    for key in parents:
        tables.setdefault(key.table.name, key.table)
    try:
        staging.add(
            databases.attachable_path(database),
            [*tables.values()],
            prefix=prefix,
            recode=recode,
            markers=_markers(databases, database.name),
        )
        for key in parents:
            if key.columns != (key.table.alias,):
                staging.add_index(f"{prefix}{key.table.name}", key.columns, key.collations)
    except ProblemError as error:
        databases.problems += (
            replace(problem, subject=database.file, criterion="values-fit") for problem in error.problems
        )
        # The rows of this source are not there.
        databases.mappings = [mapping for mapping in databases.mappings if mapping.source.name != database.name]


def _recoded_finding(database: InspectedDatabase, encoding: str) -> Finding:
    before = database.schema.header["encoding"]
    text = f"its text is {before}, in the target {encoding}; each code point stays."
    return Finding.of("encoding-changed", database.file, text)


def _follows(databases: InspectedDatabases, source: str) -> bool:
    """Return whether rows of a source have to follow rows of another table."""
    return any(mapping.chosen and mapping.chosen.follows for mapping in databases.mappings_of(source))


def _markers(databases: InspectedDatabases, source: str) -> dict[str, tuple[str, str]]:
    """Return the name and the SQL of the marker of each table whose rows do not all move."""
    return {
        mapping.table.name: (_marker_of(mapping.table), f"iif({mapping.chosen.over()}, 1, 0)")
        for mapping in databases.mappings_of(source)
        if mapping.chosen
    }


def _marker_of(table: Table) -> str:
    return marker_name([column.name for column in table.columns])


def _as_staged(mapping: TableMapping, prefix: str) -> TableMapping:
    """Return a mapping that reads its rows from the staging database."""
    chosen = replace(mapping.chosen, marker=_marker_of(mapping.table)) if mapping.chosen else None
    return replace(mapping, staged_prefix=prefix, chosen=chosen)


def _copy_unattachable(databases: InspectedDatabases, resources: ExitStack, limits: Limits) -> None:
    """Copy each database that SQLite could attach but for its views and triggers."""
    for database in databases.databases:
        if database.schema.views or database.schema.triggers:
            path = resources.enter_context(attachable(database.write_lock.path, limits))
            if path != database.write_lock.path:
                databases.attachable[database.file] = path

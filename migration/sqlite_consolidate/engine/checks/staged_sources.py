"""Copy the databases that SQLite cannot attach."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.references.foreign_keys import parents_of_source
from sqlite_consolidate.engine.merge.staging import MAX_DIRECT_SOURCES, StagingDatabase
from sqlite_consolidate.engine.sqlite.attachable import attachable
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.plan.model import Plan


def stage_sources(plan: Plan, databases: InspectedDatabases, resources: ExitStack, limits: Limits) -> None:
    """Copy the rows of sources that cannot be attached into a scratch database.

    Their mappings read from this database instead.
    """
    _copy_unattachable(databases, resources, limits)
    encoding = databases.target.schema.header["encoding"] if databases.target else "UTF-8"
    sources = [databases.sources[source.name] for source in plan.in_order if databases.mappings_of(source.name)]
    recoded = [database for database in sources if database.schema.header["encoding"] != encoding]
    recoded_names = {database.name for database in recoded}
    direct = [database for database in sources if database.name not in recoded_names]
    indirect = [*recoded, *direct[MAX_DIRECT_SOURCES:]]
    if not indirect:
        return
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="consolidate-gather-")))
    staging = StagingDatabase(folder / "gathered.db", encoding, limits)
    # The number comes first, because two sources can be told apart by dots or by case alone.
    prefixes = {database.name: f"{number}.{database.name}" for number, database in enumerate(indirect, 1)}
    for database in indirect:
        databases.staged[database.name] = staging.path
        tables = [mapping.table for mapping in databases.mappings_of(database.name)]
        parents = [key for key in parents_of_source(databases, database.name) if key.table.kind == "table"]
        tables += {
            key.table.name: key.table for key in parents if key.table.name not in {t.name for t in tables}
        }.values()
        try:
            staging.add(
                databases.attachable_path(database),
                tables,
                prefix=prefixes[database.name],
                recode=database.name in recoded_names,
            )
            for key in parents:
                staging.add_index(f"{prefixes[database.name]}.{key.table.name}", key.columns, key.collations)
        except ProblemError as error:
            databases.problems += (
                replace(problem, subject=database.file, criterion="values-fit") for problem in error.problems
            )
            databases.mappings = [
                mapping for mapping in databases.mappings if mapping.source.name != database.name
            ]  # its rows are not there
        if database.name in recoded_names:
            encoding_before = database.schema.header["encoding"]
            text = f"its text is {encoding_before}, in the target {encoding}; each code point stays."
            databases.findings.append(Finding.of("encoding-changed", database.file, text))
    staging.close()
    databases.mappings = [
        replace(mapping, table=replace(mapping.table, name=f"{prefixes[mapping.source.name]}.{mapping.table.name}"))
        if mapping.source.name in databases.staged
        else mapping
        for mapping in databases.mappings
    ]


def _copy_unattachable(databases: InspectedDatabases, resources: ExitStack, limits: Limits) -> None:
    """Copy each database that SQLite could attach but for its views and triggers."""
    for database in databases.databases:
        if database.schema.views or database.schema.triggers:
            path = resources.enter_context(attachable(database.write_lock.path, limits))
            if path != database.write_lock.path:
                databases.attachable[database.file] = path

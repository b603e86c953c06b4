"""Find the tables of the target in which rows of several files are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.merge.table_mapping import mapping_of_target_rows
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table


@dataclass(frozen=True)
class MergedTable:
    """Hold a table of the target in which rows of several files are kept.

    Attributes:
        into: The table as it will be.
        mappings: The tables of the files, those of the target first.
    """

    into: Table
    mappings: tuple[TableMapping, ...]

    @property
    def files(self) -> list[str]:
        """Return the files in the order of the plan, the target first."""
        return list(dict.fromkeys(mapping.source.file for mapping in self.mappings))

    @property
    def sources(self) -> list[TableMapping]:
        """Return the mappings of sources."""
        return [mapping for mapping in self.mappings if mapping.source.file != mapping.plan.target]


def find_merged_tables(databases: InspectedDatabases) -> list[MergedTable]:
    """Return the tables of the target in which rows of several files are kept.

    A file whose rows are matched with those of others shares them and is left out. So is bookkeeping, and a table with
    one row in each file.
    """
    tables = {folded(mapping.into.name): mapping.into for mapping in databases.mappings}
    merged = (MergedTable(into, tuple(_kept(mappings_into(databases, into)))) for into in tables.values())
    with_rows = (
        MergedTable(each.into, tuple(mapping for mapping in each.mappings if rows_of(databases, mapping)))
        for each in merged
        if len(each.files) > 1 and each.into.kind == "table" and not is_migration_stamp(each.into.name)
    )
    return [each for each in with_rows if len(each.files) > 1 and _has_several_rows(databases, each)]


def _has_several_rows(databases: InspectedDatabases, table: MergedTable) -> bool:
    """Return whether a file has more rows than one, as a table of a version has."""
    return any(rows_of(databases, mapping) > 1 for mapping in table.mappings)


def mappings_into(databases: InspectedDatabases, into: Table) -> Iterator[TableMapping]:
    """Yield the mappings into a table of the target, that of its own rows first."""
    before = databases.target.schema.table(into.name) if databases.target else None
    if before is not None and before.kind == "table":
        yield mapping_of_target_rows(databases.plan, before, into, rowids=False)
    yield from databases.mappings_into(into.name)


def rows_of(databases: InspectedDatabases, mapping: TableMapping) -> int:
    """Return the number of rows of a mapping that the target has after the run."""
    target = databases.target
    if target and mapping.source.file == target.file:
        digest = target.digests.get(mapping.source_table.name)
        return digest.rows if digest else 0
    return databases.rows(mapping)


def is_kept(mapping: TableMapping) -> bool:
    """Return whether all rows of a mapping are further rows of the target."""
    return not mapping.table_map.match and mapping.table_map.on_conflict == "refuse"


def _kept(mappings: Iterator[TableMapping]) -> Iterator[TableMapping]:
    return (mapping for mapping in mappings if is_kept(mapping) and mapping.source_table.is_readable)


def of_files(mappings: Sequence[TableMapping], files: Collection[str]) -> list[TableMapping]:
    """Return the mappings of some files."""
    return [mapping for mapping in mappings if mapping.source.file in files]

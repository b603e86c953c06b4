"""Find the mappings of tables that refer to each other, and the names of their columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Table


def target_column(mapping: TableMapping, name: str) -> str:
    """Return the target's name of a source column, which may be a generated one."""
    names = {folded(old): new for old, new in (*mapping.table_map.columns.items(), *mapping.columns)}
    return names.get(folded(name), name)


def source_column(mapping: TableMapping, name: str) -> str:
    """Return the source's name of a target column, which may be a generated one."""
    names = {folded(new): old for old, new in (*mapping.table_map.columns.items(), *mapping.columns)}
    return names.get(folded(name), name)


def stored_name(table: Table, name: str) -> str:
    """Return the name of a column or of the rowids of a search index, or an empty text."""
    column = table.column(name)
    is_rowid = table.kind == "virtual" and folded(table.rowid) == folded(name)
    return column.name if column else table.rowid if is_rowid else ""


def mapping_of(databases: InspectedDatabases, child: TableMapping, table: str) -> TableMapping | None:
    """Return the mapping of a table of the same source."""
    return databases.mapping_of(child.source.name, table)


def mapping_into(databases: InspectedDatabases, child: TableMapping, into: str) -> TableMapping | None:
    """Return the mapping of the same source that leads into a table."""
    return databases.mapping_into(child.source.name, into)


def table_as_read(databases: InspectedDatabases, child: TableMapping, table: Table) -> Table:
    """Return a table under the name by which its rows are read, beside the child's."""
    if moved := mapping_of(databases, child, table.name):
        return moved.table
    return replace(table, name=f"{child.staged_prefix}{table.name}") if child.staged_prefix else table

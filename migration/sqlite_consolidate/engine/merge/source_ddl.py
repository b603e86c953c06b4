"""Planned: the DDL statements that one table map asks the target for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.engine.sqlite.statements import Statement
from sqlite_consolidate.plan.ddl import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema import Schema, Table
    from sqlite_consolidate.plan.model import TableMap
else:
    from sqlite_utils.utils import sqlite3


def planned_statements(
    table_map: TableMap, schema: Schema, beside: Sequence[TableMap] = (), limits: Limits | None = None
) -> list[Statement]:
    """Return the DDL for one table map: the plan's own, or the source's with the plan's renames applied.

    Args:
        table_map: The map.
        schema: The source's schema.
        beside: All maps of the source: foreign keys and triggers follow what they rename.
        limits: End what SQLite does with the schema in memory.

    Raises:
        sqlite3.Error: The source's schema needs what only its application has (a collation, a function, a module).
    """
    if table_map.create:
        return create_statements(table_map.create, limits)
    table = schema.table(table_map.name)
    if table is None:
        raise ValueError(f"no table {table_map.name}")
    maps = [table_map, *(one for one in beside if folded(one.name) != folded(table_map.name))]
    if any(one.columns or (one.target_name and one.target_name != one.name) for one in maps):
        return _renamed(maps, table, schema, limits)
    return _as_they_are(table, schema)


def create_statements(text: str, limits: Limits | None = None) -> list[Statement]:
    """Return what a ``create`` text of the plan makes, as SQLite would hold it in its schema."""
    con = open_memory(limits)
    try:
        for statement in statements(text):
            con.execute(statement)
        return _statements_of(con)
    finally:
        con.close()


def _as_they_are(table: Table, schema: Schema) -> list[Statement]:
    found = [Statement("table", table.name, table.name, table.sql)]
    found += [Statement("index", index.name, table.name, index.sql) for index in table.indexes if index.sql]
    of_table = [trigger for trigger in schema.triggers if folded(trigger.table) == folded(table.name)]
    return found + [Statement("trigger", trigger.name, table.name, trigger.sql) for trigger in of_table]


def _renamed(maps: list[TableMap], table: Table, schema: Schema, limits: Limits | None) -> list[Statement]:
    """Let SQLite itself rename: ALTER TABLE rewrites indexes, triggers, checks and foreign keys with it.

    All tables of the source are there while it does so, for a trigger may mention any of them.
    """
    con = open_memory(limits)
    try:
        for other in schema.movable:
            if other is not table:
                with contextlib.suppress(sqlite3.Error):  # what this one lacks is its own map's affair
                    con.execute(other.sql)
        for statement in _as_they_are(table, schema):
            con.execute(statement.sql)
        _rename(con, maps, schema)
        return _statements_of(con, maps[0].target_name or table.name)
    finally:
        con.close()


def _rename(con: sqlite3.Connection, maps: list[TableMap], schema: Schema) -> None:
    """Rename in two steps, through names that nobody uses: two tables, or two columns, may change places."""
    there = [(one, table) for one in maps if (table := schema.table(one.name)) and _known(con, table.name)]
    for at, (one, table) in enumerate(there):
        columns = [(column.name, new) for old, new in one.columns.items() if (column := table.column(old))]
        for n, (old, _) in enumerate(columns):
            con.execute(f'ALTER TABLE {quoted(table.name)} RENAME COLUMN {quoted(old)} TO "~{n}"')
        for n, (_, new) in enumerate(columns):
            con.execute(f'ALTER TABLE {quoted(table.name)} RENAME COLUMN "~{n}" TO {quoted(new)}')
        if (one.target_name or table.name) != table.name:
            con.execute(f'ALTER TABLE {quoted(table.name)} RENAME TO "~{at}"')
    for at, (one, table) in enumerate(there):
        new = one.target_name or table.name
        if new == table.name:
            continue
        if _known(con, new):  # a table that is not moved; who mentions it must not mean this one
            con.execute(f"ALTER TABLE {quoted(new)} RENAME TO {quoted(f'{new} (not moved)')}")
        con.execute(f'ALTER TABLE "~{at}" RENAME TO {quoted(new)}')


def _known(con: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return con.execute(query, (name,)).fetchone() is not None


def _statements_of(con: sqlite3.Connection, table: str | None = None) -> list[Statement]:
    rows = con.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND (?1 IS NULL OR tbl_name = ?1 COLLATE NOCASE)"
        " ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid",
        (table,),
    )
    return [Statement(*row) for row in rows]

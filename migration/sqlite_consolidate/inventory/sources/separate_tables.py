"""Declare the tables of a pattern under the names that they have in the target."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.proposed_parts import ProposedTable
from sqlite_consolidate.inventory.sources.table_versions import create_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table, TriggerOrView
    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.sources.families import Family
else:
    from sqlite_consolidate.sqlite_library import sqlite3

Declared = tuple["Table", "Mapping[str, TriggerOrView]"]
"""A table, and its triggers and the views that read it, by their folded names."""


def declare_tables(tables: Sequence[Declared], names: Mapping[str, str]) -> list[ProposedTable]:
    """Return the declarations of tables under their names in the target.

    SQLite renames a table in the statements that use it. A view reads several tables, and is created once. A view that
    reads a table with another name is not among the declarations, because a run rewrites it.

    Args:
        tables: The tables that are moved together.
        names: Each table to its name in the target.

    Raises:
        sqlite3.Error: SQLite cannot rename them, for example because a view reads a table that is not among them.
    """
    created = {
        name
        for table, users in tables
        for name, user in users.items()
        if names[table.name] != table.name and folded(user.table) != folded(table.name)
    }
    further: list[tuple[Table, list[TriggerOrView]]] = []
    for table, users in tables:
        further.append((table, [user for name, user in users.items() if name not in created]))
        created |= users.keys()
    renamed = [(name, into) for name, into in names.items() if name != into]
    if not renamed:
        return [ProposedTable(table.name, create_text(table, added)) for table, added in further]
    with closing(open_memory()) as con:
        for table, added in further:
            con.executescript(create_text(table, added))
        for name, into in renamed:
            con.execute(f"ALTER TABLE {quoted(name)} RENAME TO {quoted(into)}")
        schema = read_schema(con)
    rewritten = {folded(user.name): user for user in (*schema.views, *schema.triggers)}
    return [
        ProposedTable(
            names[table.name],
            create_text(schema.tables[names[table.name]], [rewritten[folded(user.name)] for user in added]),
        )
        for table, added in further
    ]


def declare_separate_tables(source: ProposedSource, family: Family) -> list[ProposedTable]:
    """Return the tables of a pattern that are kept apart and have several versions."""
    names = {each.name: each.into for each in source.maps}
    apart = {into for name, into in names.items() if name != into}
    if not source.files or not any(names[name] in apart and family.has_versions(name) for name in names):
        return []
    moved = [(table.table, family.users_of(table.name)) for table in family.database.tables if table.name in names]
    try:
        declared = declare_tables([each for each in moved if each[0].kind == "table"], names)
    except sqlite3.Error:
        return []
    return [table for table in declared if table.name in apart]

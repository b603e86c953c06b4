"""Derive the DDL statements that one table map needs in the target."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.movable_tables import columns_in_one
from sqlite_consolidate.engine.sqlite.application.stand_ins import execute_with_stand_ins
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN, Statement, words_of
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted
from sqlite_consolidate.plan.ddl import statements
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.model import Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3

NOT_MOVED = " (not moved)"
"""What follows the name of a table that stays while another table takes its name."""


def planned_statements(
    table_map: TableMap,
    schema: Schema,
    source_maps: Sequence[TableMap] = (),
    limits: Limits | None = None,
    renamed_views: Mapping[str, str] | None = None,
) -> list[Statement]:
    """Return the DDL statements for the target table of one table map.

    They are the plan's ``create`` text, if it has one. Otherwise they are the source's statements after the plan's
    renames.

    Args:
        table_map: The table map.
        schema: The source's schema.
        source_maps: All table maps of the source. Foreign keys and triggers follow the renames of each of them.
        limits: Limits of what SQLite executes in memory.
        renamed_views: Folded name of each view that has another name in the target, to that name.

    Raises:
        sqlite3.Error: The source's schema needs a collation, a function or a module that only its application has.
    """
    if table_map.create:
        return create_statements(table_map.create, limits)
    table = schema.table(table_map.name)
    if table is None:
        raise ValueError(f"no table {table_map.name}")
    planned = _source_statements(table, schema)
    if not has_renames(table_map, source_maps):
        return planned
    names = _related_names(planned, schema)
    maps = [table_map, *_related_maps(names, table_map, source_maps)]
    names |= {folded(each.name) for each in maps}
    renamed_views = {name: view for name, view in (renamed_views or {}).items() if name in names}
    if not renamed_views and not any(map(_is_renamed, maps)):
        return planned
    return _renamed(maps, planned, names, schema, limits, renamed_views)


def has_renames(table_map: TableMap, source_maps: Sequence[TableMap]) -> bool:
    """Return whether the target has another name for a table or a column of one source."""
    return _is_renamed(table_map) or _is_any_renamed(_Maps(source_maps))


@dataclass(frozen=True)
class _Maps:
    """Identify a list of table maps, of which none changes, by its object."""

    maps: Sequence[TableMap]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Maps) and self.maps is other.maps

    def __hash__(self) -> int:
        return id(self.maps)


@lru_cache(maxsize=8)
def _is_any_renamed(maps: _Maps) -> bool:
    """Return whether a table of a source has another name in the target, or a column of it."""
    return any(map(_is_renamed, maps.maps))


@lru_cache(maxsize=8)
def _positions(maps: _Maps) -> dict[str, list[int]]:
    """Return the positions of table maps by the folded names of both of their tables."""
    positions: dict[str, list[int]] = {}
    for position, each in enumerate(maps.maps):
        for name in {folded(each.name), folded(each.into)}:
            positions.setdefault(name, []).append(position)
    return positions


def _related_maps(names: Collection[str], table_map: TableMap, source_maps: Sequence[TableMap]) -> list[TableMap]:
    """Return the other maps of a source with one of these names for one of their tables."""
    positions = _positions(_Maps(source_maps))
    related = sorted({position for name in names for position in positions.get(name, ())})
    maps = [source_maps[position] for position in related]
    return [each for each in maps if folded(each.name) != folded(table_map.name)]


def _related_names(planned: Sequence[Statement], schema: Schema) -> set[str]:
    """Return the folded words of statements and of the views that they use.

    All tables and views that the statements use are among them, over several levels of views.
    """
    views = {folded(view.name): view.sql for view in schema.views} if planned[-1].kind == "trigger" else {}
    names: set[str] = set()
    texts = [statement.sql for statement in planned]
    while texts:
        words = set(words_of(texts.pop())) - names
        names |= words
        texts += [views[word] for word in words if word in views]
    return names


def _is_renamed(table_map: TableMap) -> bool:
    return bool(table_map.columns or (table_map.target_name and table_map.target_name != table_map.name))


def create_statements(text: str, limits: Limits | None = None) -> list[Statement]:
    """Return the statements of a ``create`` text as SQLite stores them in its schema."""
    con = open_memory(limits)
    try:
        for statement in statements(text):
            con.execute(statement)
        return _read_statements(con)
    finally:
        con.close()


def _source_statements(table: Table, schema: Schema) -> list[Statement]:
    planned = [Statement("table", table.name, table.name, table.sql)]
    planned += [Statement("index", index.name, table.name, index.sql) for index in table.indexes if index.sql]
    triggers = schema.triggers_on(table.name)
    return planned + [Statement("trigger", trigger.name, table.name, trigger.sql) for trigger in triggers]


def _renamed(
    maps: Sequence[TableMap],
    planned: Sequence[Statement],
    names: Collection[str],
    schema: Schema,
    limits: Limits | None,
    renamed_views: Mapping[str, str],
) -> list[Statement]:
    """Return the statements of a table after SQLite has applied the renames.

    ALTER TABLE rewrites indexes, triggers, checks and foreign keys as well. The tables that these mention are created
    first. So are tables that stand in for the views that its triggers mention.

    Args:
        maps: The map of the table, then those of the other tables that the statements mention.
        planned: The statements of the table in the source.
        names: Folded words of the statements and of the views that they use.
        schema: The source's schema.
        limits: Limits of what SQLite executes in memory.
        renamed_views: Folded name of each view that has another name in the target, to that name.
    """
    con = open_memory(limits)
    try:
        others = (schema.table(name) for name in names if name != folded(planned[0].name))
        for other in filter(None, others):
            if other.kind in ("table", "virtual") and not other.lacks:
                with contextlib.suppress(sqlite3.Error):  # its own table map reports this error
                    con.execute(other.sql)
        for statement in planned:
            execute_with_stand_ins(con, statement.sql)  # an index for which SQLite lacks something can be left behind
        triggers = [statement for statement in planned if statement.kind == "trigger"]
        _add_stand_ins(con, triggers, schema)
        if any("sqlite_stat" in folded(trigger.sql) for trigger in triggers):
            con.execute("ANALYZE")  # SQLite renames nothing beside a trigger whose table does not exist
        common_names = rename_tables(con, maps, schema)
        rename_stand_ins(con, schema, renamed_views)
        return [
            replace(statement, sql=with_common_names(statement.sql, common_names))
            for statement in _read_statements(con, maps[0].into)
        ]
    finally:
        con.close()


def _add_stand_ins(con: sqlite3.Connection, triggers: Sequence[Statement], schema: Schema) -> None:
    """Create tables for the views that triggers mention.

    SQLite renames nothing beside a trigger whose view does not exist.
    """
    words = {word for trigger in triggers for word in words_of(trigger.sql)}
    if not any(folded(view.name) in words for view in schema.views):
        return
    for sql in view_stand_ins(con, schema, words):
        con.execute(sql)


def view_stand_ins(con: sqlite3.Connection, schema: Schema, names: Collection[str]) -> list[str]:
    """Return the statements of tables that have the names and the columns of views.

    Args:
        con: Database in memory with the tables of the schema. It is the same afterwards.
        schema: Schema with the views.
        names: Folded names of the views that count.
    """
    statements = []
    con.execute("SAVEPOINT views")
    for view in schema.views:
        with contextlib.suppress(sqlite3.Error):  # the plan of the views reports it
            con.execute(view.sql)
    for view in schema.views:
        with contextlib.suppress(sqlite3.Error):
            if folded(view.name) in names:
                statements.append(stand_in(view.name, column_names(con, view.name)))
    con.execute("ROLLBACK TO views")
    con.execute("RELEASE views")
    return statements


def stand_in(view: str, columns: list[str]) -> str:
    """Return the statement that creates a table with the name and the columns of a view."""
    return f"CREATE TABLE {quoted(view)}({identifier_list(columns)})"


def rename_stand_ins(con: sqlite3.Connection, schema: Schema, renamed_views: Mapping[str, str]) -> None:
    """Rename the tables that stand in for views.

    Args:
        con: Database in memory with them.
        schema: Schema with the views.
        renamed_views: Folded name of each view that has another name in the target, to that name.
    """
    for view in schema.views:
        name = renamed_views.get(folded(view.name))
        if name and has_table(con, view.name):
            execute_with_stand_ins(con, f"ALTER TABLE {quoted(view.name)} RENAME TO {quoted(name)}")


def column_names(con: sqlite3.Connection, name: str) -> list[str]:
    """Return the names of the columns of a table or a view."""
    return [row[1] for row in execute_with_stand_ins(con, f"PRAGMA main.table_xinfo({quoted(name)})").fetchall()]


def tables_together(source: Source) -> list[list[TableMap]]:
    """Return each group of two or more tables of one source that go into one table."""
    return _groups_together(_Maps(source.tables))


@lru_cache(maxsize=8)
def _groups_together(maps: _Maps) -> list[list[TableMap]]:
    groups: dict[str, list[TableMap]] = {}
    for table_map in maps.maps:
        groups.setdefault(folded(table_map.into), []).append(table_map)
    return [group for group in groups.values() if len(group) > 1]


def describe_together(maps: Sequence[TableMap]) -> str:
    """Return in words that several tables go into one, or an empty text without a table."""
    return f"{join_names([each.name for each in maps])} go into {maps[0].into}" if maps else ""


def rename_tables(con: sqlite3.Connection, maps: Sequence[TableMap], schema: Schema) -> dict[str, str]:
    """Rename tables and columns in two steps, through temporary names.

    Two tables, or two columns, may exchange their names. Of several tables that go into one, only the first has its
    name afterwards.

    Returns:
        The name that each of the others has, in quotes, to the name of the table that they go into.
    """
    tables = [(each, table) for each in maps if (table := schema.table(each.name)) and has_table(con, table.name)]
    names: dict[int, str] = {}
    common_names: dict[str, str] = {}
    free = _free_prefix(con, [table for _, table in tables])
    for number, (table_map, table) in enumerate(tables):
        _rename_columns(con, table_map, table, free)
        names[number] = table_map.into
        if any(folded(table_map.into) == folded(other.into) for other, _ in tables[:number]):
            names[number] = f"{free}{number} in {table_map.into}"
            common_names[quoted(names[number])] = quoted(table_map.into)
        if names[number] != table.name:
            execute_with_stand_ins(con, f'ALTER TABLE {quoted(table.name)} RENAME TO "{free}{number}"')
    for number, (_, table) in enumerate(tables):
        if names[number] == table.name:
            continue
        if has_table(con, names[number]):  # a table that is not moved must not be mistaken for the renamed one
            execute_with_stand_ins(
                con, f"ALTER TABLE {quoted(names[number])} RENAME TO {quoted(names[number] + NOT_MOVED)}"
            )
        execute_with_stand_ins(con, f'ALTER TABLE "{free}{number}" RENAME TO {quoted(names[number])}')
    return common_names


def with_common_names(sql: str, common_names: Mapping[str, str]) -> str:
    """Return a statement that names, for each of several tables, the one that they go into.

    Args:
        sql: A statement that SQLite has rewritten.
        common_names: The result of ``rename_tables``.
    """
    return TOKEN.sub(lambda token: common_names.get(token[0], token[0]), sql) if common_names else sql


def _free_prefix(con: sqlite3.Connection, tables: Sequence[Table]) -> str:
    """Return a text with which no object of ``con`` and no column of tables begins."""
    prefix = "~"
    names = [name for (name,) in con.execute("SELECT name FROM sqlite_schema")]
    names += [column.name for table in tables for column in table.columns]
    while any(name.startswith(prefix) for name in names):
        prefix += "~"
    return prefix


def _rename_columns(con: sqlite3.Connection, table_map: TableMap, table: Table, free: str) -> None:
    if columns_in_one("", table_map, table):
        return  # its own table map reports this mistake
    columns = [(column.name, new) for old, new in table_map.columns.items() if (column := table.column(old))]
    for index, (old, _) in enumerate(columns):
        execute_with_stand_ins(con, f'ALTER TABLE {quoted(table.name)} RENAME COLUMN {quoted(old)} TO "{free}{index}"')
    for index, (_, new) in enumerate(columns):
        execute_with_stand_ins(con, f'ALTER TABLE {quoted(table.name)} RENAME COLUMN "{free}{index}" TO {quoted(new)}')


def has_table(con: sqlite3.Connection, name: str) -> bool:
    """Return whether a database has a table of this name, as SQLite compares names."""
    query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return con.execute(query, (name,)).fetchone() is not None


def _read_statements(con: sqlite3.Connection, table: str | None = None) -> list[Statement]:
    rows = con.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND (?1 IS NULL OR tbl_name = ?1 COLLATE NOCASE)"
        " AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')"
        " ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid",
        (table,),
    )
    return [Statement(*row) for row in rows]

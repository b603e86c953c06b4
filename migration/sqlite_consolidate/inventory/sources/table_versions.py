"""Compare the declarations that versions of a program make of one table."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.derived.trigger_inserts import state_columns
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.declarations import table_declarations
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, keys_of, read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table, TriggerOrView
    from sqlite_consolidate.inventory.inspection import Database
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def fits_into(table: Table, first: Table) -> bool:
    """Return whether rows of a table fit into another one that may have further columns.

    A further column has a default or may be NULL, as one that a later version of the program has added.
    """
    if same_statement(first.sql, table.sql):
        return True
    columns = {folded(column.name): column for column in first.columns}
    further = columns.keys() - {folded(column.name) for column in table.columns}
    return (
        bool(further)
        and all(columns.get(folded(column.name)) == column for column in table.columns)
        and all(not columns[name].key and (not columns[name].notnull or columns[name].default) for name in further)
        and (table.strict, table.without_rowid, set(keys_of(table)), set(table.foreign_keys))
        == (first.strict, first.without_rowid, set(keys_of(first)), set(first.foreign_keys))
    )


def unite(first: Table, second: Table) -> Table | None:
    """Return a table with the columns and indexes of two tables, or None.

    One of them fits into the other, or both have the same constraints, and in common more than half of the columns of
    the smaller one. The columns that the wider one lacks stand last.
    """
    wide, other = (second, first) if fits_into(first, second) else (first, second)
    known = {folded(column.name) for column in wide.columns}
    further = [column for column in other.columns if folded(column.name) not in known]
    common = len(other.columns) - len(further)
    is_like = 2 * common > min(len(wide.columns), len(other.columns)) and _constraints(wide) == _constraints(other)
    if wide.kind != "table" or wide.name != other.name or not (is_like or fits_into(other, wide)):
        return None
    indexes = {folded(index.name): index.sql for table in (other, wide) for index in table.indexes if index.sql}
    try:
        with closing(open_memory()) as con:
            con.execute(wide.sql)
            for column in further:
                con.execute(f"ALTER TABLE {quoted(wide.name)} ADD COLUMN {_definition(column)}")
            for sql in indexes.values():
                con.execute(sql)
            united = read_schema(con).tables[wide.name]
    except sqlite3.Error:  # a function that only its application has, or a column that no row can have later
        return None
    return united if is_part(first, united) and is_part(second, united) else None


def is_part(table: Table, united: Table) -> bool:
    """Return whether a table fits into another one, which has all of its indexes."""
    indexes = {folded(index.name): index.sql for index in united.indexes}
    return fits_into(table, united) and all(
        same_statement(indexes.get(folded(index.name), ""), index.sql) for index in table.indexes if index.sql
    )


def unite_all(tables: Sequence[Table]) -> Table | None:
    """Return a table with the columns and indexes of several versions.

    None is returned where they cannot be one table.
    """
    first, *others = {table.sql: table for table in tables}.values()
    united: Table | None = first
    for table in others:
        united = united and (united if same_version(table, united) else unite(united, table))
    return united


def same_version(table: Table, other: Table) -> bool:
    """Return whether two tables are declared alike, with their indexes."""
    indexes = [{folded(each.name): each.sql for each in version.indexes if each.sql} for version in (table, other)]
    return (
        same_statement(table.sql, other.sql)
        and indexes[0].keys() == indexes[1].keys()
        and all(same_statement(sql, indexes[1][name]) for name, sql in indexes[0].items())
    )


def create_text(table: Table, users: Iterable[TriggerOrView]) -> str:
    """Return the statements that create a table with its indexes and its users.

    Each separator begins with a line end, because a statement can end with a comment.
    """
    indexes = [index.sql for index in table.indexes if index.sql]
    return "\n; ".join([table.sql, *indexes, *(user.sql for user in users)])


def users_of(table: str, database: Database) -> dict[str, TriggerOrView]:
    """Return the triggers of a table and the views that read it, by their folded names.

    The INSERTs of the triggers list their columns, because the table can get further ones.

    Args:
        table: Folded name of the table.
        database: A database that has it.
    """
    triggers = database.schema.triggers_on(table)
    tables = database.tables if triggers else ()
    columns = {folded(each.name): [column.name for column in each.table.stored] for each in tables}
    views = zip(database.schema.views, database.joined, strict=True)
    used = [
        *(state_columns(trigger, columns) for trigger in triggers),
        *(view for view, names in views if table in names),
    ]
    return {folded(each.name): each for each in used}


def agree(users: Mapping[str, TriggerOrView], others: Mapping[str, TriggerOrView]) -> bool:
    """Return whether the triggers and views with equal names are declared alike."""
    return all(same_statement(users[name].sql, others[name].sql) for name in users.keys() & others.keys())


def _constraints(table: Table) -> dict[str, set[str]]:
    return {kind: set(clauses) for kind, clauses in table_declarations(table, Schema({}, (), ())).items()}


def _definition(column: Column) -> str:
    constraint = " NOT NULL" if column.notnull else ""
    default = f" DEFAULT ({column.default})" if column.default is not None else ""
    return f"{quoted(column.name)} {column.type}{constraint}{default}"

"""Change rows and objects of a database in spite of its triggers and constraints."""

from __future__ import annotations

import contextlib
import os
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted
from sqlite_consolidate.faults.fault import not_planted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_T = TypeVar("_T")


@contextlib.contextmanager
def open_unchecked(path: Path) -> Iterator[sqlite3.Connection]:
    """Lend a connection in autocommit mode that checks no constraint."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA foreign_keys=OFF")
        con.execute("PRAGMA ignore_check_constraints=ON")
        yield con


@contextlib.contextmanager
def with_times_kept(path: Path) -> Iterator[None]:
    """Restore the time of modification of a file after the block, as a process can do."""
    status = path.stat()
    yield
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextlib.contextmanager
def without_triggers(con: sqlite3.Connection, table: Table) -> Iterator[None]:
    """Drop the triggers of a table and disable CHECK constraints inside the block."""
    sql = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
    triggers = con.execute(sql, (table.name,)).fetchall()
    for name, _ in triggers:
        con.execute(f"DROP TRIGGER main.{quoted(name)}")
    con.execute("PRAGMA ignore_check_constraints=ON")
    try:
        yield
    finally:
        con.execute("PRAGMA ignore_check_constraints=OFF")
        for _, create in triggers:
            con.execute(create)


def last_row_condition(table: Table, condition: str = "1") -> str:
    """Return a WHERE clause for the last row of a table for which a condition holds."""
    identity = [table.alias or table.rowid] if table.alias or table.rowid else list(table.primary_key)
    identity = identity or [column.name for column in table.stored]
    names, table_name = identifier_list(identity), f"main.{quoted(table.name)}"
    order = ", ".join(f"{quoted(name)} DESC" for name in identity)
    return f"({names}) IS (SELECT {names} FROM {table_name} WHERE {condition} ORDER BY {order} LIMIT 1)"


def tables_with_rows(con: sqlite3.Connection, names: Iterable[str] | None = None) -> Iterator[Table]:
    """Yield the ordinary tables that have rows.

    Args:
        con: Connection to the database.
        names: Tables in the order to yield them; None means all of the database.
    """
    schema = read_schema(con)
    tables = [schema.table(name) for name in names] if names is not None else list(schema.tables.values())
    for table in tables:
        if (
            table is None
            or table.kind != "table"
            or table.lacks_for_writing
            or table.name.lower().startswith("sqlite_")
        ):
            continue
        if con.execute(f"SELECT 1 FROM main.{quoted(table.name)} LIMIT 1").fetchone():
            yield table


def drop_last_row(con: sqlite3.Connection, tables: Iterable[Table], reason: str) -> None:
    """Delete the last row of the first table.

    Raises:
        ProblemError: There is no table; ``reason`` is its text.
    """
    table = first(tables, reason)
    with without_triggers(con, table):
        con.execute(f"DELETE FROM main.{quoted(table.name)} WHERE {last_row_condition(table)}")


def swap_columns(con: sqlite3.Connection, tables: Iterable[Table], reason: str) -> None:
    """Swap the values of two columns in one row of the first table that allows it.

    Raises:
        ProblemError: No row of any table has two different values that can be swapped.
    """
    for table in tables:
        for first_column, second_column in combinations([quoted(column.name) for column in table.stored], 2):
            where = last_row_condition(table, f"{first_column} IS NOT {second_column}")
            if _update_row(con, table, f"{first_column} = {second_column}, {second_column} = {first_column}", where):
                return
    raise not_planted(reason)


def retype(con: sqlite3.Connection, tables: Iterable[Table], reason: str) -> None:
    """Cast a text to a blob, or a blob to a text, in the first table that allows it.

    The bytes stay the same.

    Raises:
        ProblemError: No column with a text or a blob would keep the other type.
    """
    for table in tables:
        for column in table.stored:
            name = quoted(column.name)
            for type_before, new_type in (("text", "BLOB"), ("blob", "TEXT")):
                where = last_row_condition(table, f"typeof({name}) = '{type_before}'")
                if _update_row(con, table, f"{name} = CAST({name} AS {new_type})", where):
                    return
    raise not_planted(reason)


def change_a_value(con: sqlite3.Connection, table: Table, where: str, spared: Sequence[str]) -> bool:
    """Set a column of some rows of a table to another value, and return whether a row changed.

    Args:
        con: Connection to the database.
        table: The table.
        where: SQL condition of the rows.
        spared: Columns that stay unchanged.
    """
    for column in table.stored:
        name = quoted(column.name)
        for value in (f"{name} + 1", f"{name} || '~'", "NULL"):
            changes = f"{where} AND {name} IS NOT NULL AND {name} IS NOT {value}"
            if column.name not in spared and _update_row(con, table, f"{name} = {value}", changes):
                return True
    return False


def _update_row(con: sqlite3.Connection, table: Table, assignment: str, where: str) -> bool:
    """Update a row if the constraints of the table allow it, and return whether a row changed."""
    with without_triggers(con, table):
        try:
            return con.execute(f"UPDATE main.{quoted(table.name)} SET {assignment} WHERE {where}").rowcount > 0
        except sqlite3.IntegrityError:
            return False


def first(items: Iterable[_T], reason: str) -> _T:
    """Return the first item.

    Raises:
        ProblemError: There is no item; ``reason`` is its text.
    """
    for item in items:
        return item
    raise not_planted(reason)

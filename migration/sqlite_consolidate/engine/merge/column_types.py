"""Determine how a column compares, and what it stores for a default or a constant."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, strip_literals

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_BINARY = "binary"


def affinity(column: Column) -> str:
    """Return the type affinity of a column.

    The rules are in section 3.1 of https://sqlite.org/datatype3.html.
    """
    kind = column.type
    if "INT" in kind:
        return "INTEGER"
    if any(part in kind for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in kind or not kind:
        return "BLOB"
    if any(part in kind for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def column_affinity(table: Table, name: str) -> str:
    """Return the affinity of a column. A STRICT table stores ANY unchanged."""
    column = table.column(name)
    if column is None or (table.strict and column.type == "ANY"):
        return "BLOB"
    return affinity(column)


def default_is_constant(column: Column) -> bool:
    """Return whether every row that omits the column gets the same value.

    A function call or CURRENT_TIMESTAMP gives each row its own value.
    """
    code = strip_literals(column.default or "")
    return "(" not in code and "current_" not in code


def stored_default(column: Column, *, strict: bool) -> str:
    """Return the value of a column in a row that omits it, as an SQL literal.

    SQLite applies the column's affinity to the default. ``DEFAULT 0`` of a REAL column is stored as 0.0, and
    ``DEFAULT "x"`` is stored as the text x.

    Args:
        column: A column whose default is constant.
        strict: Whether its table is STRICT. In a STRICT table, a column of type ANY stores every value unchanged.
    """
    if column.default is None:
        return "NULL"
    kind = "BLOB" if strict and column.type == "ANY" else affinity(column)
    con = open_memory()
    try:
        for text in (column.default, f"({column.default})"):  # table_info shows DEFAULT (1+2) as 1+2
            with contextlib.suppress(sqlite3.Error):
                con.execute(f"CREATE TABLE one(number, value {kind} DEFAULT {text})")
                break
        con.execute("INSERT INTO one(number) VALUES(1)")
        value = con.execute("SELECT value FROM one").fetchone()[0]
    finally:
        con.close()
    return constant_literal(value)


def stored_constant(column: Column, value: float | str, *, strict: bool) -> str:
    """Return what a column stores for a value, as an SQL literal.

    Args:
        column: The column.
        value: The value.
        strict: Whether its table is STRICT.

    Raises:
        sqlite3.Error: The column of the STRICT table refuses the value.
    """
    con = open_memory()
    try:
        con.execute(
            f"CREATE TABLE one(value {column.type}) STRICT" if strict else f"CREATE TABLE one(value {affinity(column)})"
        )
        con.execute(f"INSERT INTO one VALUES({constant_literal(value)})")
        stored = con.execute("SELECT value FROM one").fetchone()[0]
    finally:
        con.close()
    return constant_literal(stored)


def constant_literal(value: Any) -> str:
    """Return a value as an SQL literal that is one in each encoding of a database."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else literal(value)


def comparison(table: Table, column: Column) -> tuple[str, str]:
    """Return what determines how SQLite compares the values of a column.

    Each numeric affinity converts the other value alike.
    """
    kind = "BLOB" if table.strict and column.type == "ANY" else affinity(column)
    return "NUMERIC" if kind in ("INTEGER", "REAL") else kind, _collation(table, column)


def _collation(table: Table, column: Column) -> str:
    return column_collation(table, column.name) if "collate" in folded(table.sql) else _BINARY


def description(table: Table, column: Column) -> str:
    """Return type and collation of a column, for messages."""
    collation = _collation(table, column)
    return (column.type or "no type") + ("" if collation == _BINARY else f" COLLATE {collation}")

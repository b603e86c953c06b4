"""Halves: the tables of a large database file, digested by two processes at the same time, each a half of the rows.

Digests add, so where a table is divided does not matter; that no row changes between the two readings does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.aside import WORTH_A_PROCESS, Aside
from migration.engine.connections import limits_of, pragma
from migration.engine.digest import TableDigest, digest_table, digest_tables
from migration.engine.schema import read
from migration.engine.sql import quoted

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from migration.engine.schema import Schema, Table


def digest_file_tables(path: Path, con: sqlite3.Connection, schema: Schema) -> dict[str, TableDigest]:
    """Digest every table that holds a user's rows, by name; a large file in half of the time.

    Args:
        path: The database; in WAL mode, in which the two processes could see two states of it, one process reads it.
        con: Open connection to it, in no transaction.
        schema: What is in it.

    Raises:
        sqlite3.Error: It is damaged, or locked.
    """
    if path.stat().st_size < WORTH_A_PROCESS or pragma(con, "journal_mode") == "wal":
        return digest_tables(con, schema)
    con.execute("BEGIN")
    try:
        con.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on nobody can commit to it
        with Aside("lower halves", path, limits=limits_of(con)) as other:
            upper = {table.name: digest_table(con, table, where=_half(con, table, ">")) for table in schema.movable}
            lower = other.result()
    finally:
        con.execute("ROLLBACK")
    return {name: digest + TableDigest(*lower.get(name, (0, 0))) for name, digest in upper.items()}


def lower_halves(con: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Digest the lower half of each table that is divided: name to its rows, and the sum of their hashes."""
    halves = {table: _half(con, table, "<=") for table in read(con).movable}
    digests = {table.name: digest_table(con, table, where=where) for table, where in halves.items() if where}
    return {name: (digest.rows, digest.total) for name, digest in digests.items()}


def _half(con: sqlite3.Connection, table: Table, side: str) -> str:
    """SQL: the rows on one side of the middle; empty for a table that is not divided."""
    if table.kind != "table" or not table.rowid:
        return ""
    rowid = quoted(table.rowid)
    least, most = con.execute(f"SELECT min({rowid}), max({rowid}) FROM main.{quoted(table.name)}").fetchone()
    return "" if least is None else f"{rowid} {side} {(least + most) // 2}"

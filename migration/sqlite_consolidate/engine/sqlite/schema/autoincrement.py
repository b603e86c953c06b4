"""Read the AUTOINCREMENT marks of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3


def read_autoincrement_marks(con: sqlite3.Connection, database: str = "main") -> dict[str, int]:
    """Return the AUTOINCREMENT marks, the largest rowid that each table ever had.

    See https://sqlite.org/autoinc.html.
    """
    exists = con.execute(f"SELECT 1 FROM {quoted(database)}.sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
    if not exists:
        return {}
    rows = con.execute(
        f"SELECT name, seq FROM {quoted(database)}.sqlite_sequence"
        f" WHERE name IN (SELECT name FROM {quoted(database)}.sqlite_schema WHERE type = 'table')"
    )
    return {name: seq for name, seq in rows if isinstance(seq, int)}

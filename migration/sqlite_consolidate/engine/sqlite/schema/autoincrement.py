"""Read the AUTOINCREMENT marks of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3


def read_autoincrement_marks(con: sqlite3.Connection, database: str = "main") -> dict[str, int]:
    """Return the AUTOINCREMENT marks, the largest rowid that each table ever had.

    See https://sqlite.org/autoinc.html. A program can write anything into sqlite_sequence. Of several rows for a table
    SQLite takes the first. It takes the value for an integer, NULL for 0, and a name in another case for none.
    """
    exists = con.execute(f"SELECT 1 FROM {quoted(database)}.sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
    if not exists:
        return {}
    rows = con.execute(
        f"SELECT name, coalesce(CAST(seq AS INTEGER), 0) FROM {quoted(database)}.sqlite_sequence"
        f" WHERE name IN (SELECT name FROM {quoted(database)}.sqlite_schema WHERE type = 'table')"
        " ORDER BY rowid DESC"
    )
    return dict(rows.fetchall())

"""Run the checks that SQLite has for a whole database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.connections import limits_of
from migration.engine.sql import quoted
from migration.engine.sqlite_errors import is_statement_at_fault

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3


CHECK_CACHE_KB = 4_000
"""For integrity_check, which looks up each row in each index: with less, or with more up to a tenth of a database of
700 MB, it was measured to be slower by up to a quarter."""


UNCHECKABLE = "a parent without such a key"


def damage(con: sqlite3.Connection) -> list[str]:
    """Return what SQLite's integrity_check, the full one, finds wrong; empty when it says ok."""
    limits_of(con).deadline.at("integrity_check")
    con.execute(f"PRAGMA cache_size=-{CHECK_CACHE_KB}")
    lines = [str(row[0]) for row in con.execute("PRAGMA integrity_check(5)").fetchall()]
    return [] if lines == ["ok"] else lines


def orphans(con: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Count rows whose foreign key points at nothing, by child and parent table.

    A foreign key whose parent has no such key cannot be checked (https://sqlite.org/foreignkeys.html, section 3); it
    counts once, under :data:`UNCHECKABLE`, so that one which the run would make is seen, and one that was there is not
    held against it.
    """
    counts: dict[tuple[str, str], int] = {}
    tables = con.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid").fetchall()
    for (table,) in tables:
        limits_of(con).deadline.at(f"the foreign keys of {table}")
        try:
            for child, _, parent, _ in con.execute(f"PRAGMA main.foreign_key_check({quoted(table)})"):
                counts[child, parent] = counts.get((child, parent), 0) + 1
        except sqlite3.OperationalError as error:  # SQLite has no code of its own for a mismatch
            if not is_statement_at_fault(error):
                raise
            counts[table, UNCHECKABLE] = 1
    return counts

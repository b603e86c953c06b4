"""Run the checks that SQLite has for a whole database."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.errors import is_statement_error
from sqlite_consolidate.engine.sqlite.schema.declared import check_expressions
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema
else:
    from sqlite_utils.utils import sqlite3


CHECK_CACHE_KB = 4_000
"""For integrity_check, which looks up each row in each index: with less, or with more up to a tenth of a database of
700 MB, it was measured to be slower by up to a quarter."""


UNCHECKABLE = "a parent without such a key"


def check_integrity(con: sqlite3.Connection) -> list[str]:
    """Return what SQLite's integrity_check, the full one, finds wrong; empty when it says ok."""
    limits_of(con).deadline.start_step("integrity_check")
    con.execute(f"PRAGMA cache_size=-{CHECK_CACHE_KB}")
    lines = [str(row[0]) for row in con.execute("PRAGMA integrity_check(5)").fetchall()]
    return [] if lines == ["ok"] else lines


def violated_checks(con: sqlite3.Connection, schema: Schema) -> list[str]:
    """Return a line for each CHECK that a row breaks, as integrity_check has it; nothing is written.

    Through a connection that cannot write SQLite reads a schema without its CHECKs, so integrity_check finds none
    broken. Each expression is looked at as a condition of a query instead.
    """
    lines = []
    for table in schema.movable:
        for expression in check_expressions(table):
            limits_of(con).deadline.start_step(f"the CHECKs of {table.name}")
            # On a line of its own, so that a comment in it ends there.
            broken = f"SELECT 1 FROM main.{quoted(table.name)} NOT INDEXED WHERE NOT ({expression}\n) LIMIT 1"
            try:
                if con.execute(broken).fetchone():
                    lines.append(f"CHECK constraint failed in {table.name}")
            except sqlite3.OperationalError as error:  # such as for a function that only its application has
                if not is_statement_error(error):
                    raise
                lines.append(f"CHECK constraint of {table.name} cannot be evaluated")
    return list(dict.fromkeys(lines))


def _count_table_orphans(con: sqlite3.Connection, table: str) -> dict[tuple[str, str], int]:
    """Count the rows of a table that have no parent, by child and parent.

    SQLite lists all rows of one foreign key before those of the next. A row that several keys to one parent leave
    without it is one row; without a rowid it cannot be told from others, and counts for each key.
    """
    counts: dict[tuple[str, str], int] = {}
    of_several = _parents_of_several_keys(con, table)
    listed: dict[str, set[int]] = {}
    spelled: dict[str, str] = {}
    for child, rowid, named, _ in con.execute(f"PRAGMA main.foreign_key_check({quoted(table)})"):
        parent = spelled.setdefault(folded(named), named)
        if rowid is not None and folded(parent) in of_several:
            rows = listed.setdefault(parent, set())
            if rowid in rows:
                continue
            rows.add(rowid)
        counts[child, parent] = counts.get((child, parent), 0) + 1
    return counts


def _parents_of_several_keys(con: sqlite3.Connection, table: str) -> set[str]:
    """Return the parents that more than one foreign key of a table refers to."""
    keys = con.execute(f"PRAGMA main.foreign_key_list({quoted(table)})").fetchall()
    numbers = Counter(folded(parent) for parent, _ in {(row[2], row[0]) for row in keys})
    return {parent for parent, number in numbers.items() if number > 1}


def count_orphans(con: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Count rows whose foreign key points at nothing, by child and parent table.

    A foreign key whose parent has no such key cannot be checked (https://sqlite.org/foreignkeys.html, section 3); it
    counts once, under :data:`UNCHECKABLE`, so that one which the run would make is seen, and one that was there is not
    held against it.
    """
    counts: dict[tuple[str, str], int] = {}
    tables = con.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid").fetchall()
    for (table,) in tables:
        limits_of(con).deadline.start_step(f"the foreign keys of {table}")
        try:
            counts |= _count_table_orphans(con, table)
        except sqlite3.OperationalError as error:  # SQLite has no code of its own for a mismatch
            if not is_statement_error(error):
                raise
            counts[table, UNCHECKABLE] = 1
    return counts

"""Choose values of rows that the page reader digests, and digest the same by SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import TableDigest, digest_query
from sqlite_consolidate.engine.content.page_proof.description import DigestedRows, DigestedValue

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema

SMALLEST = -(2**63)


def chosen(table: str, *values: str | tuple[str, int, int]) -> DigestedRows:
    """Return the rows of a table with these values.

    A value is a column, or a column with an offset and the smallest integer that gets it.
    """
    return DigestedRows(table, tuple(DigestedValue(*([each] if isinstance(each, str) else each)) for each in values))


CHOSEN = (
    chosen("tasks", ("id", 1000, SMALLEST), "title", "cost", "state", "n"),
    chosen("tasks", ("id", 2**40, 7)),
    chosen("tasks", ("", -3, 1), "owner"),
    chosen("keyed", "more", "v", ("n", 5, 30), "k"),
    chosen("typed", ("i", 2**62, SMALLEST), ("whole", 9, 1), "a", "r", "b", "t"),
    chosen("keyless", "", "w", "added", "v"),
    chosen("computed", ("a", 1, 1), ("s", -1, 1)),
    chosen("counter", ("id", 2**31, 1)),
    chosen("counter", "v", "v"),
)
"""Values of the tables of :mod:`tests.support.pages.databases`."""


def by_sql(con: sqlite3.Connection, schema: Schema, rows: DigestedRows) -> TableDigest:
    """Return the digest of rows with their offsets, as SQLite reads them from the table."""
    values = []
    for name, offset, least in rows.values:
        value = f'"{name}"' if name else "rowid"
        values.append(f"iif({value} >= {least}, {value} + {offset}, {value})" if offset else value)
    return digest_query(con, f"SELECT {', '.join(values)} FROM {rows.table} {schema.tables[rows.table].by_itself}")

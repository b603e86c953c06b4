"""Read rows that have more values than one SELECT returns.

A table may have 2,000 columns, and a SELECT returns 2,000 values (https://sqlite.org/limits.html#max_column). A row of
such a table has one value more where its implicit rowid counts. Its values are then read by several queries, all of
them in the order of the rowids.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

MAX_VALUES = 2000
"""Number of values of a row that one SELECT returns."""

RowQuery = str | tuple[str, ...]
"""Query of rows, or the queries that each read a part of the values of every row, in the same order."""


def select_rows(expressions: Sequence[str], source: str, rowid: str) -> RowQuery:
    """Return the query of rows, or several where one cannot return all values.

    Args:
        expressions: SQL of each value.
        source: SQL from FROM on.
        rowid: SQL of the rowid, by which the rows of several queries are ordered.
    """
    if len(expressions) <= MAX_VALUES:
        return f"SELECT {', '.join(expressions)} {source}"
    starts = range(0, len(expressions), MAX_VALUES)
    parts = (", ".join(expressions[start : start + MAX_VALUES]) for start in starts)
    return tuple(f"SELECT {part} {source} ORDER BY {rowid}" for part in parts)


def fetch_rows(con: sqlite3.Connection, query: RowQuery) -> Iterable[tuple[Any, ...]]:
    """Return the rows of a query, each with the values of all of its parts.

    The parts see the same rows, because SQLite keeps the snapshot of a connection while a statement reads.
    """
    if isinstance(query, str):
        return con.execute(query)
    parts = zip(*(con.execute(part) for part in query), strict=True)
    return (tuple(chain.from_iterable(values)) for values in parts)

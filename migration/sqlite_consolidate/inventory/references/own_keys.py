"""Tell whether the numbers of a column are keys of its own table by more than chance."""

from __future__ import annotations

from bisect import bisect_left
from math import log, prod
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.key_numbers import are_rarely_keys
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3

_ROWS = 20_000  # as many are read of a table
_RARE = 0.01  # the name of the column is evidence as well


def are_own_keys(con: sqlite3.Connection, table: str, column: str, key: str) -> bool:
    """Return whether other numbers would rarely be keys, or rarely stand in these rows.

    They are few among the integers, or (nearly) all of them lead to earlier rows, as ``parent`` does, or to later ones.
    Flags and small numbers do so as well by chance, because most rows are later than the first ones.

    Args:
        con: Reads the database.
        table: The table of the column and of the key.
        column: Its numbers above 0 are all keys.
        key: The key.
    """
    name, number = quoted(key), quoted(column)
    others = f"typeof({name}) = 'integer' AND {number} > 0 AND {number} <> {name}"
    query = f"SELECT {name}, {number} FROM main.{quoted(table)} WHERE {others} LIMIT {_ROWS}"
    pairs = con.execute(query).fetchall()
    if not pairs:
        return False
    numbers = sorted({value for _, value in pairs}, reverse=True)
    count = f"SELECT count(*) FROM main.{quoted(table)} WHERE {name} BETWEEN 1 AND {numbers[0]}"
    if are_rarely_keys(numbers, con.execute(count).fetchone()[0]):
        return True
    return _are_ordered(pairs) or _are_ordered([(-row, -value) for row, value in pairs])


def _are_ordered(pairs: list[tuple[int, int]]) -> bool:
    """Return whether too few rows lead to later ones for numbers that stand in any row.

    If no row does, this is the share of all orders of the numbers in which none does. Otherwise it is the bound of
    Chernoff for rows that are counted independently.

    Args:
        pairs: The key of each row, and another key to which it leads.
    """
    rows, numbers = sorted(row for row, _ in pairs), sorted(number for _, number in pairs)
    later = sum(row < number for row, number in pairs)
    if not later:
        shares = ((bisect_left(numbers, row) - at) / (len(rows) - at) for at, row in enumerate(rows))
        return prod(shares) < _RARE
    expected = sum(bisect_left(rows, number) for number in numbers) / len(pairs)
    return later < expected and expected - later + later * log(later / expected) > -log(_RARE)

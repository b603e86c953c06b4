"""Find columns that refer to a key of the same database without a FOREIGN KEY.

The name of a column is the hint, and its values are the evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.key_names import names_key_of, single_keys, words_of_name

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table

_NUMBER_TYPES = re.compile(r"INT|^$|NUM|DEC|BOOL|DATE", re.IGNORECASE)
_ENDS_LIKE_AN_ID = re.compile(r".+_id|.*[a-z0-9]Id", re.ASCII)
_OWN_TABLE = frozenset({"parent", "root", "original", "previous", "prev", "next", "ancestor", "reply"})


@dataclass(frozen=True)
class UnstatedReference:
    """Hold a column that looks like a reference, and is no declared one.

    Attributes:
        to: Table and key that it refers to. Empty where no key has its values.
        is_empty: True if the column has no number above 0, which tells nothing.
    """

    table: str
    column: str
    to: tuple[str, str] | None = None
    is_empty: bool = False


def find_unstated_references(con: sqlite3.Connection, tables: Sequence[Table]) -> tuple[UnstatedReference, ...]:
    """Return each column with the name of a reference that no FOREIGN KEY declares.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
    """
    ordinary = [table for table in tables if table.kind == "table" and table.is_readable]
    references = (_reference(con, table, column, ordinary) for table, column in _undeclared(ordinary))
    return tuple(reference for reference in references if reference)


def _undeclared(tables: Sequence[Table]) -> Iterator[tuple[Table, Column]]:
    """Yield each column of numbers that is no declared reference and no key of its own table."""
    for table in tables:
        declared = {folded(column) for key in table.foreign_keys for column in key.columns}
        for column in table.stored:
            is_key = table.primary_key == (column.name,)
            if folded(column.name) not in declared and not is_key and _NUMBER_TYPES.search(column.type):
                yield table, column


def _reference(
    con: sqlite3.Connection, table: Table, column: Column, tables: Sequence[Table]
) -> UnstatedReference | None:
    parents = _parents(table, column.name, tables)
    is_id = bool(_ENDS_LIKE_AN_ID.fullmatch(column.name))
    if not parents and not is_id:
        return None
    numbers = f"{quoted(column.name)} > 0 AND typeof({quoted(column.name)}) = 'integer'"
    source = f"FROM main.{quoted(table.name)}"
    if con.execute(f"SELECT 1 {source} WHERE {numbers} LIMIT 1").fetchone() is None:
        return UnstatedReference(table.name, column.name, is_empty=True) if is_id or parents else None
    for parent, key in parents:
        unknown = f"{numbers} AND {quoted(column.name)} NOT IN (SELECT {quoted(key)} FROM main.{quoted(parent)})"
        other = f"typeof({quoted(column.name)}) NOT IN ('integer', 'null')"
        if con.execute(f"SELECT 1 {source} WHERE ({unknown}) OR {other} LIMIT 1").fetchone() is None:
            return UnstatedReference(table.name, column.name, (parent, key))
    return UnstatedReference(table.name, column.name) if is_id else None


def _parents(table: Table, column: str, tables: Sequence[Table]) -> list[tuple[str, str]]:
    """Return the tables and keys that a column is named after, the longest name first.

    A column such as ``parent_id`` is named after its own table.
    """
    parents = []
    words = words_of_name(column)
    for other in tables:
        keys = [key for key in single_keys(other) if other is not table or folded(key) != folded(column)]
        is_own = other is table and not _OWN_TABLE.isdisjoint(words[:1])
        if keys and (is_own or words == words_of_name(other.name) or names_key_of(column, other.name, keys)):
            parents.append((other.name, next((key for key in other.primary_key if key in keys), keys[0])))
    return sorted(parents, key=lambda parent: -len(parent[0]))

"""Find the tables that have texts of another table, which lead to its rows.

No reference can follow a text to another row. So such a table stays with the other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_of_framework
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.checks.renumbering.unfollowed.reference_names import NAMES_OF_ANY_KEY
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.key_names import single_keys
from sqlite_consolidate.inventory.references.type_columns import movable_by_name
from sqlite_consolidate.inventory.references.unstated_references import has_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from sqlite_consolidate.engine.code.tables.joined_keys import JoinedColumns
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

_IS_TEXT = "typeof({0}) = 'text' AND {0} <> ''"


def find_text_parents(
    con: sqlite3.Connection, tables: Sequence[Table], compared: Iterable[JoinedColumns]
) -> frozenset[tuple[str, str]]:
    """Return the folded name of each table with that of a table whose texts it has.

    Code compares columns of both, and a text of one is a text of the other. Or a column is named like a key of texts,
    or like the table of it, and each of its texts is such a key. Of two tables that code compares by columns that are
    no keys, each has texts of the other.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
        compared: The columns of two tables that code compares.
    """
    by_name = movable_by_name(tables)
    pairs = {(folded(child), folded(parent)) for child, parent in _named_pairs(con, [*by_name.values()])}
    for ends in compared:
        for (child, column), (parent, other) in (ends, ends[::-1]):
            pair = folded(child), folded(parent)
            if pair in pairs or not {*pair} <= by_name.keys():
                continue
            is_child = other in single_keys(by_name[pair[1]]) or column not in single_keys(by_name[pair[0]])
            text = f"{_IS_TEXT.format(quoted(column))} AND {quoted(column)} IN"
            if is_child and has_rows(
                con, by_name[pair[0]], f"{text} (SELECT {quoted(other)} FROM main.{quoted(parent)})"
            ):
                pairs.add(pair)
    return frozenset(pairs)


def _named_pairs(con: sqlite3.Connection, tables: Sequence[Table]) -> Iterator[tuple[str, str]]:
    """Yield each table with another one whose keys are the texts of a column.

    Tables of a framework, such as GeoPackage, name tables and not rows to each other.
    """
    parents: dict[tuple[str, ...], list[Table]] = {}
    for table in tables:
        if len(table.primary_key) == 1 and column_affinity(table, table.primary_key[0]) in ("TEXT", "BLOB"):
            names = {tuple(words_of_name(table.name)), (folded(table.primary_key[0]),)}
            for name in names - {(name,) for name in NAMES_OF_ANY_KEY}:
                parents.setdefault(name, []).append(table)
    for table in tables if parents else ():
        for column in table.stored:
            names = {tuple(words_of_name(column.name)), (folded(column.name),)}
            for parent in (parent for name in names for parent in parents.get(name, ())):
                is_of_program = not (is_of_framework(table.name) and is_of_framework(parent.name))
                if parent is not table and is_of_program and _has_keys_of(con, table, column.name, parent):
                    yield table.name, parent.name


def _has_keys_of(con: sqlite3.Connection, table: Table, column: str, parent: Table) -> bool:
    """Return whether a column has texts, and each of them is a key of another table."""
    name, key = quoted(column), quoted(parent.primary_key[0])
    keys = f"SELECT {key} FROM main.{quoted(parent.name)} WHERE {key} IS NOT NULL"
    text = _IS_TEXT.format(name)
    return has_rows(con, table, text) and not has_rows(con, table, f"{text} AND {name} NOT IN ({keys})")

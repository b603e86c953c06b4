"""Write the keys of matched rows into a database of the backup set, which people can read.

sqlite-utils creates its tables. SQLite fills them, so that no key passes through Python.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import attached, encoding_of, open_memory, open_new
from sqlite_consolidate.sqlite_library import with_sqlite_utils

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

KEY_MAP = "key-map.sqlite"
"""File of the backup set with a line for each source row that the target has under another key."""

MAPPED = "keys-mapped"
"""Event of the ledger that states the digest of the key map before COMMIT."""

_NAMES: dict[str, type] = dict.fromkeys(("source", "source_table", "target_table"), str)
_KEYS: dict[str, type] = {"old": bytes, "new": bytes}  # SQLite stores any value in a BLOB column as it is
_TABLES: dict[str, dict[str, type]] = {
    "matched": _NAMES | _KEYS | {"identical": int, "updated": int},
    "numbers": _NAMES | {"source_column": str} | _KEYS,
    "offsets": _NAMES | {"source_column": str, "number": int},
}
_INDEXES = {
    "matched_by_old": ("matched", ["source", "source_table", "old"]),
    "matched_by_new": ("matched", ["source", "source_table", "new"]),
    "numbers_by_old": ("numbers", ["source", "source_table", "source_column", "old"]),
}


def schema_of_key_map() -> list[str]:
    """Return the statements of the tables and indexes of each key map."""
    with closing(open_memory()) as con:
        _create(con)
        return [sql for (sql,) in con.execute("SELECT sql FROM sqlite_schema")]


def write_key_map(inspected: InspectedDatabases, folder: Path) -> Path | None:
    """Write the key map, and return it. Without a table that can match, return None.

    SQLite has synced its bytes. The caller syncs the folder.

    Args:
        inspected: All databases as the preflight has read them.
        folder: The backup set.
    """
    matched = [mapping for mapping in inspected.mappings if mapping.matched]
    if not matched:
        return None
    path, staged = folder / KEY_MAP, inspected.path_of(matched[0])
    limits = inspected.sources[matched[0].source.name].write_lock.limits
    with closing(open_new(path, limits)) as con:
        con.execute(f"PRAGMA encoding='{encoding_of(staged, limits)}'")
        con.execute("PRAGMA synchronous=FULL")
        con.execute("PRAGMA journal_mode=MEMORY")  # a run that dies leaves no journal beside a file of no use
        _create(con)
        with attached(con, staged, "staged") as alias:
            con.execute("BEGIN")
            for mapping in inspected.mappings:
                _write_mapping(con, mapping, alias)
            con.execute("COMMIT")
    return path


def offsets_of(mappings: Iterable[TableMapping]) -> dict[str, dict[str, int]]:
    """Return the offset of each key that gets new numbers, as the history states it.

    The outer key is the name of the source, and the inner one has table and column of the target.
    """
    offsets: dict[str, dict[str, int]] = {}
    for mapping in mappings:
        for key, shift in mapping.key_shifts.items():
            offsets.setdefault(mapping.source.name, {})[f"{mapping.into.name}.{mapping.renamed[key]}"] = shift.offset
    return offsets


def _create(con: sqlite3.Connection) -> None:
    """Create the tables and indexes of a key map."""
    database = with_sqlite_utils(con)
    for table, columns in _TABLES.items():
        database.create_table(table, columns)
    for index, (table, terms) in _INDEXES.items():
        database.table(table).create_index(terms, index)


def _write_mapping(con: sqlite3.Connection, mapping: TableMapping, alias: str) -> None:
    names = (mapping.source.name, mapping.table_map.name, mapping.into.name)
    if mapping.matched:
        place = mapping.matched.place(alias)
        lines = f"SELECT ?, ?, ?, old, new, identical, updates FROM {place} ORDER BY row"
        con.execute(f"INSERT INTO matched {lines}", names)
        for number in mapping.matched.numbers:
            lines = f"SELECT ?, ?, ?, ?, {number.old}, {number.new} FROM {place} ORDER BY row"
            con.execute(f"INSERT INTO numbers {lines}", (*names, number.column))
    for column, shift in mapping.key_shifts.items():
        con.execute("INSERT INTO offsets VALUES(?, ?, ?, ?, ?)", (*names, column, shift.offset))

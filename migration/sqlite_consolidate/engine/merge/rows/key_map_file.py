"""Write the keys of matched rows into a database of the backup set, which people can read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import attached, encoding_of, open_new

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

KEY_MAP = "key-map.sqlite"
"""File of the backup set with a line for each source row that the target has under another key."""

MAPPED = "keys-mapped"
"""Event of the ledger that states the digest of the key map before COMMIT."""

CREATE = (
    "CREATE TABLE matched(source TEXT, source_table TEXT, target_table TEXT, old, new, identical INT, updated INT)",
    "CREATE INDEX matched_by_old ON matched(source, source_table, old)",
    "CREATE INDEX matched_by_new ON matched(source, source_table, new)",
    "CREATE TABLE numbers(source TEXT, source_table TEXT, target_table TEXT, source_column TEXT, old, new)",
    "CREATE INDEX numbers_by_old ON numbers(source, source_table, source_column, old)",
    "CREATE TABLE offsets(source TEXT, source_table TEXT, target_table TEXT, source_column TEXT, number INTEGER)",
)
"""Statements of its tables and indexes."""


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
    with closing(open_new(path)) as con:
        con.execute(f"PRAGMA encoding='{encoding_of(staged)}'")
        con.execute("PRAGMA synchronous=FULL")
        con.execute("PRAGMA journal_mode=MEMORY")  # a run that dies leaves no journal beside a file of no use
        for statement in CREATE:
            con.execute(statement)
        with attached(con, staged, "staged") as alias:
            con.execute("BEGIN")
            for mapping in inspected.mappings:
                _write_mapping(con, mapping, alias)
            con.execute("COMMIT")
    return path


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

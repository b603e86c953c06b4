"""List the rows of the sources that are left behind, in the backup set."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.connections import read_text_losslessly
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.rows.row_filter import LeftRows
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

LEFT_ROWS = "left-rows.jsonl"
"""File of one JSON object per row, with ``from``, ``by``, which is ``where`` or ``follows``, and ``key``."""


def log_left_rows(con: sqlite3.Connection, mapping: TableMapping, left: LeftRows, alias: str, folder: Path) -> LeftRows:
    """Append the keys of rows that are left behind to their list, and return the numbers.

    A row without a key is listed by its rowid. Only the operator can read the list. The rows themselves stay in the
    source, which is archived.
    """
    if mapping.chosen is None or not left.rows:
        return left
    rows = replace(mapping.projection(alias), where="")
    unfollowed = f"({mapping.chosen.over()}) IS NULL" if mapping.chosen.marker else "0"
    before = con.text_factory
    read_text_losslessly(con)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(folder / LEFT_ROWS, flags, 0o600), "w", encoding="ascii") as file:
            for row in fetch_rows(con, rows.select_values([unfollowed, *_key(rows)], mapping.chosen.left())):
                key = [literal(value) for value in row[1:]]
                entry = {"from": mapping.subject, "by": "follows" if row[0] else "where", "key": key}
                file.write(json.dumps(entry) + "\n")
    finally:
        con.text_factory = before
    return left


def _key(rows: Projection) -> list[str]:
    """Return the SQL of the values by which a source row is listed."""
    if rows.keys:
        return [column.source for column, _ in rows.keys[0]]
    return [rows.rowid.source] if rows.rowid else [column.source for column in rows.columns]

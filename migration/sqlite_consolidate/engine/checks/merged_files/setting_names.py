"""Recognise tables of settings whose keys are numbers, by their columns and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.merge.column_types import column_affinity
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.sqlite.schema.objects import Table

_NAMES = frozenset({"config", "key", "k", "name", "option", "param", "parameter", "property", "setting", "variable"})
_VALUES = frozenset({"content", "data", "v", "val", "value"})
_MOST_COLUMNS, _MOST_ROWS = 6, 10_000


def name_of_settings(con: sqlite3.Connection, table: Table) -> str:
    """Return the column whose texts name the settings of a table, or an empty text.

    Each row has another name and a value, and its key is a number. A table with texts as keys needs no such rule, and
    bookkeeping has another one.
    """
    key = table.primary_key
    has_number_key = not key or (len(key) == 1 and column_affinity(table, key[0]) == "INTEGER")
    is_small = table.kind == "table" and table.is_readable and len(table.stored) <= _MOST_COLUMNS
    if not has_number_key or not is_small or table.foreign_keys or is_migration_stamp(table.name):
        return ""
    others = [column.name for column in table.stored if column.name not in key]
    names = [name for name in others if words_of_name(name)[-1] in _NAMES]
    has_value = any(words_of_name(name)[-1] in _VALUES for name in others)
    return next((name for name in names if has_value and _has_one_row_a_name(con, table, name)), "")


def _has_one_row_a_name(con: sqlite3.Connection, table: Table, column: str) -> bool:
    name = quoted(column)
    rows = f"SELECT {name} AS v FROM {quoted(table.name)} LIMIT {_MOST_ROWS + 1}"
    counts = f"SELECT count(*), count(DISTINCT CASE WHEN typeof(v) = 'text' AND v <> '' THEN v END) FROM ({rows})"
    number, distinct = con.execute(counts).fetchone()
    return bool(0 < number == distinct <= _MOST_ROWS)

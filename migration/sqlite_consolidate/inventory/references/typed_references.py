"""Find columns with the ids of several tables, of which another column names the table.

Django, Rails and others store such pairs, as ``object_id`` and ``content_type_id``, or ``owner_id`` and ``owner_type``.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.key_names import words_of_name
from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference, fits

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_MOST = 30  # names of tables that one column has
_CONTENT_TYPES = "django_content_type"


def find_typed_references(
    con: sqlite3.Connection, tables: Sequence[Table], loose: Iterable[UnstatedReference]
) -> list[UnstatedReference]:
    """Return the references of columns that refer to several tables.

    Each value of another column names a table then, and each number beside it is a key of that table.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
        loose: Columns that look like references, and fit no table.
    """
    by_name = {folded(table.name): table for table in tables if table.kind == "table" and table.is_readable}
    references: list[UnstatedReference] = []
    for each in loose:
        table = by_name[folded(each.table)]
        others = (column for column in table.stored if _may_name_tables(table, column) and column.name != each.column)
        references += next(filter(None, (_cases(con, by_name, table, each.column, other) for other in others)), ())
    return references


def names_table(text: str, table: str) -> bool:
    """Return whether a text such as ``Post``, ``App::Post`` or ``shop.entry`` names a table."""
    words, name = words_of_name(re.sub(r"\W+", "_", text).strip("_")), words_of_name(table)
    shorter, longer = sorted((words, name), key=len)
    return bool(shorter[0]) and longer[-len(shorter) :] == shorter


def _cases(
    con: sqlite3.Connection, tables: dict[str, Table], table: Table, column: str, other: Column
) -> tuple[UnstatedReference, ...]:
    """Return a reference for each value of a column that names tables.

    There is none if a value names no table.
    """
    cases = []
    for value, name in _names(con, tables, table, column, other.name):
        parents = [each for each in tables.values() if each.alias and names_table(name, each.name)]
        exact = [each for each in parents if words_of_name(each.name) == words_of_name(re.sub(r"\W+", "_", name))]
        when = f"{sql_name(con, table, other.name)} = {literal(value)}"
        parent = (exact or parents)[0] if len(exact or parents) == 1 else None
        if parent is None or not fits(con, table, column, parent.name, parent.alias, when):
            return ()
        cases.append(UnstatedReference(table.name, column, (parent.name, parent.alias), when=when))
    return tuple(cases)


def _names(
    con: sqlite3.Connection, tables: dict[str, Table], table: Table, column: str, other: str
) -> Iterator[tuple[str | int, str]]:
    """Yield each value of a column with the name that it stands for.

    Only rows with a number in the other column count.
    Nothing is yielded for a column with other values than names. A number stands for a row with the name.
    """
    query = (
        f"SELECT DISTINCT {quoted(other)} FROM main.{quoted(table.name)} WHERE {quoted(column)} > 0 LIMIT {_MOST + 1}"
    )
    try:
        values = [value for (value,) in con.execute(query)]
    except sqlite3.Error:  # a text that is not UTF-8
        return
    if len(values) > _MOST:
        return
    if all(isinstance(value, str) for value in values):
        yield from ((value, value) for value in values)
    if _refers_to_types(table, other) and _CONTENT_TYPES in tables and all(isinstance(value, int) for value in values):
        names = dict(con.execute(f"SELECT id, app_label || '_' || model FROM main.{_CONTENT_TYPES}"))
        yield from ((value, names.get(value, "")) for value in values)


def _may_name_tables(table: Table, column: Column) -> bool:
    """Return whether a column may have texts, or refers to the names that Django keeps."""
    return "INT" not in column.type.upper() or _refers_to_types(table, column.name)


def _refers_to_types(table: Table, column: str) -> bool:
    return any(key.columns == (column,) and folded(key.parent) == _CONTENT_TYPES for key in table.foreign_keys)


def sql_name(con: sqlite3.Connection, table: Table, name: str) -> str:
    """Return a column as SQL, in quotes only if it needs them."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        with contextlib.suppress(sqlite3.Error):
            con.execute(f"SELECT {name} FROM main.{quoted(table.name)} LIMIT 0")
            return name
    return quoted(name)

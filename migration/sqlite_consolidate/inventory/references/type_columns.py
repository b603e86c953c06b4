"""Find the columns that say of which table the ids of another column are.

Both have one stem, as ``parent_type`` and ``parent_id`` have, or ``kind`` and ``object_id``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import (
    CONTENT_TYPES,
    LABEL,
    is_media_type,
    names_table,
    words_of_name,
)
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from sqlite_consolidate.engine.sqlite.schema.objects import Column, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_MOST = 30  # names of tables that one column has
_TYPE = re.compile(r"(?P<stem>.*?)_?(?:type|kind|table|class|model|(?<![a-z])ct)(?:_name)?")
_ID = re.compile(r"(?P<stem>.*?)(?:_?id|(?:^|_)(?:pk|key|fk|ref))")
_ANY_ROW = re.compile(
    r"(?:^|_)(?:content|entity|foreign|item|object|record|ref|reference|resource|row|subject|target)$"
)
_STRONG, _BY_WHOLE_NAME, _WITHOUT_STEM = 2, 1, 0


def movable_by_name(tables: Iterable[Table]) -> dict[str, Table]:
    """Return the tables with rows of their own that can be read, by their folded names."""
    return {folded(table.name): table for table in tables if table.kind == "table" and table.is_readable}


def type_columns_of(con: sqlite3.Connection, tables: Mapping[str, Table], table: Table, column: str) -> list[str]:
    """Return the columns that say of which table each id of a column is.

    A column belongs to the ids with the longest stem that both have, and to no others. If it shares no more than a word
    such as ``object``, or has no name of a type, one of its values has to name a table.

    Args:
        con: Reads the database.
        tables: The tables that can be moved, by their folded names.
        table: The table of the column.
        column: The column of ids.
    """
    declared = {folded(name) for key in table.foreign_keys for name in key.columns}
    rivals = [each.name for each in table.stored if folded(each.name) not in declared]
    ranks = {}
    for other in table.stored:
        rank = _rank(table, other, column)
        has_rival = any((_rank(table, other, rival) or rank) > rank for rival in rivals) if rank else True
        if rank and not has_rival and not _has_media_types(con, table, other.name):
            ranks[other.name] = rank
    best = max(ranks.values(), default=(_STRONG, 0))
    names = [name for name, rank in ranks.items() if rank == best]
    if best[0] == _STRONG:
        return names
    return [name for name in names if _names_a_table(con, tables, table, column, name)]


def _rank(table: Table, other: Column, column: str) -> tuple[int, int] | None:
    """Return how well the names of two columns fit, or None if they do not."""
    ids = _stems_of_id(column)
    if other.name == column or ids.isdisjoint(_possible_stems(other.name)) or table.primary_key == (column,):
        return None
    if stems := ids & _stems_of_type(other.name, refers=_refers_to_types(table, other.name)):
        length = max(map(len, stems))
        return (_STRONG if length else _WITHOUT_STEM), length
    whole = "_".join(words_of_name(other.name))
    is_entity = (
        whole in ids and bool(_ID.fullmatch("_".join(words_of_name(column)))) and "INT" not in other.type.upper()
    )
    return (_BY_WHOLE_NAME, len(whole)) if is_entity else None


def is_named_like_a_type(name: str) -> bool:
    """Return whether a column has a name such as ``parent_type``."""
    return bool(_TYPE.fullmatch("_".join(words_of_name(name))))


@cache
def _possible_stems(name: str) -> frozenset[str]:
    """Return all stems that a column can share with one of ids."""
    return _stems_of_type(name, refers=True) | {"_".join(words_of_name(name))}


@cache
def _stems_of_type(name: str, *, refers: bool) -> frozenset[str]:
    """Return what may precede the name of a type, such as ``parent`` of ``parent_type``."""
    snake = "_".join(words_of_name(name))
    if refers or snake.endswith("content_type_id"):
        snake = snake.removesuffix("_id")
    match = _TYPE.fullmatch(snake)
    stems = {match["stem"], re.sub(r"(?:^|_)content$", "", match["stem"])} if match else set()
    return frozenset({*stems, ""} if refers else stems)


@cache
def _stems_of_id(name: str) -> frozenset[str]:
    """Return what may precede the name of an id, such as ``parent`` of ``parent_id``."""
    snake = "_".join(words_of_name(name))
    match = _ID.fullmatch(snake)
    if snake == "id" or match is None:
        return frozenset({snake} - {"id"})
    return frozenset({snake, match["stem"], _ANY_ROW.sub("", match["stem"])})


def _names_a_table(con: sqlite3.Connection, tables: Mapping[str, Table], table: Table, column: str, other: str) -> bool:
    names = [name for _, name in names_in(con, tables, table, column, other)]
    return any(names_table(name, each.name) for name in names for each in tables.values())


def _has_media_types(con: sqlite3.Connection, table: Table, column: str) -> bool:
    """Return whether the first text with a slash in a column is a media type."""
    name = quoted(column)
    try:
        text = con.execute(f"SELECT {name} FROM main.{quoted(table.name)} WHERE {name} GLOB '*/*' LIMIT 1").fetchone()
    except sqlite3.Error:  # a text that is not UTF-8
        return False
    return text is not None and isinstance(text[0], str) and is_media_type(text[0])


def names_in(
    con: sqlite3.Connection, tables: Mapping[str, Table], table: Table, column: str, other: str
) -> Iterator[tuple[str | int, str]]:
    """Yield each text of a column with the name that it stands for.

    Only rows with a number in the column of ids count. A number stands for a row with the name, as in Django.

    Args:
        con: Reads the database.
        tables: The tables that can be moved, by their folded names.
        table: The table of both columns.
        column: The column of ids.
        other: The other column.
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
    yield from ((value, value) for value in values if isinstance(value, str))
    if _refers_to_types(table, other) and CONTENT_TYPES in tables:
        names = dict(con.execute(f"SELECT id, {LABEL} FROM main.{CONTENT_TYPES}"))
        yield from ((value, names.get(value, "")) for value in values if isinstance(value, int))


def _refers_to_types(table: Table, column: str) -> bool:
    return any(key.columns == (column,) and folded(key.parent) == CONTENT_TYPES for key in table.foreign_keys)

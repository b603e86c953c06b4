"""Find the columns that code compares with a key of their database.

The comparison is the hint, whatever the name of the column is, and its values are the evidence.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import names_table
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.references.type_columns import (
    is_named_like_a_type,
    movable_by_name,
    names_in,
    type_columns_of,
)
from sqlite_consolidate.inventory.references.unstated_references import (
    UnstatedReference,
    fits,
    has_numbers,
    undeclared,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.code.tables.joined_keys import JoinedKey
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

    _Known = Mapping[tuple[str, str], Sequence[UnstatedReference]]


def find_joined_columns(
    con: sqlite3.Connection,
    tables: Sequence[Table],
    joined: Iterable[JoinedKey],
    known: _Known,
) -> Iterator[UnstatedReference]:
    """Yield each column to which a comparison in code gives another meaning than its name.

    Code that compares it with keys of several tables leaves open which one is meant. So does code that compares it with
    another key than the one that its name means, or only in some of the rows.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
        joined: The columns that code compares with keys.
        known: The columns that look like references.
    """
    by_name = movable_by_name(tables)
    columns = {(table.name, column.name) for table, column in undeclared([*by_name.values()])}
    by_column: dict[tuple[str, str], list[JoinedKey]] = defaultdict(list)
    own_keys = {(table.name, *table.primary_key) for table in by_name.values() if not table.autoincrement}
    for each in joined:
        if (each.table, each.column) in columns | own_keys and folded(each.to[0]) in by_name:
            by_column[each.table, each.column].append(each)
    for (name, column), keys in by_column.items():
        table = by_name[folded(name)]
        owners = [each for each in keys if not _is_reference(by_name[folded(each.to[0])], each.to[1], known)]
        if named := [each for each in known.get((name, column), ()) if each.to or each.among]:
            parents = [each.to for each in owners]
            is_certain = len(named) > 1 or named[0].when or named[0].by or named[0].to in (None, *parents)
            if not is_certain and any(fits(con, table, column, *to) for to in parents):
                yield UnstatedReference(name, column, joined=keys[0].place)
        elif (name, column) in own_keys:
            yield from _keys_of_another(con, by_name, table, keys)
        elif not has_numbers(con, table, column):
            yield UnstatedReference(name, column, is_empty=True)
        else:
            [each, *others] = owners or [keys[0]]
            is_certain = each.is_certain and not others and not _has_types_beside(con, by_name, table, each)
            to = each.to if is_certain and fits(con, table, column, *each.to) else None
            yield UnstatedReference(name, column, to, joined=each.place, near=each.to if is_certain else None)


def _keys_of_another(
    con: sqlite3.Connection, tables: Mapping[str, Table], table: Table, keys: Sequence[JoinedKey]
) -> Iterator[UnstatedReference]:
    """Yield the key of a table that code compares with a key of the same rows.

    Of two tables with the same keys, it is that of the later one.
    """
    order = [*tables]
    for each in keys:
        parent = tables[folded(each.to[0])]
        is_later = order.index(folded(table.name)) > order.index(folded(parent.name))
        if fits(con, table, each.column, *each.to) and (
            is_later or not fits(con, parent, each.to[1], table.name, each.column)
        ):
            yield UnstatedReference(table.name, each.column, each.to if each.is_certain else None, joined=each.place)
            return


def _has_types_beside(con: sqlite3.Connection, tables: Mapping[str, Table], table: Table, joined: JoinedKey) -> bool:
    """Return whether another column may say of which table each number of a column is.

    Code compares it with a value beside the comparison, or each of its texts names a table.
    """
    is_conditional = any(map(is_named_like_a_type, joined.conditions))
    if is_conditional or type_columns_of(con, tables, table, joined.column):
        return True
    for other in table.stored:
        names = [name for _, name in names_in(con, tables, table, joined.column, other.name)]
        if names and all(any(names_table(name, each.name) for each in tables.values()) for name in names):
            return True
    return False


def _is_reference(table: Table, key: str, known: _Known) -> bool:
    """Return whether a key is that of another table, to which it refers."""
    is_declared = any(folded(key) in map(folded, declared.columns) for declared in table.foreign_keys)
    return is_declared or any(reference.to for reference in known.get((table.name, key), ()))

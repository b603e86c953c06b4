"""Find columns with the ids of several tables, of which another column names the table.

Django, Rails and others store such pairs, as ``object_id`` and ``content_type_id``, or ``owner_id`` and ``owner_type``.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import (
    names_table,
    words_of_name,
    words_of_text,
)
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.type_columns import movable_by_name, names_in, type_columns_of
from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference, fits, undeclared

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def find_typed_references(
    con: sqlite3.Connection,
    tables: Sequence[Table],
    loose: Iterable[UnstatedReference],
    conditions: Mapping[tuple[str, str], AbstractSet[str]],
) -> list[UnstatedReference]:
    """Return the references of columns that refer to several tables.

    Another column names the table then, and each number beside the name is a key of that table. A column whose
    references triggers tell gets others only if each value names a table.

    Args:
        con: Reads the database.
        tables: The tables that can be moved.
        loose: Columns that look like references, and are not known to refer to one table.
        conditions: Tables and columns that code compares with keys, each to the folded columns that it compares with
            values in each such statement. One of them may name the table, whatever its own name is.
    """
    by_name = movable_by_name(tables)
    references: list[UnstatedReference] = []
    types_of: dict[str, dict[str, list[str]]] = {}
    for each in loose:
        table = by_name[folded(each.table)]
        if each.table not in types_of:
            columns = [column.name for _, column in undeclared([table])]
            types_of[each.table] = {name: type_columns_of(con, by_name, table, name) for name in columns}
        compared = conditions.get((each.table, each.column), frozenset())
        others = _types_of_one(types_of[each.table], each.column) or [
            column.name for column in table.stored if folded(column.name) in compared
        ]
        known = [case for other in others if (case := _cases(con, by_name, each, other))]
        references += known[0] if len(known) == 1 else ()
    return references


def _types_of_one(types_of: dict[str, list[str]], column: str) -> list[str]:
    """Return the columns that name the tables of the ids of one column.

    There is none that could name those of another column as well.
    """
    counts = Counter(name for names in types_of.values() for name in names)
    return [name for name in types_of.get(column, ()) if counts[name] == 1]


def _cases(
    con: sqlite3.Connection, tables: dict[str, Table], loose: UnstatedReference, other: str
) -> tuple[UnstatedReference, ...]:
    """Return a reference for each value of a column that names a table.

    There is none if a number beside such a value is no key of the table.
    """
    table, column = tables[folded(loose.table)], loose.column
    cases = []
    for value, name in names_in(con, tables, table, column, other):
        parents = [each for each in tables.values() if each.alias and names_table(name, each.name)]
        exact = [each for each in parents if words_of_name(each.name) == words_of_text(name)]
        when = f"{sql_name(con, table, other)} = {literal(value)}"
        if len(exact or parents) != 1:
            if loose.to:
                return ()
            continue
        [parent] = exact or parents
        if not fits(con, table, column, parent.name, parent.alias, when):
            return ()
        cases.append(UnstatedReference(table.name, column, (parent.name, parent.alias), when=when))
    return tuple(cases)


def sql_name(con: sqlite3.Connection, table: Table, name: str) -> str:
    """Return a column as SQL, in quotes only if it needs them."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        with contextlib.suppress(sqlite3.Error):
            con.execute(f"SELECT {name} FROM main.{quoted(table.name)} LIMIT 0")
            return name
    return quoted(name)

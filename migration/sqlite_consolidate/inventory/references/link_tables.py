"""Find the integers of link tables of which no name says to what they refer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import is_measure
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlite_consolidate.engine.sqlite.schema.objects import Table


def joined_parents(tables: Mapping[str, Table], table: Table, column: str) -> list[tuple[str, str]]:
    """Return the table and key to which ``A`` or ``B`` of a link table of Prisma refers.

    ``_PostToTag`` leads from ``Post`` to ``Tag``. A name that can be read in two ways tells nothing.

    Args:
        tables: The tables that can be moved, by their folded names.
        table: The link table.
        column: One of its columns.
    """
    if column not in ("A", "B") or not table.name.startswith("_"):
        return []
    name = table.name[1:]
    pairs = [(name[: mark.start()], name[mark.end() :]) for mark in re.finditer("(?<=.)To(?=.)", name)]
    known = [pair for pair in pairs if all(folded(each) in tables for each in pair)]
    if len(known) != 1:
        return []
    parent = tables[folded(known[0][column == "B"])]
    return [(parent.name, parent.primary_key[0])] if len(parent.primary_key) == 1 else []


def open_columns(table: Table, numbers: Collection[str], known: Mapping[str, bool]) -> Iterator[str]:
    """Yield the integers of a table that may refer to rows, although no name says so.

    They are those of a key, unless the key numbers the rows of the table itself. In a table of integers only they are
    all others beside a column that looks like a reference. Numbers that are measured or counted are left out.

    Args:
        table: The table.
        numbers: Its other columns of integers.
        known: Its columns that refer to rows, or look so. The value is True if it is known to which.
    """
    if is_migration_stamp(table.name):
        return
    joint = open_key(table, [*numbers, *table.primary_key])
    declared = {folded(name) for key in table.foreign_keys for name in key.columns}
    explained = declared.union(map(folded, (*numbers, *known, *table.primary_key)))
    is_link = not all(known.values()) and explained.issuperset(folded(column.name) for column in table.stored)
    for column in dict.fromkeys((*joint, *(numbers if is_link else ()))):
        if column not in known and folded(column) not in declared and not is_measure(column):
            yield column


def measured_key(table: Table) -> list[str]:
    """Return the columns of a table that is one key of measures, such as ``x`` and ``y``.

    They are empty for any other table.
    """
    names, declared = [column.name for column in table.stored], [key for key in table.foreign_keys if key.columns]
    is_key = any({name for name, _ in key} == {*names} for key in keys_of(table))
    return names if len(names) > 1 and is_key and not declared and all(map(is_measure, names)) else []


def open_key(table: Table, columns: Iterable[str]) -> list[str]:
    """Return the columns that are in a key with others, or are their whole table."""
    stored = {column.name for column in table.stored}
    keys = [{name for name, _ in key} for key in keys_of(table)]
    joint = set[str]().union(*(key for key in keys if len(key) > 1 or key == stored))
    return [column for column in columns if column in joint]

"""Compare the declarations that versions of a program make of one table."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.sources.families import Family


def richest_first(families: Sequence[Family]) -> list[Family]:
    """Return the sources so that the first one with a table has all columns of the others.

    The first source with a table determines its declaration in the target.
    """
    tables = [{folded(each.name): each.table for each in family.database.tables} for family in families]
    declarations: dict[str, dict[str, Table]] = defaultdict(dict)
    for database in tables:
        for name, table in database.items():
            declarations[name].setdefault(table.sql, table)
    richer = {
        (name, table.sql): sum(fits_into(table, other) and not fits_into(other, table) for other in alike.values())
        for name, alike in declarations.items()
        for table in alike.values()
    }
    ranks = [sum(richer[name, table.sql] for name, table in database.items()) for database in tables]
    return [families[number] for number in sorted(range(len(families)), key=ranks.__getitem__)]


def fits_into(table: Table, first: Table) -> bool:
    """Return whether rows of a table fit into another one that may have further columns.

    A further column has a default or may be NULL, as one that a later version of the program has added.
    """
    if same_statement(first.sql, table.sql):
        return True
    columns = {folded(column.name): column for column in first.columns}
    further = columns.keys() - {folded(column.name) for column in table.columns}
    return (
        bool(further)
        and all(columns.get(folded(column.name)) == column for column in table.columns)
        and all(not columns[name].key and (not columns[name].notnull or columns[name].default) for name in further)
        and (table.strict, table.without_rowid, set(keys_of(table)), set(table.foreign_keys))
        == (first.strict, first.without_rowid, set(keys_of(first)), set(first.foreign_keys))
    )

"""Insert the rows of a projection into a table of the target, however many columns it has.

An INSERT ... SELECT carries 2,000 values. A row of a table with 2,000 columns has one value more where its rowid is
kept. One column is then set by an UPDATE after the INSERT, if the table accepts the rows without it for that moment.
Otherwise each row is inserted by a statement of its own, because a VALUES list carries any number of values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted, strip_literals
from sqlite_consolidate.engine.sqlite.wide_rows import MAX_VALUES

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.projection import ProjectedColumn, Projection
    from sqlite_consolidate.engine.merge.rows.record_copy import Execute
    from sqlite_consolidate.engine.sqlite.schema.objects import Table


def insert_rows(con: sqlite3.Connection, rows: Projection, where: str = "", execute: Execute | None = None) -> int:
    """Insert the source rows into the target's table and return their number.

    Args:
        con: The target's connection, inside a transaction, with the source attached.
        rows: The projection of a table mapping.
        where: Further condition over ``s`` of the rows.
        execute: Function that executes each statement that writes. The default is ``con.execute``.

    Raises:
        sqlite3.IntegrityError: SQLite refuses a row.
    """
    execute = execute or con.execute
    is_empty = con.execute(f"{rows.select_target(['1'])} LIMIT 1").fetchone() is None
    rowid = rows.inserted_rowid(is_empty=is_empty)
    if rowid is None or len(rows.columns) < MAX_VALUES:
        return execute(rows.insert(where, is_empty=is_empty)).rowcount
    late = late_column(rows)
    if late is None:
        return _insert_each(con, rows, rowid, where)
    count = execute(rows.without(late).insert(where, is_empty=is_empty)).rowcount
    execute(_set_late_column(rows, rowid, late, where))
    return count


def late_column(rows: Projection) -> ProjectedColumn | None:
    """Return a column that rows of the target may lack until it is set, or None.

    It is NULL until then, so nothing may refuse that.
    """
    generated = any(column.generated for column in rows.into.columns)
    unique = any(index.unique for index in rows.into.indexes)
    if generated or unique or re.search(r"\bcheck\b", strip_literals(rows.into.sql)):
        return None
    free = _nullable_columns(rows.into)
    return next((column for column in reversed(rows.columns) if folded(column.name) in free), None)


def _nullable_columns(table: Table) -> set[str]:
    nullable = (column for column in table.stored if not column.notnull and not column.key and column.default is None)
    return {folded(column.name) for column in nullable}


def _set_late_column(rows: Projection, rowid: ProjectedColumn, late: ProjectedColumn, where: str) -> str:
    value = rows.select([late.source], f"{rowid.source} = {rowid.target}")
    copied = rows.select([rowid.source], where)
    into = f"main.{quoted(rows.into.name)} AS t"
    return f"UPDATE {into} SET {quoted(late.name)} = ({value}) WHERE {rowid.target} IN ({copied})"


def _insert_each(con: sqlite3.Connection, rows: Projection, rowid: ProjectedColumn, where: str) -> int:
    names = [rowid.name, *(column.name for column in rows.columns)]
    values = (f"({rows.select([column.source], f'{rowid.source} = ?1')})" for column in rows.columns)
    into = f"main.{quoted(rows.into.name)}({identifier_list(names)})"
    insert = f"INSERT INTO {into} VALUES(?1, {', '.join(values)})"
    rowids = con.execute(rows.select([rowid.source], where)).fetchall()
    for source_rowid in rowids:
        con.execute(insert, source_rowid)
    return len(rowids)

"""Tell whether a trigger reaches rows of other databases in a table that they share.

GeoPackage has one table of the layers of all files. The triggers of a layer change the row that has its name in it, and
no row of any other layer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
from sqlite_consolidate.engine.sqlite.schema.derivations import reads_rows
from sqlite_consolidate.engine.sqlite.schema.index_queries import Token, trigger_statements
from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition, row_condition
from sqlite_consolidate.engine.sqlite.sql import folded, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def owners_of(databases: InspectedDatabases) -> TableOwners:
    """Return the databases whose rows each table of the target will hold."""
    rows = {database.file: database.rows for database in databases.databases}
    return TableOwners.of(databases.plan, rows, partial(reaches_row, databases))


def reaches_row(databases: InspectedDatabases, sql: str, table: str, file: str) -> bool:
    """Return whether a trigger may use a row that a database has for a table of the target.

    It does not, if it only updates and deletes rows that a condition on their own columns finds, and the database has
    no such row.

    Args:
        databases: The databases of the plan.
        sql: Statement of the trigger, with the names of the target.
        table: Name of the table.
        file: The database.
    """
    conditions = changing_conditions(sql, table)
    holding = list(_holding_tables(databases, table, file)) if conditions else []
    return not conditions or any(each is None or _has_row(*each, conditions) for each in holding)


def changing_conditions(sql: str, table: str) -> list[str]:
    """Return the conditions by which a trigger finds the rows of a table that it changes.

    It is empty if the trigger may use rows of the table in another way than by UPDATE and DELETE.
    """
    conditions, statements = [], list(trigger_statements(sql))
    if not statements or reads_rows(sql[: statements[0][0].start]):
        return []
    for statement in statements:
        condition = _condition(sql, statement, folded(table))
        if condition is None:
            return []
        conditions += [condition] if condition else []
    return conditions


def _condition(sql: str, statement: list[Token], table: str) -> str | None:
    """Return the condition by which a statement of a trigger changes rows of a table.

    It is empty if the statement does not name the table, and None if it may use the table in another way.
    """
    words, names = [token.text for token in statement], [token.name for token in statement]
    is_delete = words[:2] == ["delete", "from"]
    if reads_rows(sql[statement[2 if is_delete else 0].start : statement[-1].end]):
        return None
    if table not in names:
        return ""
    end = words.index("where") if "where" in words else 0
    changed = names[2:end] if is_delete else names[1 : words.index("set")] if words[0] == "update" else []
    if not end or table not in changed or names.count(table) > 1:
        return None
    return sql[statement[end].end : statement[-1].end]


def _holding_tables(
    databases: InspectedDatabases, table: str, file: str
) -> Iterator[tuple[sqlite3.Connection, Table] | None]:
    """Yield each table of a database whose rows a table of the target will hold.

    A connection comes with it. It is None for a table whose columns have other names in the target.
    """
    target = databases.target
    if target and target.file == file:
        before = target.schema.table(table)
        yield (target.write_lock.reader, before) if before else None
    for source in databases.plan.in_order:
        inspected = databases.sources.get(source.name) if source.file == file else None
        if inspected:
            for table_map in source.tables:
                if folded(table_map.into) == folded(table):
                    held = None if table_map.columns else inspected.schema.table(table_map.name)
                    yield (inspected.write_lock.reader, held) if held else None


def _has_row(con: sqlite3.Connection, table: Table, conditions: list[str]) -> bool:
    """Return whether a condition may hold for a row of a table."""
    for text in conditions:
        condition = row_condition(con, table, text)
        if not isinstance(condition, RowCondition):
            return True
        try:
            if con.execute(f"SELECT 1 FROM main.{quoted(table.name)} WHERE ({text}\n) LIMIT 1").fetchone():
                return True
        except sqlite3.Error:
            return True
    return False

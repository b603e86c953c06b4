"""Plant faults into the choice between rows, inside the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import attached
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.faults.database_edits import without_triggers
from sqlite_consolidate.faults.fault import Fault, not_planted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.plan.model import Plan


def choice_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the faults of a plan that chooses between rows, or moves some rows only."""
    tables = [table for source in plan.sources for table in source.tables]
    has_newer = any(table.on_conflict == "prefer-newer" for table in tables)
    return (Fault.in_run("rows-exact", "the older of two rows stays", _keep_an_older_row),) * has_newer


def _keep_an_older_row(run: Run) -> None:
    """Give a row of the target, which a newer one has replaced, its old values again."""
    con, copy = run.target.connection, run.sealed.database(run.plan.target)
    replaced = (copied.mapping for copied in run.target.copied_tables if copied.replaced)
    for mapping in replaced if copy else ():
        if mapping.table_map.on_conflict == "prefer-newer" and copy:
            with attached(con, run.folder / copy.copy, "selftest") as backup, without_triggers(con, mapping.into):
                if _restore_a_row(con, mapping, backup):
                    return
    raise not_planted("no row of the target was replaced by a newer one")


def _restore_a_row(con: sqlite3.Connection, mapping: TableMapping, backup: str) -> bool:
    table, newer = quoted(mapping.into.name), quoted(mapping.table_map.newer)
    names = [quoted(column.name) for column in mapping.into.stored]
    key = " AND ".join(f"old.{quoted(name)} IS t.{quoted(name)}" for name, _ in keys_of(mapping.into)[0])
    values = ", ".join(f"{name} = old.{name}" for name in names)
    row = f"SELECT old.* FROM {quoted(backup)}.{table} AS old JOIN main.{table} AS t ON {key}"
    older = f"({row} AND old.{newer} IS NOT t.{newer} LIMIT 1)"
    return con.execute(f"UPDATE main.{table} AS t SET {values} FROM {older} AS old WHERE {key}").rowcount > 0

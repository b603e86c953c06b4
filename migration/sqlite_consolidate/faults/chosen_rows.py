"""Plant faults into the choice between rows, inside the transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.copy_rows import existing_rows_digest
from sqlite_consolidate.engine.sqlite.connections import attached
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.faults.database_edits import without_triggers
from sqlite_consolidate.faults.fault import Fault, not_planted

if TYPE_CHECKING:
    import sqlite3

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.plan.model import Plan


def choice_faults(plan: Plan) -> tuple[Fault, ...]:
    """Return the faults of a plan that decides between rows, or lets rows follow others."""
    tables = [table for source in plan.sources for table in source.tables]
    newer = Fault.in_run("rows-exact", "the older of two rows stays", _keep_an_older_row)
    follows = Fault.in_run("rows-chosen", "a row that follows no row was moved", move_an_unfollowed_row)
    has_newer = any(table.on_conflict == "prefer-newer" for table in tables)
    return (newer,) * has_newer + (follows,) * any(table.follows for table in tables)


def move_a_left_row(run: Run) -> None:
    """Move a row for which ``where`` does not hold, as if it had to move."""
    _move_too(run, "IS NOT NULL", "where leaves no row behind")


def move_an_unfollowed_row(run: Run) -> None:
    """Move a row whose reference leads to no moved row, as if it had to move."""
    _move_too(run, "IS NULL", "follows leaves no row behind")


def leave_a_row(run: Run) -> None:
    """Take a row away that had to move, as if it were left behind."""
    con = run.target.connection
    for index, copied in enumerate(run.target.copied_tables):
        mapping = copied.mapping
        if not mapping.chosen or not copied.inserted or copied.skipped or copied.replaced:
            continue
        path = run.inspected.path_of(mapping)
        with attached(con, path, f"source {mapping.source.name}") as alias, without_triggers(con, mapping.into):
            rows = mapping.projection(alias)
            before = existing_rows_digest(con, mapping)
            values = (f"{column.source} AS v{place}" for place, column in enumerate(rows.row))
            same = " AND ".join(f"{column.target} IS r.v{place}" for place, column in enumerate(rows.row))
            row = f"SELECT 1 FROM ({rows.select(values)} LIMIT 1) AS r WHERE {same}"
            con.execute(f"DELETE FROM main.{quoted(mapping.into.name)} AS t WHERE EXISTS ({row})")
            change = existing_rows_digest(con, mapping) - before
            if change.rows:
                _count_as_copied(run, index, change)
                return
    raise not_planted("the plan moves no row by where or follows")


def _move_too(run: Run, is_of_kind: str, reason: str) -> None:
    con = run.target.connection
    for index, copied in enumerate(run.target.copied_tables):
        mapping = copied.mapping
        if not mapping.chosen or not copied.left.rows:
            continue
        path = run.inspected.path_of(mapping)
        with attached(con, path, f"source {mapping.source.name}") as alias, without_triggers(con, mapping.into):
            rows = replace(mapping.projection(alias), where="")
            where = f"{mapping.chosen.left()} AND ({mapping.chosen.over()}) {is_of_kind} AND NOT {rows.clashing}"
            before = existing_rows_digest(con, mapping)
            con.execute(f"{rows.insert(where, is_empty=False)} LIMIT 1")
            change = existing_rows_digest(con, mapping) - before
            if change.rows:
                _count_as_copied(run, index, change)
                return
    raise not_planted(reason)


def _count_as_copied(run: Run, index: int, change: TableDigest) -> None:
    """Count rows as if the copy had added or left them."""
    copied = run.target.copied_tables[index]
    left = replace(copied.left, by_where=copied.left.by_where - change.rows)
    run.target.copied_tables[index] = replace(
        copied,
        inserted=copied.inserted + change.rows,
        moved=copied.moved + change,
        change=copied.change + change,
        left=left,
    )


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

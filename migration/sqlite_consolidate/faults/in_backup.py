"""Plant faults into the backup set before the run reads it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.faults.database_edits import (
    drop_last_row,
    first,
    last_row_condition,
    open_unchecked,
    tables_with_rows,
    with_times_kept,
)
from sqlite_consolidate.faults.fault import Fault, not_planted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.engine.verbs.consolidate import Run


def _truncate_a_copy(run: Run) -> None:
    path = run.folder / first(_databases(run), "there is no copy of a database").copy
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _truncate_code(run: Run) -> None:
    copy = first(run.sealed.code, "the plan rewrites no code")
    (run.folder / copy.copy).write_bytes(b"")


def _open_to_others(run: Run) -> None:
    (run.folder / first(_databases(run), "there is no copy of a database").copy).chmod(0o644)


def _delete_a_row(run: Run) -> None:
    for path in _copies(run):
        with with_times_kept(path), open_unchecked(path) as con:
            tables = list(tables_with_rows(con))
            if tables:
                drop_last_row(con, tables, "")
                return
    raise not_planted("no database has a row")


def _delete_a_row_of_a_dump(run: Run) -> None:
    """Make a dump restore all rows but one."""
    _add_to_a_dump(run, lambda _, table: f"DELETE FROM {quoted(table.name)} WHERE {last_row_condition(table)};\n")


def _shorten_a_text_of_a_dump(run: Run) -> None:
    """Make a dump restore a text without its last character."""
    _add_to_a_dump(run, _shorten_a_text)


def _shorten_a_text(con: sqlite3.Connection, table: Table) -> str:
    keys = {folded(term[0] or "") for index in table.indexes if index.unique for term in index.terms}
    for column in table.stored:
        name = quoted(column.name)
        is_text = f"typeof({name}) = 'text' AND length({name}) > 0"
        if column.key or folded(column.name) in keys or not _has_row(con, table, is_text):
            continue
        shorter = f"substr({name}, 1, length({name}) - 1)"
        return f"UPDATE {quoted(table.name)} SET {name} = {shorter} WHERE {last_row_condition(table, is_text)};\n"
    return ""


def _has_row(con: sqlite3.Connection, table: Table, condition: str) -> bool:
    return con.execute(f"SELECT 1 FROM {quoted(table.name)} WHERE {condition}").fetchone() is not None


def _add_to_a_dump(run: Run, damage: Callable[[sqlite3.Connection, Table], str]) -> None:
    """Add a statement to the first dump that has a table for it.

    The triggers of the database are dropped first, because they could refuse the statement.
    """
    if not run.plan.dump:
        raise not_planted("the plan asks for no dump")
    for copy in _databases(run):
        with open_unchecked(run.folder / copy.copy) as con:
            statement = next((sql for table in tables_with_rows(con) if (sql := damage(con, table))), "")
            triggers = read_schema(con).triggers
        if statement:
            drops = "".join(f"DROP TRIGGER {quoted(trigger.name)};\n" for trigger in triggers)
            dump = run.folder / copy.dump
            dump.write_bytes(dump.read_bytes() + f"{drops}{statement}".encode("utf-8", "surrogateescape"))
            return
    raise not_planted("no database has such a row")


def _databases(run: Run) -> tuple[DatabaseCopy, ...]:
    return run.sealed.databases


def _copies(run: Run) -> Iterator[Path]:
    return (run.folder / copy.copy for copy in _databases(run))


BACKUP_FAULTS = (
    Fault.in_run("backup-complete", "a copy of a database is cut in half", _truncate_a_copy),
    Fault.in_run("backup-complete", "a copied code file is empty", _truncate_code),
    Fault.in_run("backup-complete", "a copy is readable by other users", _open_to_others),
    Fault.in_run("backup-digest", "a row is missing in a backup", _delete_a_row),
)

DUMP_FAULTS = (
    Fault.in_run("dump-reloads", "a row is missing in a dump", _delete_a_row_of_a_dump),
    Fault.in_run("dump-reloads", "a text is cut in a dump", _shorten_a_text_of_a_dump),
)

"""Write a drawn workspace as files."""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from tests.support.exactness.drawn_databases import Text
from tests.support.exactness.oracle import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.exactness.drawn_databases import Database, Table, Workspace
else:
    from sqlite_utils.utils import sqlite3


def build(workspace: Workspace, root: Path) -> None:
    """Write the files of a workspace into an empty folder."""
    for database in [*workspace.sources, *([workspace.target] if workspace.target else [])]:
        write(database, root / database.file)
    if workspace.empty:
        (root / "target.db").touch()


def write(database: Database, path: Path) -> None:
    """Create a database.

    ``crashed`` leaves the second half of its rows in the ``-wal`` only.
    """
    live = path.with_name(f"live-{path.name}")
    with closing(sqlite3.connect(live, isolation_level=None)) as con:
        con.execute(f"PRAGMA page_size={database.page_size}")
        con.execute(f"PRAGMA encoding='{database.encoding}'")
        con.execute("PRAGMA synchronous=OFF")
        con.execute(f"PRAGMA user_version={database.user_version}")
        if database.journal != "delete":
            con.execute("PRAGMA journal_mode=WAL").fetchone()
            con.execute("PRAGMA wal_autocheckpoint=0").fetchone()
        _fill(con, database, lambda: con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
        crashed = database.journal == "crashed"
        for suffix in ("", "-wal") if crashed else ():
            shutil.copyfile(f"{live}{suffix}", f"{path}{suffix}")
    if crashed:
        live.unlink()
    else:
        live.rename(path)


def _fill(con: sqlite3.Connection, database: Database, checkpoint: Callable[[], object]) -> None:
    con.execute("BEGIN")
    for table in database.tables:
        for statement in table.create:
            # SQLite refuses a second index of one name and some columns of STRICT tables. They are left out.
            with suppress(sqlite3.OperationalError):
                con.execute(statement)
    for statement in database.late:
        con.execute(statement)
    con.execute("COMMIT")
    for half_index in (0, 1):
        con.execute("BEGIN")
        for table in database.tables:
            for row in table.rows[half_index::2]:
                _insert(con, table, row)
        con.execute("COMMIT")
        if half_index == 0 and database.journal == "crashed":
            checkpoint()
    if database.deleted:
        with suppress(sqlite3.Error):
            first = database.tables[0]
            con.execute(f"DELETE FROM {quoted(first.name)} WHERE {first.rowid or quoted(first.columns[0])} % 3 = 0")
    if database.deleted > 1:
        con.execute("ANALYZE")


def _insert(con: sqlite3.Connection, table: Table, row: tuple[Any, ...]) -> None:
    columns = [*([table.rowid] if table.rowid else []), *map(quoted, table.columns)]
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in row)
    values = [value.stored if isinstance(value, Text) else value for value in row]
    with suppress(sqlite3.Error):  # a row that violates a constraint is left out
        con.execute(f"INSERT INTO {quoted(table.name)}({', '.join(columns)}) VALUES({marks})", values)

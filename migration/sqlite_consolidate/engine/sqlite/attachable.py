"""Attach databases whose views or triggers name their tables as ``main.t``.

SQLite accepts such a name only in the main database of a connection. It refuses to attach the file under another name,
and calls its schema malformed, although every application that opens the file itself can use it. A copy without views
and triggers has the same tables, indexes and rows, and SQLite attaches it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import (
    attach,
    open_for_inspection,
    open_memory,
    open_new,
    pragma,
)
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@contextlib.contextmanager
def attachable(path: Path, limits: Limits | None = None) -> Iterator[Path]:
    """Lend a database with the rows of ``path`` that SQLite can attach.

    It is ``path`` itself, or a copy without views and triggers, which is deleted afterwards.
    """
    with contextlib.ExitStack() as resources:
        with open_for_inspection(path, limits) as con:
            is_copied = _names_main(con) and not _can_attach(path, str(pragma(con, "encoding")), limits)
            if is_copied:
                folder = resources.enter_context(scratch_folder("attach"))
                _copy_without_views(con, folder / "copy.db", limits)
        yield folder / "copy.db" if is_copied else path


def _names_main(con: sqlite3.Connection) -> bool:
    """Return whether the text of a view or a trigger has the word ``main`` in it."""
    query = "SELECT 1 FROM sqlite_schema WHERE type IN ('view', 'trigger') AND sql LIKE '%main%' LIMIT 1"
    return con.execute(query).fetchone() is not None


def _can_attach(path: Path, encoding: str, limits: Limits | None) -> bool:
    with contextlib.closing(open_memory(limits)) as con:
        con.execute(f"PRAGMA encoding='{encoding}'")
        try:
            attach(con, path, "src")
        except sqlite3.DatabaseError:
            return False
    return True


def _copy_without_views(source: sqlite3.Connection, path: Path, limits: Limits | None) -> None:
    with contextlib.closing(open_new(path, limits)) as con:
        source.backup(con)
        con.execute("PRAGMA journal_mode=DELETE").fetchone()
        con.execute("PRAGMA synchronous=OFF")  # no process needs this database after a crash
        for kind in ("trigger", "view"):
            for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = ?", (kind,)).fetchall():
                con.execute(f"DROP {kind} {quoted(name)}")

"""Choose the SQLite library of this process.

It is the one that sqlite-utils takes, which is pysqlite3 where that is installed. A second build of SQLite in the
process would release the locks of the first one. sqlite-utils itself is imported only where it reads or writes, because
each process would wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    import sqlite_utils
else:
    try:
        sqlite3 = import_module("pysqlite3")
        import_module("pysqlite3.dbapi2")
    except ImportError:
        sqlite3 = import_module("sqlite3")

__all__ = ["sqlite3", "with_sqlite_utils"]


def with_sqlite_utils(con: sqlite3.Connection) -> sqlite_utils.Database:
    """Return an open database as sqlite-utils reads and writes it.

    sqlite-utils executes no statement for that, and calls no plugin.
    """
    from sqlite_utils import Database

    return Database(con, recursive_triggers=False, execute_plugins=False)

"""Choose the SQLite library of this process.

It is the one that sqlite-utils takes, which is pysqlite3 where that is installed. A second build of SQLite in the
process would release the locks of the first one. sqlite-utils itself is not imported, because a run needs nothing else
of it and each process would wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        sqlite3 = import_module("pysqlite3")
        import_module("pysqlite3.dbapi2")
    except ImportError:
        sqlite3 = import_module("sqlite3")

__all__ = ["sqlite3"]

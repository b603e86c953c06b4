"""Specify that this process removes its sidecar files and keeps its locks."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.engine.sqlite.sidecars import remove_created_sidecars

if TYPE_CHECKING:
    from pathlib import Path

_LOCK = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"


def test_database_without_sidecars_of_this_process_is_not_opened(tmp_path: Path) -> None:
    """Closing a file drops every POSIX lock of the process on it.

    See https://sqlite.org/howtocorrupt.html, section 2.2.
    """
    path = tmp_path / "a.db"
    with closing(open_new(path)) as con:
        con.execute("CREATE TABLE t(v)")
    with closing(open_existing(path)) as con:
        con.execute("BEGIN IMMEDIATE")
        remove_created_sidecars(path, set())

        other = subprocess.run([sys.executable, "-c", _LOCK, path], capture_output=True, text=True, check=False)

    assert other.returncode == 1
    assert "database is locked" in other.stderr

"""Create databases of one table and compare the bytes of folders."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_new

if TYPE_CHECKING:
    from pathlib import Path


def make_database(path: Path, mode: str = "DELETE", *values: object) -> Path:
    """Create a database with a table ``t(v)`` of these values, by default 1, and close it."""
    with closing(open_new(path)) as con:
        con.execute(f"PRAGMA journal_mode={mode}")
        con.execute("CREATE TABLE t(v)")
        con.execute("BEGIN")
        con.executemany("INSERT INTO t VALUES(?)", ((value,) for value in values or (1,)))
        con.execute("COMMIT")
    return path


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes.

    Of a ``-shm`` only the name counts, because readers write to it.
    """
    return {path.name: b"" if path.name.endswith("-shm") else path.read_bytes() for path in sorted(folder.iterdir())}


def bytes_below(root: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, backup sets included."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

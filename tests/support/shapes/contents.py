"""Digest the contents of a workspace by SQL alone, without the digest of any release."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


def contents(root: Path) -> dict[str, str]:
    """Return file to digest, without backup sets."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    names = {path.relative_to(root): path for path in paths}
    return {
        name.as_posix(): _digest(path)
        for name, path in names.items()
        if name.parts[0] != "backups" and "__pycache__" not in name.parts
    }


def _digest(path: Path) -> str:
    is_database = ".db" in path.suffixes
    data = "\n".join(_lines(path)).encode() if is_database else path.read_bytes()
    return hashlib.sha256(data).hexdigest()


def _lines(path: Path) -> list[str]:
    """List the schema, and each row with its rowid and the literal of each value."""
    with closing(sqlite3.connect(path)) as con:
        schema = con.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
        lines = sorted(f"{kind} {name} {sql}" for kind, name, sql in schema)
        for table in sorted(name for kind, name, _ in schema if kind == "table"):
            columns = [name for _, name, *_ in con.execute(f'PRAGMA table_info("{table}")')]
            literals = ", ".join(f'quote("{column}")' for column in columns)
            lines += sorted(f"{table} {row}" for row in con.execute(f'SELECT rowid, {literals} FROM "{table}"'))
    return lines

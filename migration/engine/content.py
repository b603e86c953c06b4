"""Content: what a database file holds, read once for each state of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from migration.engine.aside import WORTH_A_PROCESS
from migration.engine.digest import TableDigest, digest_database, digest_tables
from migration.engine.dump import marks
from migration.engine.guard import looking
from migration.engine.halves import digest_file_tables
from migration.engine.limits import Limits
from migration.engine.schema import Schema, read

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
    from typing import BinaryIO

_CHUNK = 1 << 20
_HEADER_BYTES = 100
_UNLIKE = ((18, 20), (24, 28), (40, 44), (92, 100))
"""Of the header: journal mode, change counters, schema cookie, and who wrote last (https://sqlite.org/fileformat.html).

A backup differs from its original in these, and no row, no statement and no mark is in them.
"""


@dataclass(frozen=True)
class Content:
    """What a database holds: its content digest, and that of each table that holds a user's rows."""

    digest: str
    tables: dict[str, TableDigest]


def content_of(con: sqlite3.Connection, schema: Schema | None = None) -> Content:
    """Read all that is in the database that ``con`` has open; its schema need not be read twice."""
    schema = schema or read(con)
    return _content(con, schema, digest_tables(con, schema))


def content_of_file(path: Path, con: sqlite3.Connection) -> Content:
    """Read all that is in the file that ``con``, in no transaction, has open; a large one with a second process."""
    schema = read(con)
    return _content(con, schema, digest_file_tables(path, con, schema))


def _content(con: sqlite3.Connection, schema: Schema, tables: dict[str, TableDigest]) -> Content:
    return Content(digest_database(schema, tables, marks(con)), tables)


@dataclass
class Reader:
    """Reads a database file through a new connection; once more only when its bytes are others.

    Only for files that no connection of this process has open: their bytes are read as well.
    """

    limits: Limits = field(default_factory=Limits)
    _known: dict[Path, tuple[list[str], Content]] = field(default_factory=dict)

    def content(self, path: Path) -> Content:
        """Return what is in the file now.

        Raises:
            sqlite3.Error: It is no database, or locked.
        """
        before = bytes_of(path)
        if path in self._known and self._known[path][0] == before:
            return self._known[path][1]
        with looking(path, self.limits) as con:
            found = content_of_file(path, con)
        if bytes_of(path) == before:  # else somebody wrote meanwhile: what was read belongs to neither state
            self._known[path] = before, found
        return found


def same_pages(path: Path, copy: Path, sha256: str = "") -> bool:
    """Tell whether two database files hold the same, page by page; without opening them as databases.

    False says only that their contents have to be read: pages may lie in another order.

    Args:
        path: A database with nothing in a ``-wal``; like ``copy``, not open in this process.
        copy: A copy of it.
        sha256: Digest that the bytes of ``copy`` must have, unless it is empty.
    """
    seen = hashlib.sha256()
    with path.open("rb") as one, copy.open("rb") as other:
        there = other.read(_HEADER_BYTES)
        if _likened(one.read(_HEADER_BYTES)) != _likened(there):
            return False
        seen.update(there)
        while there := other.read(_CHUNK):
            seen.update(there)
            if one.read(_CHUNK) != there:
                return False
        return not _more(one) and sha256 in ("", seen.hexdigest())


def has_wal(path: Path) -> bool:
    """Tell whether a ``-wal`` with something in it lies beside the file: then its own bytes are not all it holds."""
    wal = path.with_name(path.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0


def _likened(header: bytes) -> bytes:
    likened = bytearray(header)
    for start, end in _UNLIKE:
        likened[start:end] = bytes(end - start)
    return bytes(likened)


def _more(file: BinaryIO) -> bool:
    return bool(file.read(1))


def bytes_of(path: Path) -> list[str]:
    """Digest all files of a database; two equal answers say that nothing was written between them.

    Args:
        path: A database that this process has not open.
    """
    files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-journal")]
    return [part for file in files for part in (_in_two(file) if file.exists() else [""])]


def _in_two(file: Path) -> list[str]:
    """Digest the halves of a file, of a large one at the same time: hashlib lets other threads run meanwhile."""
    size = file.stat().st_size
    halves = (0, size // 2), (size // 2, size)
    if size < WORTH_A_PROCESS:
        return [_digest_part(file, half) for half in halves]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(partial(_digest_part, file), halves))


def _digest_part(file: Path, part: tuple[int, int]) -> str:
    start, end = part
    seen = hashlib.sha256()
    with file.open("rb", buffering=0) as data:
        data.seek(start)
        while chunk := data.read(min(_CHUNK, end - data.tell())):
            seen.update(chunk)
    return seen.hexdigest()

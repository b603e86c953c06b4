"""Copy the pages of a locked database, and compare the finished copy with it."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.contents import has_wal_frames
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES
from sqlite_consolidate.engine.sqlite.connections import pragma
from sqlite_consolidate.engine.sqlite.errors import interrupted_error

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DatabaseLock
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_CHUNK = 1 << 20
_FORMAT_VERSIONS = slice(18, 20)
"""Bytes of the header that are 2 in WAL mode, and 1 otherwise (https://sqlite.org/fileformat.html, section 1.3.3)."""


def is_copied_by_pages(write_lock: DatabaseLock) -> bool:
    """Return whether a large file alone holds the whole database."""
    return write_lock.path.stat().st_size >= PARALLEL_MIN_BYTES and not has_wal_frames(write_lock.path)


def copy_pages(write_lock: DatabaseLock, copy: Path) -> str:
    """Copy all pages of a locked database to a new file, and return the digest of the file.

    Bytes after the last page are left out. The copy is in no WAL mode, so that it needs no sidecar files. One thread
    digests a part while another one writes it.

    Args:
        write_lock: The lock of a database with an empty or no ``-wal``.
        copy: The new file, readable by the operator alone.

    Raises:
        sqlite3.Error: The run is interrupted, or the file has become shorter.
        OSError: The file cannot be read, or the disk is full.
    """
    from concurrent.futures import ThreadPoolExecutor

    digest = hashlib.sha256()
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file, ThreadPoolExecutor(1) as hashing:
        for part in _parts(write_lock.open_descriptor(), 0, _size(write_lock), write_lock.limits):
            hashed = hashing.submit(digest.update, part)
            file.write(part)
            hashed.result()
    return digest.hexdigest()


def has_pages_of(write_lock: DatabaseLock, copy: Path) -> bool:
    """Return whether a copy has the pages of a locked database, and nothing else.

    Two threads read a half each. This process waits for the system most of that time.

    Args:
        write_lock: The lock of a database with an empty or no ``-wal``.
        copy: A file that ``copy_pages`` has made.

    Raises:
        sqlite3.Error: The run is interrupted, or the file of the database has become shorter.
        OSError: A file cannot be read.
    """
    from concurrent.futures import ThreadPoolExecutor

    size, database = _size(write_lock), write_lock.open_descriptor()
    with copy.open("rb") as file, ThreadPoolExecutor(2) as pool:
        if os.fstat(file.fileno()).st_size != size:
            return False
        compare = partial(_has_equal_bytes, file.fileno(), database, write_lock.limits)
        return all(pool.map(compare, (0, size // 2), (size // 2, size)))


def _has_equal_bytes(copy: int, database: int, limits: Limits, begin: int, end: int) -> bool:
    """Return whether a part of a copy has the bytes of the database."""
    parts = _parts(database, begin, end, limits)
    return all(os.pread(copy, len(part), begin + index * _CHUNK) == part for index, part in enumerate(parts))


def _size(write_lock: DatabaseLock) -> int:
    return int(str(pragma(write_lock.reader, "page_count"))) * int(str(pragma(write_lock.reader, "page_size")))


def _parts(descriptor: int, begin: int, end: int, limits: Limits) -> Iterator[bytes]:
    """Yield the bytes of a part of a database file, of which no header states WAL mode."""
    for start in range(begin, end, _CHUNK):
        if limits.must_stop():
            raise interrupted_error()
        part = os.pread(descriptor, min(_CHUNK, end - start), start)
        if len(part) < min(_CHUNK, end - start):
            text = "the file has become shorter"
            raise sqlite3.DatabaseError(text)
        if not start:
            header = bytearray(part)
            header[_FORMAT_VERSIONS] = b"\1\1"
            part = bytes(header)
        yield part

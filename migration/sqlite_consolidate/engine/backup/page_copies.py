"""Copy the pages of a locked database, and digest them on the way.

The digest is that of the bytes as they were read. So a copy with this digest has the pages of its original, and the
copy has to be read only once more to prove that.
"""

from __future__ import annotations

import hashlib
import os
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

    size = int(str(pragma(write_lock.reader, "page_count"))) * int(str(pragma(write_lock.reader, "page_size")))
    digest = hashlib.sha256()
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file, ThreadPoolExecutor(1) as hashing:
        for part in _parts(write_lock.open_descriptor(), size, write_lock.limits):
            hashed = hashing.submit(digest.update, part)
            file.write(part)
            hashed.result()
    return digest.hexdigest()


def _parts(descriptor: int, size: int, limits: Limits) -> Iterator[bytes]:
    """Yield the bytes of a database file, of which no header states WAL mode."""
    for start in range(0, size, _CHUNK):
        if limits.must_stop():
            raise interrupted_error()
        part = os.pread(descriptor, min(_CHUNK, size - start), start)
        if len(part) < min(_CHUNK, size - start):
            text = "the file has become shorter"
            raise sqlite3.DatabaseError(text)
        if not start:
            header = bytearray(part)
            header[_FORMAT_VERSIONS] = b"\1\1"
            part = bytes(header)
        yield part

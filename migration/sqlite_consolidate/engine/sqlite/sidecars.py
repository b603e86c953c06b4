"""Name the files of a database, and remove those that this process has created beside it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
SIDECARS = (WAL, SHM, JOURNAL)
"""Suffixes of the files that SQLite keeps beside a database."""

SIDECAR_PATTERN = "|".join(SIDECARS)
"""Part of a regular expression that matches the suffix of a sidecar file."""

CONTENT_SIDECARS = (WAL, JOURNAL)
"""Suffixes of the sidecar files that can hold a part of the database."""
FileStates = tuple[tuple[int, int, int, int, int], ...]
"""What the file system reports of each file of a database: device, inode, size, time of writing and of any change."""

# The bytes SQLite locks to read or to write (https://sqlite.org/lockingv3.html; SHARED_FIRST and SHARED_SIZE of os.h).
_SHARED_FIRST = 0x4000_0002
_SHARED_SIZE = 510


def content_files(path: Path) -> list[Path]:
    """Return the files that may hold a part of a database, whether they exist or not."""
    return [path, *(sidecar_path(path, suffix) for suffix in CONTENT_SIDECARS)]


def file_states(path: Path) -> FileStates:
    """Return what the file system reports of the files that hold a database.

    A file that is absent, or in a folder that this user may not search, is left out.
    """
    states = []
    for file in content_files(path):
        with suppress(OSError):
            status = file.stat()
            times = status.st_mtime_ns, status.st_ctime_ns
            states.append((status.st_dev, status.st_ino, status.st_size, *times))
    return tuple(states)


def existing_sidecars(path: Path) -> set[str]:
    """Return the suffixes of the ``-wal`` and ``-shm`` files that are beside a database."""
    return {suffix for suffix in (WAL, SHM) if sidecar_path(path, suffix).exists()}


def remove_created_sidecars(path: Path, before: set[str]) -> None:
    """Remove the sidecar files that this process has created.

    A lock excludes all other connections meanwhile.

    Args:
        path: The database. This process has closed it.
        before: Suffixes of the sidecar files that existed before this process opened it.
    """
    created = [sidecar_path(path, suffix) for suffix in sorted(existing_sidecars(path) - before)]
    if not created or not path.exists():
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # no write permission; the sidecars are then empty, and the next writing process removes them
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        for sidecar in created:
            if sidecar.name.endswith(SHM) or sidecar.stat().st_size == 0:
                sidecar.unlink()
    except OSError:
        pass  # another process has it open and uses the sidecars
    finally:
        os.close(descriptor)


def sidecar_path(path: Path, suffix: str) -> Path:
    """Return the path of a sidecar file of a database, whether it exists or not."""
    return path.with_name(path.name + suffix)

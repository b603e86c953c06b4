"""Name the files that SQLite keeps beside a database, and remove those of this process."""

from __future__ import annotations

import fcntl
import os
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
# The bytes SQLite locks to read or to write (https://sqlite.org/lockingv3.html; SHARED_FIRST and SHARED_SIZE of os.h).
_SHARED_FIRST = 0x4000_0002
_SHARED_SIZE = 510


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

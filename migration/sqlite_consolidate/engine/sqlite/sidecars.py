"""Name the files that SQLite keeps beside a database, and remove those that this process has made."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
SIDECARS = (WAL, SHM, JOURNAL)
"""What SQLite appends to the name of a database for each file that it keeps beside it."""

SIDECAR_PATTERN = "|".join(SIDECARS)
"""Part of a regular expression: the end of the name of a sidecar file."""

CONTENT_SIDECARS = (WAL, JOURNAL)
"""Those that can hold what is part of the database."""
# The bytes SQLite locks to read or to write (https://sqlite.org/lockingv3.html; SHARED_FIRST and SHARED_SIZE of os.h).
_SHARED_FIRST = 0x4000_0002
_SHARED_SIZE = 510


def existing_sidecars(path: Path) -> set[str]:
    """Return the suffixes of the sidecar files that are beside a database."""
    return {suffix for suffix in (WAL, SHM) if sidecar_path(path, suffix).exists()}


def remove_created_sidecars(path: Path, before: set[str]) -> None:
    """Remove the sidecar files that this process has made, under the lock that keeps every other opener out.

    Args:
        path: The database; this process has closed it.
        before: Suffixes of the sidecar files that were there before this process opened it.
    """
    ours = [sidecar_path(path, suffix) for suffix in sorted(existing_sidecars(path) - before)]
    if not ours or not path.exists():
        return
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # not ours to write to: then the sidecars are empty, and whoever may write removes them
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        for sidecar in ours:
            if sidecar.name.endswith(SHM) or sidecar.stat().st_size == 0:
                sidecar.unlink()
    except OSError:
        pass  # somebody else has it open by now: the sidecars are theirs
    finally:
        os.close(handle)


def sidecar_path(path: Path, suffix: str) -> Path:
    """Return the path of a sidecar file of a database, be it there or not."""
    return path.with_name(path.name + suffix)

"""Reserve the disk space that a rollback needs.

Another process can fill the disk after COMMIT. The restored target is written in one transaction, whose journal holds
the pages that the run wrote. A file of that size is allocated before COMMIT and removed when a rollback begins.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import sync_folder, written_file_named

if TYPE_CHECKING:
    from pathlib import Path

NAME = "reserved"
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def reserve_space(folder: Path, size: int) -> None:
    """Allocate ``size`` bytes in a file of a backup set.

    Nothing is allocated where the operating system or the file system cannot allocate without writing (macOS).

    Raises:
        OSError: The disk has less space. The file is removed.
    """
    if not size or not hasattr(os, "posix_fallocate"):
        return
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with written_file_named(folder / NAME):
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
    except OSError as error:
        release_space(folder)
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)
    sync_folder(folder)


def reserved_bytes(folder: Path) -> int:
    """Return the number of bytes that a backup set has reserved."""
    path = folder / NAME
    return path.stat().st_size if path.is_file() else 0


def release_space(folder: Path) -> None:
    """Free the space that a backup set has reserved, if any."""
    (folder / NAME).unlink(missing_ok=True)

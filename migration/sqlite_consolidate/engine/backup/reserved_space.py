"""Reserve the disk space that a rollback needs.

Another process can fill the disk after COMMIT. The restored target is written in one transaction, whose journal holds
the pages that the run wrote. A file of that size is allocated before COMMIT and removed when a rollback begins. It is
on the disk of the target, where SQLite writes the journal.
"""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import make_private_folder, sync_folder, written_file_named
from sqlite_consolidate.engine.backup.copies import ignore_folder
from sqlite_consolidate.engine.sqlite.files import disk_of

if TYPE_CHECKING:
    from pathlib import Path

NAME = "reserved"
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def reserve_space(folder: Path, target: Path, size: int) -> None:
    """Allocate ``size`` bytes in a file of a backup set.

    A target on another disk gets a folder beside it for the file. Nothing is allocated where the operating system or
    the file system cannot allocate without writing (macOS).

    Raises:
        OSError: The disk has less space. The file is removed.
    """
    if not size or not hasattr(os, "posix_fallocate"):
        return
    place = folder
    if disk_of(folder) != disk_of(target):
        place = _beside(target, folder)
        make_private_folder(place)
        ignore_folder(place)
    descriptor = os.open(place / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with written_file_named(place / NAME):
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
    except OSError as error:
        release_space(folder, target)
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)
    if place.is_dir():
        sync_folder(place)


def reserved_bytes(folder: Path, target: Path) -> int:
    """Return the number of bytes that are reserved for the rollback of a backup set."""
    files = [path for path in (folder / NAME, _beside(target, folder) / NAME) if path.is_file()]
    return sum(path.stat().st_size for path in files)


def release_space(folder: Path, target: Path) -> None:
    """Free the space that is reserved for the rollback of a backup set, if any."""
    (folder / NAME).unlink(missing_ok=True)
    shutil.rmtree(_beside(target, folder), ignore_errors=True)


def _beside(target: Path, folder: Path) -> Path:
    return target.with_name(f".{folder.name}-{NAME}")

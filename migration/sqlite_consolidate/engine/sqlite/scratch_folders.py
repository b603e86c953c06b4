"""Lend private folders for temporary files, and delete those that a killed process left.

They can contain rows of the operator. SQLite opens these files by name and more than once, so their names have to exist
while they are used. The kernel releases the lock of a folder when its process ends, so a folder whose lock can be taken
is used by no process.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX, _LOCK, _FILES = "consolidate-", "lock", "files-"


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """Lend an empty private folder, which is deleted afterwards.

    Args:
        purpose: A word for the name of the folder.
    """
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{purpose}-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        descriptor = _lock(folder)
        try:  # the lock is the last to go, because the next run looks for it
            with tempfile.TemporaryDirectory(prefix=_FILES, dir=folder, ignore_cleanup_errors=True) as files:
                yield Path(files)
        finally:
            os.close(descriptor)


def remove_abandoned_folders() -> None:
    """Delete the folders that killed processes of this user left."""
    with suppress(OSError):  # there is no folder for temporary files
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with suppress(OSError):  # a process uses it, or another program has made it
                _remove_abandoned(folder)


def _lock(folder: Path) -> int:
    """Create the lock file of a folder, and return its descriptor.

    The file gets its name when it is locked, so that no other process takes the lock before. Where the file system has
    no locks, it never gets the name, and only this process deletes the folder.
    """
    descriptor, name = tempfile.mkstemp(dir=folder)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Path(name).rename(folder / _LOCK)
    return descriptor


def _remove_abandoned(folder: Path) -> None:
    """Delete a folder by way of a new one, so that the next run ends what is interrupted here.

    A folder with other names in it is that of another program.

    Raises:
        OSError: A process uses the folder, or it has no lock.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    if any(path.name != _LOCK and not path.name.startswith(_FILES) for path in folder.iterdir()):
        return
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with scratch_folder("removed") as removed:
            folder.rename(removed / folder.name)
    finally:
        os.close(descriptor)

"""Put the backups of a workspace on another disk, and limit what is free on a disk."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def backups_on_another_disk(root: Path) -> Iterator[Path]:
    """Link the backups of a workspace to a new folder on another disk, and lend it."""
    disks = [Path(name) for name in ("/dev/shm", "/tmp", "/") if Path(name).is_dir()]
    other = next((disk for disk in disks if disk.stat().st_dev != root.stat().st_dev), None)
    if other is None:
        pytest.skip("there is one file system only")
    with tempfile.TemporaryDirectory(dir=other) as folder:
        (root / "backups").symlink_to(folder)
        yield Path(folder)


def limit_free_space(monkeypatch: pytest.MonkeyPatch, folder: Path, free: int) -> None:
    """Let the disk of a folder have a number of free bytes, and every other one what it has."""
    disk, usage = folder.stat().st_dev, shutil.disk_usage

    def limited_usage(path: Path) -> object:
        space = usage(path)
        return space._replace(free=free) if Path(path).stat().st_dev == disk else space

    monkeypatch.setattr(shutil, "disk_usage", limited_usage)

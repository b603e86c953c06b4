"""Run a workspace on its own disk, and cut the power so that unsynced data is lost.

The disk is an ext4 image that is mounted through a loop device. The image is copied while it is mounted, and the copy
is mounted instead. The copy lacks what only the kernel's cache had. The file system itself commits only every 300
seconds, and does not write bytes because of a rename (mount(8), ext4(5)).
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

_SIZE = 32 << 20  # bytes; most of it is never written to
_OPTIONS = "loop,noatime,commit=300,noauto_da_alloc"
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 0x40000


def why_no_power_cut() -> str:
    """Return why no power can be cut on this machine, or an empty text."""
    if missing := [name for name in ("mkfs.ext4", "mount", "umount") if not shutil.which(name)]:
        return f"{' and '.join(missing)} not found"
    if os.geteuid() != 0:
        return "only root may mount a disk"
    tried = f"import pathlib, sys; from {__name__} import Disk; Disk(pathlib.Path(sys.argv[1])).__enter__()"
    with tempfile.TemporaryDirectory() as folder:  # the kernel removes the mounts of the process when it ends
        done = subprocess.run(
            [sys.executable, "-c", tried, folder],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
        )
    return f"no disk can be mounted: {done.stderr.strip().splitlines()[-1]}" if done.returncode else ""


class Disk:
    """Mount the folder ``workspace`` in a folder as a separate disk.

    Mounts are made in a mount namespace of this process. When it ends, the kernel removes them and their loop devices.
    """

    def __init__(self, folder: Path) -> None:
        self._image, self._at = folder / "disk.img", folder / "workspace"

    def __enter__(self) -> Self:
        _leave_the_others_mounts()
        with self._image.open("wb") as file:
            file.truncate(_SIZE)
        _do("mkfs.ext4", "-q", "-F", "-m", "0", self._image)
        self._at.mkdir()
        self._mount()
        (self._at / "lost+found").rmdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._unmount()

    def sync(self) -> None:
        """Write everything to the disk and empty the cache."""
        self._unmount()
        self._mount()

    def cut(self) -> None:
        """Lose everything that is not synced."""
        rest = self._image.with_suffix(".cut")
        shutil.copyfile(self._image, rest)
        self._unmount()
        rest.replace(self._image)
        self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", _OPTIONS, self._image, self._at)

    def _unmount(self) -> None:
        _do("umount", self._at)


@functools.cache
def _leave_the_others_mounts() -> None:
    """Keep the mounts of this process invisible to all but its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "cannot create a mount namespace")


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")

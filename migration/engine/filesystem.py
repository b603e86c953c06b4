"""File system: what kind of one a file lies on, and whether its locks reach everybody who could write to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = frozenset(
    (
        *(
            "9p",
            "afpfs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "davfs",
            "gfs",
            "gfs2",
            "glusterfs",
            "lustre",
            "ncpfs",
            "nfs",
        ),
        *("nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "virtiofs", "webdav"),
        *("fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Types, as the mount table calls them, on which another machine (or the host of a virtual one) sees the same files."""

_SERVICES = re.compile(
    r"(Dropbox|OneDrive|Google ?Drive|Nextcloud|ownCloud|iCloud|Mobile Documents)\b.*", re.IGNORECASE
)


def network(path: Path) -> str:
    """Return the type of the network file system that ``path`` is on; empty on a local one, or when nobody can tell."""
    import psutil

    kind = kind_of(path.resolve(), {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)})
    return kind if kind in NETWORK else ""


def kind_of(path: Path, mounted: dict[str, str]) -> str:
    """Return the file system's type where ``path`` lies: that of the longest mount point above it."""
    above = [str(one) for one in (path, *path.parents)]
    return next((mounted[one] for one in above if one in mounted), "")


def synchronized(path: Path) -> str:
    """Return the name of the folder on the way to ``path`` by which a service synchronizes it; empty without one."""
    return next((part for part in path.resolve().parts if _SERVICES.fullmatch(part)), "")

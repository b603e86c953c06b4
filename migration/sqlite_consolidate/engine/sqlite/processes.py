"""Find the other processes that have a database open or locked."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS, sidecar_path
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psutil


_INITS = {"systemd", "init", "launchd", "openrc-init", "runit", "dinit"}  # names of process 1 of a whole machine
_CONTAINER_FILES = ("run/systemd/container", "run/.containerenv", ".dockerenv")

# SQLite's PENDING and RESERVED bytes and its 510 SHARED bytes; a WAL connection holds a SHARED one while it is idle.
_SQLITE_LOCKS = (0x40000000, 512)

# struct flock: type, whence, start, length, pid on Linux; start, length, pid, type, whence on macOS.
_DARWIN = sys.platform == "darwin"
_FLOCK = struct.Struct("@qqihh" if _DARWIN else "@hhqqi0q")


@dataclass(frozen=True)
class Holder:
    """Hold one process that has a database open.

    Attributes:
        pid: Its process id.
        program: Name of its program, printable. Its arguments may be secret.
        file: The database, even if only a sidecar of it is open.
    """

    pid: int
    program: str
    file: Path


@dataclass(frozen=True)
class Holders:
    """Hold the processes that have databases open, as far as this user may see them.

    Attributes:
        entries: One entry for each process and database, by process id.
        unseen: Number of processes that this user may not inspect.
    """

    entries: tuple[Holder, ...]
    unseen: int


def find_holders(files: Sequence[Path]) -> Holders:
    """Return the other processes that have one of the databases or a sidecar file of it open.

    Files are compared by device and inode, not by name. This process and its children do not count. Files that do not
    exist have no holders.
    """
    import psutil

    wanted = dict(_identities(files))
    own_processes = {process.pid for process in psutil.Process().children(recursive=True)} | {os.getpid()}
    entries: list[Holder] = []
    unseen = 0
    for process in psutil.process_iter():
        if process.pid in own_processes:
            continue
        try:
            held = {wanted[identity] for identity in _open_identities(process) if identity in wanted}
            entries += [Holder(process.pid, one_line(process.name()), file) for file in sorted(held)]
        except psutil.NoSuchProcess:  # ended meanwhile, or a zombie, which has no open files
            continue
        except (psutil.AccessDenied, PermissionError):
            unseen += 1
    return Holders(tuple(sorted(entries, key=lambda holder: (holder.pid, holder.file))), unseen)


def is_in_container(root: Path = Path("/")) -> bool:
    """Return whether this process runs in a container, and sees no other container.

    Process 1 of a container is a program of its own, or the container has a file that says so.

    Args:
        root: Folder in which ``proc`` and ``run`` are.
    """
    if any((root / file).exists() for file in _CONTAINER_FILES):
        return True
    try:
        command = (root / "proc/1/comm").read_text("utf-8", "replace").strip()
    except OSError:  # another system, or process 1 is hidden from this user
        return False
    return command not in _INITS


def lock_owner(path: Path) -> int | None:
    """Return the id of another process that holds an SQLite lock on a database, or None.

    0 means that the kernel does not name the process, for example because it is in another container. Call it only
    before this process has an SQLite connection to the file. It opens and closes the file, and closing drops every
    POSIX lock of this process on it.

    Raises:
        OSError: The file exists and cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return range_lock_owner(descriptor, *_SQLITE_LOCKS)
    finally:
        os.close(descriptor)


def range_lock_owner(descriptor: int, start: int, length: int) -> int | None:
    """Return the id of another process that holds a POSIX lock on a range of bytes, or None.

    A ``length`` of 0 extends to the end of the file, however far it grows. 0 as a result means that the kernel does not
    name the process.
    """
    probe = lock_request(fcntl.F_WRLCK, start, length)
    fields = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, probe))
    kind, pid = (fields[3], fields[2]) if _DARWIN else (fields[0], fields[4])
    return None if kind == fcntl.F_UNLCK else max(pid, 0)


def lock_request(kind: int, start: int, length: int) -> bytes:
    """Return the ``struct flock`` of a request for ``fcntl``.

    Args:
        kind: ``F_RDLCK``, ``F_WRLCK`` or ``F_UNLCK``.
        start: The first byte.
        length: Number of bytes. 0 extends to the end of the file, however far it grows.
    """
    if _DARWIN:
        return _FLOCK.pack(start, length, 0, kind, os.SEEK_SET)
    return _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)


def _identities(files: Sequence[Path]) -> Iterator[tuple[tuple[int, int], Path]]:
    for file in files:
        for path in (file, *(sidecar_path(file, suffix) for suffix in SIDECARS)):
            try:
                status = path.stat()
            except OSError:  # absent, or in a folder that this user may not search
                continue
            yield (status.st_dev, status.st_ino), file


def _open_identities(process: psutil.Process) -> Iterator[tuple[int, int]]:
    """Yield device and inode of the open files of a process.

    Raises:
        PermissionError: This user may not inspect the process.
    """
    for path in _descriptors(process.pid) if sys.platform == "linux" else (file.path for file in process.open_files()):
        try:
            status = os.stat(path)  # noqa: PTH116 -- there may be very many, and a Path takes longer than the stat
        except PermissionError:
            raise
        except OSError:  # closed or removed meanwhile, or a path of another container
            continue
        yield status.st_dev, status.st_ino


def _descriptors(pid: int) -> list[str]:
    """Return the links by which Linux shows the open files of a process.

    A call for each tells its file. psutil makes eight, and compares names.
    """
    folder = f"/proc/{pid}/fd"
    try:
        return [f"{folder}/{descriptor}" for descriptor in os.listdir(folder)]  # noqa: PTH208 -- as above
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return []

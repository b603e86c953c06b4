"""One answer: how a file is written, replaced or renamed so that a power cut leaves the old state or the new one."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """``path`` is a new file with exactly ``data`` and ``mode``, on the disk together with its name.

    Raises:
        FileExistsError: When anything has that name, a dangling symbolic link included; it stays as it was.
        OSError: When it cannot be written; what was begun is removed again.
    """
    with _created(path) as descriptor:
        _fill(descriptor, data, mode)
    sync_folder(path.parent)


def replace(path: Path, data: bytes, mode: int) -> None:
    """``path`` holds ``data`` with ``mode``; at every moment a reader finds the old bytes or the new ones, whole.

    The new bytes are written to ``.<name>.part`` beside it first; one that a killed run left there is removed. The
    owner is kept when this process may do that (root). A symbolic link is replaced by a file: resolve it before.

    Raises:
        OSError: When it cannot be written; ``path`` is as it was.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with _created(part) as descriptor:
        if os.geteuid() == 0 and path.exists():
            before = path.stat()
            os.fchown(descriptor, before.st_uid, before.st_gid)
        _fill(descriptor, data, mode)
        part.replace(path)
    sync_folder(path.parent)


def move(old: Path, new: Path) -> None:
    """The file has the name ``new`` and no longer the name ``old``, on the disk; its bytes were not opened.

    It has both names for a moment and never none. If ``new`` already is this very file (a move that was cut short),
    only the old name goes.

    Raises:
        FileExistsError: When ``new`` is another file; nothing was changed.
        ProblemError: When the file system cannot give a file a second name; nothing was changed.
        OSError: When a folder cannot be written, or ``old`` does not exist.
    """
    try:
        os.link(old, new, follow_symlinks=False)
    except FileExistsError:
        if not _has_both_names(old, new):
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise ProblemError(
            Problem(
                "no-hard-links",
                str(old),
                f"cannot be renamed to {new} without the risk of overwriting: {error.strerror}. "
                "It still has its old name.",
                "Use a file system with hard links, and a folder on the same one.",
            )
        ) from error
    sync_folder(new.parent)
    old.unlink()
    sync_folder(old.parent)


def make_private_folder(path: Path) -> None:
    """``path`` is a new folder that only its owner can enter (0700), on the disk together with its name.

    Raises:
        FileExistsError: When anything has that name.
        OSError: When its parent does not exist or cannot be written.
    """
    path.mkdir(mode=0o700)
    sync_folder(path.parent)


def sync(path: Path) -> None:
    """The bytes of the file ``path`` survive a power cut; its name does once its folder is synced.

    Raises:
        OSError: When the file cannot be opened, or the disk reports an error.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """The names in the folder ``path`` survive a power cut.

    Raises:
        OSError: When the folder cannot be opened, or the disk reports an error.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _created(path: Path) -> Iterator[int]:
    """Lend the descriptor of a new, private, empty file; after an error the file is gone again."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _has_both_names(old: Path, new: Path) -> bool:
    """Tell whether the names are two, and of one file; a name that is only spelled in two ways would be its last."""
    one, other = old.lstat(), new.lstat()
    return os.path.samestat(one, other) and one.st_nlink > 1 and old.resolve() != new.resolve()


def _fill(descriptor: int, data: bytes, mode: int) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fchmod(descriptor, mode)  # after the bytes, and whatever the umask says
    _sync(descriptor)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # fsync stops at the drive's own cache there
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:  # not every file system knows it
            os.fsync(descriptor)
    else:
        os.fsync(descriptor)


def write_private(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Leave ``path`` with exactly ``data`` and mode 0600, also where another file was there before.

    Whoever reads meanwhile, or after a crash, finds the old content or the new one. A link at ``path`` is replaced,
    not followed. With ``sync=False``, for a file that is written again soon, that is not so after a power cut.

    Raises:
        OSError: The folder cannot be written, or the disk is full; ``path`` is as before.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp creates it with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

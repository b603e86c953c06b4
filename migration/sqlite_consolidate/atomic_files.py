"""Write, replace and rename files so that a power cut leaves the old or the new state."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a full disk, and of a quota that is used up."""
_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


@contextmanager
def written_file_named(path: Path) -> Iterator[None]:
    """Let the error of a full disk in this block name the file that is written.

    The system names no file of a descriptor.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(path)
        raise


def write_new(path: Path, data: bytes | Iterable[bytes], mode: int = 0o600) -> None:
    """Write a new file with exactly ``data`` and ``mode``, and sync it and its name.

    Args:
        path: The file.
        data: Its bytes, or pieces of them.
        mode: Its permission bits.

    Raises:
        FileExistsError: A file or a dangling symbolic link has that name. It is left unchanged.
        OSError: The file cannot be written. The incomplete file is removed.
    """
    with written_file_named(path), _created(path) as descriptor:
        _fill(descriptor, data, mode)
    sync_folder(path.parent)


def replace(path: Path, data: bytes | Iterable[bytes], mode: int) -> None:
    """Replace the content and mode of a file atomically.

    A reader sees the old bytes or the new ones, never a mixture. The new bytes are first written to ``.<name>.part``
    beside the file. A part file that a killed run left is removed before. The owner is kept if this process may set it
    (root). A symbolic link is replaced by a file, so resolve it before.

    Raises:
        OSError: The file cannot be written. ``path`` is unchanged.
    """
    part = _part_of(path)
    part.unlink(missing_ok=True)
    with written_file_named(path), _created(part) as descriptor:
        if os.geteuid() == 0 and path.exists():
            before = path.stat()
            os.fchown(descriptor, before.st_uid, before.st_gid)
        _fill(descriptor, data, mode)
        part.replace(path)
    sync_folder(path.parent)


def remove_part(path: Path) -> None:
    """Remove the part file that a killed call of ``replace`` left."""
    _part_of(path).unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def move(old: Path, new: Path) -> None:
    """Rename a file without opening it, and sync both folders.

    See :func:`move_all`.
    """
    move_all([(old, new)])


def move_all(names: Sequence[tuple[Path, Path]]) -> None:
    """Rename files without opening them, and sync each of their folders twice.

    A file has both names between the two steps, and never none. If ``new`` is already this very file, because a
    rename was cut short, only the old name is removed.

    Args:
        names: Old and new name of each file.

    Raises:
        FileExistsError: ``new`` is another file. No old name was removed.
        ProblemError: The file system cannot give a file a second name. No old name was removed.
        OSError: A folder cannot be written, or ``old`` does not exist.
    """
    for old, new in names:
        _link(old, new)
    for folder in dict.fromkeys(new.parent for _, new in names):
        sync_folder(folder)
    for old, _ in names:
        old.unlink()
    for folder in dict.fromkeys(old.parent for old, _ in names):
        sync_folder(folder)


def _link(old: Path, new: Path) -> None:
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


_OTHERS = 0o077  # bits of a umask that take nothing from the owner


def let_owner_use_new_files() -> None:
    """Let the umask of this process take no permission from the owner of a new file.

    With a umask such as 0777 this process could not open what it has just made. Other umasks stay as they are.
    """
    os.umask(os.umask(_OTHERS) & _OTHERS)


def make_private_folder(path: Path) -> None:
    """Make a new folder that only its owner can enter (0700), and sync its name.

    Raises:
        FileExistsError: A file or folder has that name.
        OSError: Its parent does not exist or cannot be written.
    """
    path.mkdir(mode=0o700)
    sync_folder(path.parent)


def make_private_folders(path: Path) -> None:
    """Make a folder and each missing folder above it with mode 0700.

    Only their owner can enter them. The umask has no influence. Folders that exist keep their mode.

    Raises:
        FileExistsError: A file has that name.
        OSError: A folder cannot be written.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another run has made it meanwhile
            make_private_folder(folder)
    if not path.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def sync(path: Path) -> None:
    """Sync the bytes of a file to the disk.

    The name of the file survives a power cut only after :func:`sync_folder`.

    Raises:
        OSError: The file cannot be opened, or the disk reports an error.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder to the disk.

    Raises:
        OSError: The folder cannot be opened, or the disk reports an error.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _created(path: Path) -> Iterator[int]:
    """Create a private, empty file and lend its descriptor.

    After an error the file is removed.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _has_both_names(old: Path, new: Path) -> bool:
    """Return whether ``old`` and ``new`` are two names of one file.

    Two spellings of a single name do not count, because removing one would remove the file.
    """
    old_status, new_status = old.lstat(), new.lstat()
    return os.path.samestat(old_status, new_status) and old_status.st_nlink > 1 and old.resolve() != new.resolve()


def _fill(descriptor: int, data: bytes | Iterable[bytes], mode: int) -> None:
    for piece in [data] if isinstance(data, bytes) else data:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    os.fchmod(descriptor, mode)  # after the bytes, independent of the umask
    _sync(descriptor)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # fsync does not flush the cache of the drive there
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:  # not every file system supports it
            os.fsync(descriptor)
    else:
        os.fsync(descriptor)


def write_private(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file with mode 0600, and replace any file of that name atomically.

    See :func:`private_file`.
    """
    with private_file(path, sync=sync) as file:
        file.write(data)


@contextmanager
def private_file(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Lend a file with mode 0600, which then replaces any file of that name atomically.

    A reader sees the old content or the new one, also after a crash. A symbolic link at ``path`` is replaced, not
    followed. With ``sync=False`` a power cut may lose the content: use it for a file that is soon written again.

    Raises:
        OSError: The folder cannot be written, or the disk is full. ``path`` is unchanged.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp creates it with mode 0600
    temporary = Path(name)
    try:
        with written_file_named(path), os.fdopen(handle, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

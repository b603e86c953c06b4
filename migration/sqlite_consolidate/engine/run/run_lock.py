"""Prevent a second run in the same folder by a kernel lock.

The kernel releases the lock when its process ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlite_consolidate.engine.sqlite.processes import range_lock_owner
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from types import TracebackType

_NAME = "run.lock"
_HELD_ELSEWHERE = frozenset({errno.EAGAIN, errno.EACCES})
_ATTEMPTS = 1000
_MOST_READ = 300  # bytes of the lock file: a process id and a program

# Identities of the lock files that this process has locked. A POSIX lock does not exclude its own process, and closing
# a second descriptor of the file would release it. This set is checked first to prevent both.
_ours: set[tuple[int, int]] = set()
os.register_at_fork(after_in_child=_ours.clear)  # locks are not inherited


class RunLock:
    """Hold the lock of ``folder``, so that no other run works in it.

    A lock file that a dead process left does not matter. The folder is created (0700) if it is absent, and removed at
    the end if it is empty.

    Raises:
        ProblemError: On entering, another run is under way, or the lock file cannot be made. Nothing was changed.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._created: list[Path] = []
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self._acquire()
        except BaseException as error:
            self._remove_created()
            if isinstance(error, OSError):
                fact = f"the lock file cannot be made: {error.strerror}."
                raise _refused(
                    self._path, fact, "Make its folder writable and its name free.", id="lock-file"
                ) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        identity = _identity(os.fstat(self._descriptor))
        if identity not in _ours:
            return  # a forked child leaves the context, but its parent holds the lock
        with suppress(OSError):  # a file that stays does not matter
            self._path.unlink()  # while it is locked, so that another process sees that it is gone
        _ours.remove(identity)
        os.close(self._descriptor)
        self._remove_created()

    def _acquire(self) -> None:
        for attempts_left in reversed(range(_ATTEMPTS)):  # a run that ends may remove file and folder meanwhile
            try:
                if self._locked():
                    return
            except (FileNotFoundError, FileExistsError):
                if not attempts_left:
                    raise
        raise _refused(self._path, "other runs start and end continuously.", "End them, and run again.", id="lock-file")

    def _locked(self) -> bool:
        """Lock the file and write this process to it, or return False if it was removed."""
        _refuse_own(self._path)
        self._make_folder()
        descriptor = os.open(self._path, os.O_CREAT | os.O_NOFOLLOW | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            if not _lock(descriptor, self._path) or not _is_at(descriptor, self._path):
                os.close(descriptor)
                return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _ours.add(_identity(os.fstat(descriptor)))
        with suppress(OSError):  # on a full disk the lock holds, but its message lacks the program
            os.ftruncate(descriptor, 0)
            os.write(descriptor, _statement())
        return True

    def _make_folder(self) -> None:
        folder = self._path.parent
        for absent in reversed([parent for parent in (folder, *folder.parents) if not parent.exists()]):
            absent.mkdir(mode=0o700, exist_ok=True)
            self._created.append(absent)

    def _remove_created(self) -> None:
        while self._created:
            try:
                self._created.pop().rmdir()
            except OSError:  # in use by now, or gone
                continue


def holder(folder: Path) -> int | None:
    """Return the id of the process that holds the lock of ``folder``, or None.

    The process may be this one. The function changes nothing. 0 means that the kernel does not name the process.

    Raises:
        ProblemError: There is a lock file that cannot be read.
    """
    path = folder / _NAME
    try:
        if _identity(path.lstat()) in _ours:
            return os.getpid()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ProblemError(
            Problem(
                "lock-file",
                str(path),
                f"cannot be read: {error.strerror}. Whether another run is under way is not known.",
                "Run as the user who owns it, or remove it when no run is under way.",
            )
        ) from error
    try:
        return range_lock_owner(descriptor, 0, 0)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> bool:
    """Lock the file, or return False if its holder has just ended.

    Raises:
        ProblemError: Another process holds the lock.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD_ELSEWHERE:
            raise
        pid = range_lock_owner(descriptor, 0, 0)
        if pid is None:
            return False
        raise _under_way(path, pid, os.pread(descriptor, _MOST_READ, 0)) from error
    return True


def _refuse_own(path: Path) -> None:
    with suppress(FileNotFoundError):
        if _identity(path.lstat()) in _ours:
            raise _under_way(path, os.getpid(), _statement())


def _under_way(path: Path, pid: int, stated: bytes) -> ProblemError:
    """Return the problem that another run is under way.

    The kernel gives the process id. The program in the file is shown only if it is of that process.
    """
    stated_pid, _, program = stated.decode("utf-8", "replace").strip().partition("\n")
    number = str(pid) if pid else stated_pid
    named = f" ({one_line(program)})" if program and stated_pid == number else ""
    fact = f"another run is under way: process {number}{named}."
    return _refused(path, fact, "Wait for it to end, or end it, and run again.", id="under-way")


def _refused(path: Path, fact: str, hint: str, *, id: str) -> ProblemError:
    return ProblemError(Problem(id, str(path), fact, hint, criterion="no-other-process"))


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _statement() -> bytes:
    """Return the content of the lock file, which is process id and program."""
    return f"{os.getpid()}\n{Path(sys.argv[0]).name}\n".encode("utf-8", "replace")

"""Find and terminate all processes that a program has started."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_GRACE_SECONDS = 1.0  # seconds between the polite signal and the other one
_MOMENT_SECONDS = 0.3
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_VARIABLE = "CONSOLIDATION_FAMILY"


class ProcessTree:
    """Hold a program and its descendants, by parent, process group or an environment variable.

    On Linux this process becomes the parent of descendants whose own parent ends. Elsewhere a process that leaves the
    group *and* clears its environment is not found. A process that another program starts on request (``systemd``, a
    container's daemon) is never found.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)
        self._adopts = _set_subreaper(1)
        self._siblings = {process.pid for process in _children()}

    def close(self, leader: int | None) -> None:
        """Collect the status of each descendant that this process has adopted.

        Args:
            leader: Process id of the program, whose status is collected elsewhere.
        """
        if not self._adopts:
            return
        for process in _children():
            if process.pid not in self._siblings and process.pid != leader:
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
        _set_subreaper(0)

    def environment(self) -> dict[str, str]:
        """Return the variable that identifies the program's descendants."""
        return {_VARIABLE: self._mark}

    def running_processes(self, leader: int | None) -> list[psutil.Process]:
        """Return the running processes without zombies.

        Some containers never collect their zombies.

        Args:
            leader: Process id of the program, which leads a process group of its own; None when it is not known.
        """
        import psutil

        adopted = self._adopted()
        processes = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if (
                    process.pid in adopted or self._is_one(process, leader)
                ) and process.status() != psutil.STATUS_ZOMBIE:
                    processes.append(process)
        return processes

    def remaining_names(self, leader: int) -> list[str]:
        """Return the names of the processes that do not end together with the program.

        Helpers that end within a moment do not count.
        """
        import psutil

        if not (running := self.running_processes(leader)):
            return []
        _, remaining = psutil.wait_procs(running, timeout=_MOMENT_SECONDS)
        names = []
        for process in remaining:
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    names.append(process.name())
        return sorted(names)

    def terminate(self, leader: int | None) -> None:
        """Terminate all processes with SIGTERM, then SIGKILL.

        A process that the kernel cannot end is left after a second.
        """
        import psutil

        ended: set[psutil.Process] = set()
        for number in (signal.SIGTERM, signal.SIGKILL):
            signalled: set[psutil.Process] = set()
            deadline = time.monotonic() + _GRACE_SECONDS
            while running := self.running_processes(leader):
                for process in running:  # signalled once, because a program may handle SIGTERM; new ones as well
                    if process not in signalled:
                        with suppress(psutil.Error):
                            process.send_signal(number)
                signalled.update(running)
                ended.update(running)
                if time.monotonic() >= deadline:
                    break
                time.sleep(0.01)
            else:
                break  # none runs any more
        if leader is None:  # no Popen collects the status of the program
            psutil.wait_procs(ended, timeout=_GRACE_SECONDS)

    def _adopted(self) -> set[int]:
        """Return the process ids of all descendants that this process did not have before."""
        import psutil

        adopted: set[int] = set()
        for process in _children() if self._adopts else []:
            if process.pid not in self._siblings:
                with suppress(psutil.Error):
                    adopted |= {process.pid, *(child.pid for child in process.children(recursive=True))}
        return adopted

    def _is_one(self, process: psutil.Process, leader: int | None) -> bool:
        return os.getpgid(process.pid) == leader or process.environ().get(_VARIABLE) == self._mark


def _children() -> list[psutil.Process]:
    import psutil

    return psutil.Process().children()


def _set_subreaper(flag: int) -> bool:
    """Begin or end to adopt orphaned descendants, and return whether the system can."""
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, flag, 0, 0, 0) == 0)
    return False

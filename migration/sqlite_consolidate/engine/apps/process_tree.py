"""Find and terminate all processes that a program has started."""

from __future__ import annotations

import os
import secrets
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_GRACE_SECONDS = 1.0  # seconds between the polite signal and the other one
_VARIABLE = "CONSOLIDATION_FAMILY"


class ProcessTree:
    """Hold a program and its descendants, by process group or by an environment variable.

    A process that leaves the group *and* clears its environment is not found, nor one that another program starts on
    request (``systemd``, a container's daemon).
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)

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

        processes = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if self._is_one(process, leader) and process.status() != psutil.STATUS_ZOMBIE:
                    processes.append(process)
        return processes

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
        if leader is None:  # no Popen collects the status of the program
            psutil.wait_procs(ended, timeout=_GRACE_SECONDS)

    def _is_one(self, process: psutil.Process, leader: int | None) -> bool:
        return os.getpgid(process.pid) == leader or process.environ().get(_VARIABLE) == self._mark

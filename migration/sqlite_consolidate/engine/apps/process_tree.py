"""One answer: which processes a program has started, wherever they went, and that none of them is left."""

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
    """A program and its descendants: those of its process group, and those that left it but kept its environment.

    A process that leaves the group *and* clears its environment is not found, nor one that another program starts on
    request (``systemd``, a container's daemon).
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)

    def environment(self) -> dict[str, str]:
        """Return the variable by which the program's descendants are known."""
        return {_VARIABLE: self._mark}

    def running_processes(self, leader: int | None) -> list[psutil.Process]:
        """Return those that live; zombies do not: some containers never collect theirs.

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
        """End all of them, politely at first; what the kernel cannot end is left after a second."""
        import psutil

        ended: set[psutil.Process] = set()
        for number in (signal.SIGTERM, signal.SIGKILL):
            signalled: set[psutil.Process] = set()
            deadline = time.monotonic() + _GRACE_SECONDS
            while running := self.running_processes(leader):
                for process in running:  # told once: the polite signal is a question; newly born ones are told as well
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

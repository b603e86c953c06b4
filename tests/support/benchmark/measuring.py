"""Measuring: one command from its start to its end: wall time, CPU time, and the memory of the whole process tree."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    """What one command took.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of all processes, user and system.
        peak: Largest sum of the memory of command and descendants, in MB. Pages that processes share count once
            where the system can tell (Linux: proportional set size): a process that is just being forked is no second.
    """

    wall: float
    cpu: float
    peak: float


def measured(command: Sequence[str], folder: Path) -> Measured:
    """Run a command in a folder and measure it; nothing of it is left running.

    Raises:
        RuntimeError: It failed; its output is the message.
    """
    # As on a user's machine: modules are compiled once, not at each start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began, peak = _children(), time.monotonic(), 0
    with (folder.parent / "output.txt").open("w+b") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment)
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECONDS)
        wall = time.monotonic() - began
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"exit code {process.returncode}: {output.read().decode(errors='replace')}")
    return Measured(wall, _children() - before, peak / 1e6)


def _children() -> float:
    """CPU seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        command = first.cmdline()
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                if one != first and one.cmdline() == command:
                    continue  # between vfork and exec it still is its parent's memory, which would count twice
                memory = one.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
    return total

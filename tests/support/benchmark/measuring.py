"""Measure one command by elapsed time, CPU time, and memory of the process tree."""

from __future__ import annotations

import contextlib
import mmap
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
_MOST_OF_AVAILABLE = 0.8


@dataclass(frozen=True)
class Measured:
    """Hold the cost of one command.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of all processes, user and system.
        peak: Largest sum of the memory of command and descendants, in MB. Shared pages count once where the system can
            tell (Linux: proportional set size). A process between fork and exec does not count.
    """

    wall: float
    cpu: float
    peak: float


def measured(command: Sequence[str], folder: Path, scratch: Path | None = None) -> Measured:
    """Run a command in a folder and measure it. No process is left running.

    Args:
        command: The command.
        folder: Its working directory.
        scratch: Folder of its output and its temporary files. The parent of the working directory if it is None.

    Raises:
        RuntimeError: The command failed; its output is the message.
    """
    # As on a user's machine: modules are compiled once, not at each start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    scratch = scratch or folder.parent
    environment["TMPDIR"] = str(scratch)  # all files of a measure are in one file system
    before, began, peak = _children(), time.monotonic(), 0
    with (scratch / "output.txt").open("w+b") as output:
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


def touch_memory(size: int) -> None:
    """Use so many bytes of memory once, or most of the available ones, and free them.

    The host of a virtual machine provides a page of memory when the machine writes to it for the first time. Files in
    memory then take several times as long to write.
    """
    size = min(size, int(psutil.virtual_memory().available * _MOST_OF_AVAILABLE))
    with mmap.mmap(-1, max(size, mmap.PAGESIZE)) as memory:
        for page in range(0, size, mmap.PAGESIZE):
            memory[page] = 1


def _children() -> float:
    """Return the CPU seconds of all children and descendants that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        command = root.cmdline()
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                if process != root and process.cmdline() == command:
                    continue  # between vfork and exec it has its parent's memory, which would count twice
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
    return total

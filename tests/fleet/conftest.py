"""Start two hosts on this machine.

A scheduler and two workers run as separate processes on the loopback interface.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.workspaces.fleet_run import kill_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")


@dataclass(frozen=True)
class Hosts:
    """Hold the address of the scheduler, and the process of each worker by its name."""

    scheduler: str
    running: ExitStack
    folder: Path
    workers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start workers of these names and wait until they are connected."""
        for name in names:
            args = ("--name", name, "--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder), *_LOOPBACK)
            self.workers[name] = _started(self.running, "worker", self.scheduler, *args)
        for name in names:
            _wait_for_text(self.workers[name], "Registered to:")

    def kill(self, name: str) -> None:
        """Kill a worker with all processes that run on it."""
        kill_tree(self.workers[name].pid)

    def commands(self, name: str) -> str:
        """Return the command lines of the processes that a worker has started and that run."""
        lines = []
        for process in psutil.Process(self.workers[name].pid).children():
            with suppress(psutil.NoSuchProcess):  # it has ended since, and may not have been waited for
                lines.append(" ".join(process.cmdline()))
        return "\n".join(lines)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Start two workers, ``north`` and ``south``."""
    with ExitStack() as running:
        scheduler = _started(running, "scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", *_LOOPBACK)
        both_hosts = Hosts(_wait_for_text(scheduler, "Scheduler at:"), running, tmp_path / "dask")
        both_hosts.start("north", "south")
        yield both_hosts


def _started(running: ExitStack, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "distributed.cli.dask_" + args[0], *args[1:]]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    running.callback(_end_process, process)
    return process


def _wait_for_text(process: subprocess.Popen[str], text: str) -> str:
    """Wait until a process prints a text, and return the rest of the line."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line.partition(text)[2].strip()
    pytest.fail(f"it ended without saying {text!r}")


def _end_process(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        kill_tree(process.pid)
    process.communicate()

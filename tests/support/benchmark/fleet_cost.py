"""Measure what a fleet costs beyond its workspaces.

Run it with ``python -m tests.support.benchmark.fleet_cost 40``. The same rehearsals run one after the other, and by the
fleet. Both are measured by elapsed time, and the process of the fleet also by CPU time and memory, which do not depend
on other programs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.workspaces.fleet_run import Fleet, small_fleet
from tests.support.workspaces.whole_run import REPOSITORY

_LOOK_SECONDS = 0.2
_MB = 1e6


@dataclass(frozen=True)
class Cost:
    """Hold elapsed seconds, CPU seconds, and the largest memory in bytes."""

    clock: float
    processor: float = 0.0
    memory: int = 0


def one_after_the_other(fleet: Fleet, names: list[str]) -> Cost:
    """Run each workspace by the command of a user."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for name in names:
        subprocess.run(fleet.workspace(name).command("verify"), cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def by_the_fleet(fleet: Fleet) -> Cost:
    """Run all of them by one command, and watch its process."""
    began, processor, memory = time.monotonic(), 0.0, 0
    command = [sys.executable, "-m", "pytest", "-m", "verify", f"--fleet={fleet.file}", f"--reports={fleet.reports}"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            if watched.status() != psutil.STATUS_ZOMBIE:
                times = watched.cpu_times()
                processor = times.user + times.system
                memory = max(memory, watched.memory_info().rss)
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"the fleet's exit code is {process.returncode}")
    return Cost(time.monotonic() - began, processor, memory)


def main() -> None:
    """Print both costs for the number of workspaces on the command line."""
    number = int(sys.argv[1]) if sys.argv[1:] else 40
    names = [f"shop{place:03}" for place in range(number)]
    with tempfile.TemporaryDirectory() as folder:
        fleet = small_fleet(Path(folder), " ".join(names))
        cores = os.cpu_count() or 1
        alone = one_after_the_other(fleet, names)
        together = by_the_fleet(fleet)
    overhead = together.clock / (alone.clock / cores) - 1
    print(f"{number} workspaces, {cores} cores, load {os.getloadavg()[0]:.1f}")  # noqa: T201 -- a command
    print(f"one after the other  {alone.clock:8.1f} s, divided by the cores {alone.clock / cores:.1f} s")  # noqa: T201 -- likewise
    print(f"by the fleet         {together.clock:8.1f} s, overhead {overhead:+.1%}")  # noqa: T201 -- likewise
    print(f"its own process      {together.processor:8.1f} s of processor, {together.memory / _MB:.0f} MB")  # noqa: T201 -- likewise
    share = together.processor / alone.processor
    print(f"that is              {share:8.1%} of the {alone.processor:.1f} s of the runs")  # noqa: T201 -- likewise


if __name__ == "__main__":
    main()

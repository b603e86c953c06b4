"""Run the workspaces of a fleet on this host.

There is one thread for each workspace that runs at a time.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from sqlite_consolidate.fleet.worker import Job, WorkspaceRun, run_workspace, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class PendingRun(Protocol):
    """Describe a run that was given to a worker, as ``concurrent.futures.Future`` does."""

    def add_done_callback(self, fn: Callable[[PendingRun], object], /) -> None:
        """Call ``fn`` with this run when it has ended."""

    def cancelled(self) -> bool:
        """Return whether the run was never made, or its result is lost."""

    def result(self, timeout: float | None = None) -> WorkspaceRun:
        """Return the result of the run."""


class Workers(Protocol):
    """Describe what runs the workspaces of a fleet."""

    @property
    def is_remote(self) -> bool:
        """Return whether each workspace has a named worker, instead of this host for all of them."""

    @property
    def is_lost(self) -> bool:
        """Return whether no worker can be reached any more."""

    def addresses(self) -> dict[str, str]:
        """Return name to address of the workers that are connected now.

        Raises:
            OSError: It is not known.
        """

    def submit(self, job: Job, key: str, address: str, position: int) -> PendingRun:
        """Give a job to the worker at an address.

        The worker runs its jobs in the order of their positions.
        """

    def stop(self, fleet: str, *, interrupt: bool) -> None:
        """Start no more jobs of a fleet run.

        Those that run are interrupted if asked to.
        """


class LocalWorkers:
    """Run jobs on this host.

    A thread only waits for the process of its workspace.
    """

    is_remote = False
    is_lost = False

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def addresses(self) -> dict[str, str]:
        """Return nothing, because no worker has a name."""
        return {}

    def submit(self, job: Job, key: str, address: str, position: int) -> Future[WorkspaceRun]:  # noqa: ARG002 -- see Workers
        """Give a job to the next free thread."""
        return self._pool.submit(run_workspace, job)

    def stop(self, fleet: str, *, interrupt: bool) -> None:
        """Start no more jobs of a fleet run.

        Those that run are interrupted if asked to.
        """
        stop(fleet, interrupt=interrupt)


@contextmanager
def local_workers(parallel: int | None) -> Iterator[LocalWorkers]:
    """Lend workers on this host.

    Args:
        parallel: Number of workspaces that run at a time. None means the number of cores that this process may use.
    """
    with ThreadPoolExecutor(parallel or _usable_cores(), thread_name_prefix="fleet") as pool:
        yield LocalWorkers(pool)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

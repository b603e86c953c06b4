"""Run the workspaces of a fleet on several hosts, by Dask distributed.

Dask was chosen because it has one API from threads to SSH, Kubernetes and Slurm, and because a task can be bound to one
named worker. Parsl has no such binding within an executor. Ray needs daemons and an object store, which is too much for
one number a workspace. Fabric, GNU parallel and execnet (below pytest-xdist) run commands on hosts, but leave it to the
caller to notice a lost host and to handle it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlite_consolidate.fleet.members import WorkspaceMatch, find_workspaces
from sqlite_consolidate.fleet.worker import Job, WorkspaceRun, run_workspace, stop
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Future

_CONNECT_SECONDS = 10
_SILENCED_LOGGERS = ("distributed", "distributed.client", "tornado.application")  # the roll-up reports the same errors


class Cluster:
    """Run jobs on the named workers of a scheduler.

    A job is bound to the address of its worker, not only to its name. If the worker is lost and started again, Dask
    finds no worker for the task and does not run it twice.
    """

    is_remote = True

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def is_lost(self) -> bool:
        """Return whether the scheduler is lost for good."""
        return str(self._client.status) == "closed"

    def addresses(self) -> dict[str, str]:
        """Return name to address of the workers that are connected now.

        Raises:
            OSError: The scheduler does not answer.
        """
        scheduler = self._client.scheduler
        if scheduler is None:
            raise ConnectionError("the scheduler is gone")
        # client.scheduler_info() may return an earlier answer that was asked without workers.
        known = self._client.sync(scheduler.identity, n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in known.items()}

    def find_workspaces(self, worker: str, pattern: str) -> WorkspaceMatch:
        """Return the folders of a path or pattern on the host of a worker."""
        address = self.addresses().get(worker)
        if address is None:
            names = ", ".join(sorted(self.addresses())) or "none"
            return WorkspaceMatch(error=f"the worker {worker!r} is not connected (connected: {names})")
        # client.run answers even when all threads of the worker are busy. A task would wait.
        matches: dict[str, WorkspaceMatch] = self._client.run(find_workspaces, worker, pattern, workers=[address])
        return matches[address]

    def submit(self, job: Job, key: str, address: str, position: int) -> Future[WorkspaceRun]:
        """Give a job to the worker at an address.

        The worker runs its jobs in the order of their positions.
        """
        return self._client.submit(
            run_workspace, job, key=key, workers=[address], allow_other_workers=False, priority=-position, retries=0
        )

    def stop(self, fleet: str, *, interrupt: bool) -> None:
        """Start no more jobs of a fleet run on any worker.

        Those that run are interrupted if asked to.
        """
        if not self.is_lost:
            self._client.run(stop, fleet, interrupt=interrupt, on_error="ignore")


@contextmanager
def connected(scheduler: str) -> Iterator[Cluster]:
    """Lend a connection to the workers of a scheduler.

    Raises:
        ProblemError: No scheduler answers at the address.
    """
    from distributed import Client

    for name in _SILENCED_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        hint = 'Start it, or correct "scheduler" in the fleet file.'
        raise ProblemError(Problem("no-scheduler", scheduler, f"no scheduler answers: {error}.", hint)) from None
    with client:
        yield Cluster(client)

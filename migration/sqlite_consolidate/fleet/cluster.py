"""Run the fleet on Dask distributed, in this process or on a scheduler at an address.

In this process the cluster writes no log and listens on the loopback interface only.

Dask was chosen because it has one API from threads of this process to SSH, Kubernetes and Slurm, and because a task can
be bound to one named worker. Parsl has no such binding within an executor. Ray needs daemons and an object store, which
is too much for one number a workspace. Fabric, GNU parallel and execnet (below pytest-xdist) run commands on hosts, but
leave it to the caller to notice a lost host and to handle it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlite_consolidate.fleet.members import WorkspaceMatch, find_workspaces
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

_CONNECT_SECONDS = 10
# The cluster lives as long as one command, so it needs no dashboard and no profiler. Measured while this process waited
# for two runs: 0.3 % of a core, against 3 % with Dask's defaults.
_QUIET: dict[str, object] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
_SILENCED_LOGGERS = ("distributed", "distributed.client", "tornado.application")  # the roll-up reports the same errors
_LOOPBACK = "127.0.0.1:0"


@dataclass(frozen=True)
class Cluster:
    """Hold the connection to the workers that run the workspaces.

    Attributes:
        client: The connected client.
        is_remote: True if each workspace has a named worker; False if this process runs all of them.
    """

    client: Client
    is_remote: bool

    @property
    def is_lost(self) -> bool:
        """Return whether the scheduler is lost for good."""
        return str(self.client.status) == "closed"

    def workers(self) -> dict[str, str]:
        """Return name to address of the workers that are connected now.

        Raises:
            OSError: The scheduler does not answer.
        """
        scheduler = self.client.scheduler
        if scheduler is None:
            raise ConnectionError("the scheduler is gone")
        # client.scheduler_info() may return an earlier answer that was asked without workers.
        known = self.client.sync(scheduler.identity, n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in known.items()}

    def find_workspaces(self, worker: str, pattern: str) -> WorkspaceMatch:
        """Return the folders of a path or pattern on the host of a worker."""
        address = self.workers().get(worker)
        if address is None:
            names = ", ".join(sorted(self.workers())) or "none"
            return WorkspaceMatch(error=f"the worker {worker!r} is not connected (connected: {names})")
        # client.run answers even when all threads of the worker are busy. A task would wait.
        matches: dict[str, WorkspaceMatch] = self.client.run(find_workspaces, worker, pattern, workers=[address])
        return matches[address]


@contextmanager
def connected(scheduler: str, parallel: int | None) -> Iterator[Cluster]:
    """Lend a connection to a cluster.

    Without a scheduler the cluster is created in this process and closed at the end.

    Args:
        scheduler: Address, or empty.
        parallel: Without a scheduler, the number of workspaces that run at a time. None means the number of cores.

    Raises:
        ProblemError: No scheduler answers.
    """
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    for name in _SILENCED_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            hint = 'Start it, or correct "scheduler" in the fleet file.'
            raise ProblemError(Problem("no-scheduler", scheduler, f"no scheduler answers: {error}.", hint)) from None
        with client:
            yield Cluster(client, is_remote=True)
        return
    with (
        TemporaryDirectory(prefix="sqlite-consolidate-fleet-") as scratch,
        dask.config.set({**_QUIET, "temporary-directory": scratch}),
        LocalCluster(
            n_workers=1,
            threads_per_worker=parallel or CPU_COUNT,
            processes=False,  # a thread only waits for the process of its workspace
            memory_limit=0,
            dashboard_address=_LOOPBACK,
            worker_dashboard_address=_LOOPBACK,
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Cluster(client, is_remote=False)

"""The engine: Dask distributed, in this process alone or by the address of a scheduler; quiet, and open to nobody else.

Why Dask and not another engine for "run this there, where its files are, and bring what it came to": one API from
threads of this process to SSH, Kubernetes and Slurm (its own deployments), and a task can be bound to one named worker.
Parsl has no such binding within an executor, and Ray brings a runtime with daemons and an object store for what is one
number a workspace; Fabric, GNU parallel and execnet (below pytest-xdist) run commands on hosts, but leave finding out
that a host is gone, and what then, to the caller.
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
# Nobody looks into a cluster that lives as long as one command: it neither shows pages nor watches itself. Measured
# while two runs were waited for: 0.3 % of a core, against 3 % with Dask's own settings.
_QUIET: dict[str, object] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
_SILENCED_LOGGERS = ("distributed", "distributed.client", "tornado.application")  # what matters is said by the roll-up
_LOOPBACK = "127.0.0.1:0"


@dataclass(frozen=True)
class Cluster:
    """Where the fleet's workspaces are run.

    Attributes:
        client: Connected.
        is_remote: True: each workspace has a worker of its own name; False: this process runs all.
    """

    client: Client
    is_remote: bool

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler is gone, for good."""
        return str(self.client.status) == "closed"

    def workers(self) -> dict[str, str]:
        """Return name to address of the workers that are connected now.

        Raises:
            OSError: The scheduler does not answer.
        """
        scheduler = self.client.scheduler
        if scheduler is None:
            raise ConnectionError("the scheduler is gone")
        # Not client.scheduler_info(): it hands out the last answer to anybody, also one without any worker.
        known = self.client.sync(scheduler.identity, n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in known.items()}

    def find_workspaces(self, worker: str, pattern: str) -> WorkspaceMatch:
        """Return what a path or pattern leads to on the host of a worker."""
        address = self.workers().get(worker)
        if address is None:
            names = ", ".join(sorted(self.workers())) or "none"
            return WorkspaceMatch(error=f"no worker of the name {worker!r} is connected (there are: {names})")
        # Not as a task: it would wait until the worker has a thread to spare.
        matches: dict[str, WorkspaceMatch] = self.client.run(find_workspaces, worker, pattern, workers=[address])
        return matches[address]


@contextmanager
def connected(scheduler: str, parallel: int | None) -> Iterator[Cluster]:
    """Lend the cluster that a fleet is run on; without a scheduler it is made, and gone at the end.

    Args:
        scheduler: Address, or empty.
        parallel: Without a scheduler: how many workspaces are run at a time; None means one a core.

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
            processes=False,  # a thread only waits for the workspace's own process
            memory_limit=0,
            dashboard_address=_LOOPBACK,
            worker_dashboard_address=_LOOPBACK,
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Cluster(client, is_remote=False)

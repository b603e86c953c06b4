"""Test the workers of a fleet, on this host and behind a scheduler."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.fleet.cluster import connected
from sqlite_consolidate.fleet.worker import Job, WorkspaceRun
from sqlite_consolidate.fleet.workers import local_workers
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from tests.fleet.conftest import Hosts

DEADLINE = 60
JOBS = [Job("fleet", "/project", "verify", f"/shops/{number}", "", "/reports") for number in range(3)]


def test_local_workers_run_jobs_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job waits until all three run."""
    together = threading.Barrier(len(JOBS))

    def run(job: Job) -> WorkspaceRun:
        together.wait(DEADLINE)
        return WorkspaceRun(job.workspace, 0)

    monkeypatch.setattr("sqlite_consolidate.fleet.workers.run_workspace", run)

    with local_workers(len(JOBS)) as workers:
        pending = [workers.submit(job, job.workspace, "", position) for position, job in enumerate(JOBS)]
        results = [run.result(DEADLINE) for run in pending]

    assert [result.host for result in results] == [job.workspace for job in JOBS]


def test_one_local_worker_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is that of the fleet file."""
    started: list[str] = []

    def run(job: Job) -> WorkspaceRun:
        started.append(job.workspace)
        return WorkspaceRun("host", 0)

    monkeypatch.setattr("sqlite_consolidate.fleet.workers.run_workspace", run)

    with local_workers(1) as workers:
        for position, job in enumerate(JOBS):
            workers.submit(job, job.workspace, "", position)

    assert started == [job.workspace for job in JOBS]


@pytest.mark.thorough
def test_workers_are_listed_while_the_client_polls(hosts: Hosts) -> None:
    """Dask's client polls without the workers, and returns that answer to other callers."""
    finished = threading.Event()
    with connected(hosts.scheduler) as cluster:

        def ask() -> None:
            while not finished.is_set():
                vars(cluster)["_client"].scheduler_info(n_workers=0)

        asking = threading.Thread(target=ask)
        asking.start()
        numbers = {len(cluster.addresses()) for _ in range(300)}
        finished.set()
        asking.join()

    assert numbers == {2}


@pytest.mark.thorough
def test_scheduler_without_an_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes within seconds, and no thread is left."""
    monkeypatch.setattr("sqlite_consolidate.fleet.cluster._CONNECT_SECONDS", 1)
    before = threading.active_count()

    with pytest.raises(ProblemError, match=r"tcp://127\.0\.0\.1:9"), connected("tcp://127.0.0.1:9"):
        pass

    assert threading.active_count() <= before + 2

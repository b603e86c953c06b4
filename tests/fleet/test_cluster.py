"""Test the cluster in this process.

No other host can reach it, and it is closed at the end.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.fleet.cluster import connected
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from pathlib import Path


def listening() -> set[str]:
    """Return the addresses on which this process listens."""
    connections = psutil.Process().net_connections()
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def test_local_cluster_listens_on_loopback_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has one worker with the given number of threads, and leaves no file."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    with connected("", 3) as cluster:
        addresses = listening()
        threads = [worker["nthreads"] for worker in cluster.client.scheduler_info()["workers"].values()]

    assert addresses <= {"127.0.0.1"}
    assert threads == [3]
    assert not listening()
    assert not list(tmp_path.iterdir())


def test_workers_are_listed_while_the_client_polls() -> None:
    """Dask's client polls without the workers, and returns that answer to other callers."""
    finished = threading.Event()
    with connected("", 1) as cluster:

        def ask() -> None:
            while not finished.is_set():
                cluster.client.scheduler_info(n_workers=0)

        asking = threading.Thread(target=ask)
        asking.start()
        numbers = {len(cluster.workers()) for _ in range(300)}
        finished.set()
        asking.join()

    assert numbers == {1}


def test_scheduler_without_an_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes within seconds, and no thread is left."""
    monkeypatch.setattr("sqlite_consolidate.fleet.cluster._CONNECT_SECONDS", 1)
    before = threading.active_count()

    with pytest.raises(ProblemError, match=r"tcp://127\.0\.0\.1:9"), connected("tcp://127.0.0.1:9", None):
        pass

    assert threading.active_count() <= before + 2

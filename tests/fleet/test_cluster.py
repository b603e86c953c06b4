"""The engine in this process: open to nobody else, and gone afterwards."""

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


def test_nobody_else_can_reach_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It listens on loopback only, has one worker with as many threads as was said, and leaves nothing behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    with connected("", 3) as cluster:
        addresses = listening()
        threads = [worker["nthreads"] for worker in cluster.client.scheduler_info()["workers"].values()]

    assert addresses <= {"127.0.0.1"}
    assert threads == [3]
    assert not listening()
    assert not list(tmp_path.iterdir())


def test_workers_do_not_seem_to_be_gone_while_the_client_asks_for_something_else() -> None:
    """Dask's client asks by itself every two seconds, without the workers, and keeps the last answer to anybody."""
    over = threading.Event()
    with connected("", 1) as cluster:

        def ask() -> None:
            while not over.is_set():
                cluster.client.scheduler_info(n_workers=0)

        asking = threading.Thread(target=ask)
        asking.start()
        numbers = {len(cluster.workers()) for _ in range(300)}
        over.set()
        asking.join()

    assert numbers == {1}


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said within seconds, and nothing is started."""
    monkeypatch.setattr("sqlite_consolidate.fleet.cluster._CONNECT_SECONDS", 1)
    before = threading.active_count()

    with pytest.raises(ProblemError, match=r"tcp://127\.0\.0\.1:9"), connected("tcp://127.0.0.1:9", None):
        pass

    assert threading.active_count() <= before + 2

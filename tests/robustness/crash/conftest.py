"""Provide the processes that crash.

``pytest -m crash`` runs many calls, and ``-m long`` ten times as many.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.installed import prepare_forks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

# A trial waits for half of its time: for strace, which stops each process at each call, and for the disk.
_PROCESSES = min(4, 2 * len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    """Provide processes for parallel trials. They are spawned, because they fork themselves."""
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, new, prepare_forks) as workers:
        yield workers

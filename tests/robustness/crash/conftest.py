"""A workspace, and the processes that crash on it: pytest -m crash for many calls, -m long for ten times as many."""

from __future__ import annotations

import importlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.whole_run import Workspace, small_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path

_AT_ONCE = min(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One target, one source, one file of code, one log, one smoke test."""
    return small_workspace(tmp_path)


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    """As many processes as may make trials at once; new ones, since they fork."""
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        _AT_ONCE, new, importlib.import_module, ("sqlite_consolidate.pytest_plugin.warmed",)
    ) as workers:
        yield workers

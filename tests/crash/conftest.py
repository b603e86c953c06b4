"""What takes minutes is only run when it is asked for: pytest -m crash, and pytest -m long for ten times as much."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.crash.warm import warm
from tests.whole.whole_run import Workspace, small_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

_HERE = Path(__file__).parent
_ASKED_FOR = ("crash", "long")
_AT_ONCE = min(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1


def pytest_configure(config: pytest.Config) -> None:
    """The mark of this room is known."""
    config.addinivalue_line("markers", "crash: 40 calls of each fault, for minutes; pytest -m crash")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out this room's expensive tests unless the expression names their mark."""
    left = {mark for mark in _ASKED_FOR if mark not in config.option.markexpr}
    out = [
        item
        for item in items
        if _HERE in item.path.parents and left.intersection(mark.name for mark in item.iter_markers())
    ]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One target, one source, one file of code, one log, one smoke test."""
    return small_workspace(tmp_path)


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    """As many processes as may make trials at once; new ones, since they fork."""
    with ProcessPoolExecutor(_AT_ONCE, multiprocessing.get_context("spawn"), initializer=warm) as workers:
        yield workers

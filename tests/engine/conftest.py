"""A bench for small databases."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite import connections
from tests.support.databases import Bench
from tests.support.workspaces.two_sources import build_two_sources, consolidated, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.workspaces.two_sources import State


@pytest.fixture(scope="session")
def consolidation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State]:
    """Consolidate the workspace of two sources once.

    Tests read it, or change a copy. The state is that of the workspace before the run.
    """
    root = build_two_sources(tmp_path_factory.mktemp("consolidation") / "workspace")
    before = state(root)
    consolidated(root)
    return root, before


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Lend the workspace of two sources."""
    return build_two_sources(tmp_path / "workspace")


@pytest.fixture
def consolidated_copy(tmp_path: Path, consolidation: tuple[Path, State]) -> Path:
    """Lend a copy of the consolidated workspace that a test may change."""
    return shutil.copytree(consolidation[0], tmp_path / "workspace")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Lend a folder of databases, and close what they hold open afterwards."""
    with ExitStack() as resources:
        yield Bench(tmp_path, resources)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite wait for a lock a moment only."""
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.1)

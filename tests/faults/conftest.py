"""The small workspace, new for every test that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.whole_run import Workspace, small_workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One target, one source, one file of code, one log, one smoke test."""
    return small_workspace(tmp_path)

"""Provide the consolidated workspace of two sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.two_sources import state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspaces.two_sources import State


@pytest.fixture
def before(consolidation: tuple[Path, State]) -> State:
    """Provide the state of the workspace before its consolidation."""
    return consolidation[1]


@pytest.fixture
def root(consolidated_copy: Path, before: State) -> Path:
    """Provide the consolidated workspace."""
    assert state(consolidated_copy) != before
    return consolidated_copy

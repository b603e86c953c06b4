"""The workspace of two sources, consolidated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.two_sources import state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspaces.two_sources import State


@pytest.fixture
def before(consolidation: tuple[Path, State]) -> State:
    """The state of the workspace of two sources before its consolidation."""
    return consolidation[1]


@pytest.fixture
def root(consolidated_copy: Path, before: State) -> Path:
    """The workspace of two sources, consolidated."""
    assert state(consolidated_copy) != before
    return consolidated_copy

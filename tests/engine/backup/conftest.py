"""Provide a workspace and an empty folder for its copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.copied import make_workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Provide a workspace with a target, two sources, code and logs."""
    return make_workspace(tmp_path / "live")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Provide an empty private folder."""
    folder = tmp_path / "scratch"
    folder.mkdir(mode=0o700)
    return folder

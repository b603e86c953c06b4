"""Where thousands of runs find room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder for thousands of runs; ``--basetemp`` in a memory file system takes the cost of fsync away."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder

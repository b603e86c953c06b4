"""Provide a scratch folder for thousands of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return an empty folder for thousands of runs.

    With ``--basetemp`` in a memory file system fsync costs nothing.
    """
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder

"""Long runs wait until somebody asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only ``-m`` with the word long selects a long run."""
    if "long" in config.option.markexpr:
        return
    long = [item for item in items if item.path.is_relative_to(HERE) and item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder for thousands of runs; ``--basetemp`` in a memory file system takes the cost of fsync away."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder

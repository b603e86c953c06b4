"""What takes minutes is only run when it is asked for: pytest -m long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.whole.whole_run import Workspace, small_workspace

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out this room's long tests unless the expression names their mark."""
    if "long" in config.option.markexpr:
        return
    long = [item for item in items if _HERE in item.path.parents and item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One target, one source, one file of code, one log, one smoke test."""
    return small_workspace(tmp_path)

"""The project's own tests: on all cores when the whole suite runs and pytest-xdist is there; long ones if asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the number of its workers
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread a bare ``pytest`` over the cores; whoever says -n, a path, a mark or --pdb gets just that."""
    if hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ:
        return  # a worker that spread its share over workers of its own would never end
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    plain = not (option.markexpr or option.keyword or option.collectonly or getattr(option, "usepdb", False))
    if whole and plain and getattr(option, "numprocesses", 0) is None:
        option.numprocesses = os.cpu_count() or 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes is only run when it is asked for: ``-m`` with the word long, or security."""
    if "long" in config.option.markexpr or "security" in config.option.markexpr:
        return
    long = [item for item in items if item.path.is_relative_to(_HERE) and item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]

"""Load the pytest plugin as a whole.

A conftest.py names this module to run consolidations, in this or in another repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_MODULES = (
    "sqlite_consolidate.pytest_plugin.rootdir",
    "sqlite_consolidate.pytest_plugin.options",
    "sqlite_consolidate.pytest_plugin.gate",
    "sqlite_consolidate.pytest_plugin.outcome",
    "sqlite_consolidate.pytest_plugin.output.terminal",
    "sqlite_consolidate.pytest_plugin.fixtures",
)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the modules of the plugin.

    pytest calls this hook as soon as it has this module. For a name in ``pytest_plugins`` it would first read which
    plugins are installed, once for each name.
    """
    for name in _MODULES:
        pluginmanager.import_plugin(name)

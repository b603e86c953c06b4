"""Load the pytest plugin as a whole.

A conftest.py names this module to run consolidations, in this or in another repository.
"""

pytest_plugins = (
    "sqlite_consolidate.pytest_plugin.rootdir",
    "sqlite_consolidate.pytest_plugin.options",
    "sqlite_consolidate.pytest_plugin.gate",
    "sqlite_consolidate.pytest_plugin.outcome",
    "sqlite_consolidate.pytest_plugin.output.terminal",
    "sqlite_consolidate.pytest_plugin.fixtures",
)

"""The harness as one plugin: what a conftest.py names to run consolidations, here or in another repository."""

pytest_plugins = (
    "sqlite_consolidate.pytest_plugin.options",
    "sqlite_consolidate.pytest_plugin.gate",
    "sqlite_consolidate.pytest_plugin.outcome",
    "sqlite_consolidate.pytest_plugin.output.terminal",
    "sqlite_consolidate.pytest_plugin.fixtures",
)

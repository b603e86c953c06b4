"""Load the plugin of the runs and pytester, which the project's own tests use."""

pytest_plugins = ("sqlite_consolidate.pytest_plugin.plugin", "pytester")

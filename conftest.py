"""Names the harness, and what its own tests need; there is nothing else here, so that nothing can hide here."""

pytest_plugins = ("sqlite_consolidate.pytest_plugin.plugin", "pytester")

"""The harness as one plugin: what a conftest.py names to run consolidations, here or in another repository."""

pytest_plugins = (
    "sqlite_consolidate.harness.options",
    "sqlite_consolidate.harness.gate",
    "sqlite_consolidate.harness.outcome",
    "sqlite_consolidate.harness.progress",
    "sqlite_consolidate.harness.fixtures",
)

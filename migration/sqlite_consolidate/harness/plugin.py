"""The harness as one plugin: what a conftest.py names to run consolidations, here or in another repository."""

pytest_plugins = (
    "migration.harness.options",
    "migration.harness.gate",
    "migration.harness.outcome",
    "migration.harness.progress",
    "migration.harness.fixtures",
)

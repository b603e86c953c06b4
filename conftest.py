"""Names the harness plugins; there is nothing else here, so that nothing can hide here."""

pytest_plugins = (
    "migration.harness.options",
    "migration.harness.gate",
    "migration.harness.outcome",
    "migration.harness.progress",
    "migration.harness.fixtures",
    "pytester",
)

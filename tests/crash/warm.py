"""Warm: what a worker of the crash trials has imported, so that none of the runs that it forks has to."""

from __future__ import annotations

import importlib

# The worker is no pytest run itself.
_MODULES = (
    *("pytest_html.plugin", "pytest_html.selfcontained_report", "pytest_order.plugin", "pdb", "_pytest.unittest"),
    *(f"migration.harness.{name}" for name in ("gate", "fixtures", "progress", "outcome", "rootdir")),
    *(f"migration.engine.{name}" for name in ("runlock", "compare", "scan", "smoke", "bystanders")),
)


def warm() -> None:
    """All of it is imported. It stands in a module of its own: by its name a new process finds it."""
    for module in _MODULES:
        importlib.import_module(module)

"""Move several SQLite databases into one and verify that no row was lost.

Example::

    from sqlite_consolidate import consolidate, load_plan, rehearse

    plan = load_plan("shop/consolidation.toml")
    if rehearse(plan, workspace="shop").accepted:
        result = consolidate(plan, workspace="shop", reports="reports")
        print(result.verdict, result.backup_set, result.counts["orders"])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.library import Result, consolidate, load_plan, rehearse, rollback, verify
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.problem import Problem, ProblemError

__version__ = "0.2.0"
__all__ = [
    "Plan",
    "Problem",
    "ProblemError",
    "Result",
    "consolidate",
    "load_plan",
    "rehearse",
    "rollback",
    "verify",
]

_HOMES = {
    "Plan": "sqlite_consolidate.plan.model",
    "Problem": "sqlite_consolidate.problem",
    "ProblemError": "sqlite_consolidate.problem",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used.

    A bare pytest loads this package as a plugin and must not import the engine.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "sqlite_consolidate.library")), name)

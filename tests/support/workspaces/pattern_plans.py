"""Build plans whose source is a pattern of files."""

from __future__ import annotations

from sqlite_consolidate.plan.model import Plan, Source, TableMap


def plan_of_pattern(pattern: str, target: str = "all.db", **keys: object) -> Plan:
    """Return a plan that moves a table of each file that a pattern matches.

    Args:
        pattern: Path in the workspace, with wildcards.
        target: Path of the target.
        keys: Further keys of the source.
    """
    source = Source(name="phone", file=pattern, tables=[TableMap(name="call")]).model_copy(update=keys)
    return Plan(format=1, name="p", target=target, sources=[source])

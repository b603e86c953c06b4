"""Give the sentences of a preflight that moves one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.databases import TARGET, source, table

if TYPE_CHECKING:
    from tests.support.databases import Bench


@dataclass(frozen=True)
class Case:
    """Hold the statements of the target and of the source, and the sentences of the preflight.

    Attributes:
        target: Statements of the target. There is no target if there are none.
        source: Statements of the source.
        sentences: Problems, then findings.
        name: The table that the plan moves.
        keys: Further keys of its table map.
        plan: Further keys of the plan.
        leave: Tables of the source that the plan leaves behind, to the reason.
    """

    target: tuple[str, ...]
    source: tuple[str, ...]
    sentences: list[str]
    name: str = "t"
    keys: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    leave: dict[str, str] | None = None


def sentences(bench: Bench, case: Case) -> list[str]:
    """Return the sentences of the preflight of one case."""
    bench.database("a.db", *case.source)
    if case.target:
        bench.database(TARGET, *case.target)
    inspected = bench.survey(source("a.db", table(case.name, **case.keys), leave=case.leave), **case.plan)
    return [*map(str, inspected.problems), *(finding.sentence for finding in inspected.findings)]

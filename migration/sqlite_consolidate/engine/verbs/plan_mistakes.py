"""Report the mistakes of a plan with which nothing can be begun."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.criteria.preflight import plan_valid
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.problem import Problem


class PlanRun(Pipeline):
    """A run whose plan could not be loaded: its mistakes are all that can be examined."""

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Nothing can be done; the first stage is performed so that its criteria say so."""
        return {stage: lambda: None for stage in stages_of(self.log.mode)}

    @property
    def has_acted(self) -> bool:
        """Nothing is ever changed."""
        return False

    @property
    def plan_problems(self) -> Sequence[Problem]:
        """Why the plan could not be loaded."""
        return self.request.plan_problems

    @property
    def plan_name(self) -> str:
        """Name of the plan file."""
        return self.request.settings.plan.name

    @property
    def checks(self) -> dict[str, Check]:
        """The plan is examined, and nothing else."""
        return {"plan-valid": partial(plan_valid, self)}

"""Report the mistakes of a plan with which nothing can be begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.pipeline import Pipeline
from migration.engine.stages import stages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migration.engine.criteria import Criterion
    from migration.engine.observation import Observation
    from migration.engine.stages import Stage
    from migration.plan.problem import Problem


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

    def look(self, criterion: Criterion) -> Sequence[Observation]:
        """Look at the plan, and at nothing else."""
        return criterion.check(self) if criterion.id == "plan-valid" else []

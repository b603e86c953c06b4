"""Report the mistakes of a plan that cannot be loaded."""

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
    """Report the mistakes of a plan that could not be loaded.

    Nothing else can be examined.
    """

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return an empty action for each stage.

        The first stage is performed so that its criteria report the mistakes.
        """
        return {stage: lambda: None for stage in stages_of(self.log.mode)}

    @property
    def has_acted(self) -> bool:
        """Return False, because nothing is ever changed."""
        return False

    @property
    def plan_problems(self) -> Sequence[Problem]:
        """Return why the plan could not be loaded."""
        return self.request.plan_problems

    @property
    def plan_name(self) -> str:
        """Return the name of the plan file."""
        return self.request.settings.plan.name

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of the plan, which is the only one."""
        return {"plan-valid": partial(plan_valid, self)}

"""Report the mistakes of a plan that cannot be loaded."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.backup_set import last_finished, remembered
from sqlite_consolidate.engine.criteria.preflight import as_observation, plan_valid
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.engine.sqlite.files import file_problems
from sqlite_consolidate.engine.sqlite.pattern_files import files_of_patterns
from sqlite_consolidate.plan.loader import load_files
from sqlite_consolidate.plan.patterns import expand, has_wildcard
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.problem import Problem


class PlanRun(Pipeline):
    """Report the mistakes of a plan that could not be loaded.

    Missing and unusable files that the plan names are reported as well. Nothing else can be examined.
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
        """Return the checks that need no valid plan."""
        return {"plan-valid": partial(plan_valid, self), "sources-readable": self._file_problems}

    def _file_problems(self) -> list[Observation]:
        """Return the problems of the files that the plan names.

        After a consolidation, and beside originals, the sources have to be missing. Files of a pattern are not examined
        if they contradict the plan.
        """
        settings = self.request.settings
        root, plan = settings.workspace, load_files(settings.plan)
        if plan is None or settings.originals or last_finished(root, plan) or remembered(root, plan):
            return []
        skip = [source.file for source in plan.sources if has_wildcard(source.file)]
        with suppress(ProblemError):  # one of the mistakes
            files = files_of_patterns(plan, root, reports=settings.reports)
            skip = [pattern for pattern, matched in files.items() if matched]
            plan = expand(plan, files.get)
        return [as_observation(each.problem) for each in file_problems(plan, root, skip=skip)]

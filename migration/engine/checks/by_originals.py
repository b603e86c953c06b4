"""Check a consolidation that was not made by this project by the databases it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.checks.preflight import as_observation
from migration.engine.observation import Observation
from migration.engine.references import updated_observations
from migration.engine.scan import listed, mentions, scope_of, stale_observations

if TYPE_CHECKING:
    from migration.engine.standing_run import OriginalsRun


def plan_valid(run: OriginalsRun) -> list[Observation]:
    """Observe that the plan is one, and that the originals are what it names."""
    problems = [as_observation(problem) for problem in (*run.plan_problems, *run.problems)]
    return problems or [Observation("plan and originals", "no problem", "no problem", holds=True)]


def references_updated(run: OriginalsRun) -> list[Observation]:
    """Observe that each expression of the plan is gone from the code, and its replacement is there."""
    return updated_observations(run.request.settings.workspace, run.plan.references)


def no_stale_references(run: OriginalsRun) -> list[Observation]:
    """Observe that nothing in the scanned trees names an original database."""
    settings = run.request.settings
    live = settings.workspace
    result = mentions(scope_of(run.plan, live, live, own=[settings.plan, settings.reports]))
    run.log.note(*listed(result, run.plan.scan.exempt))
    return stale_observations(result)

"""Check a consolidation that was not made by this project by the databases it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine import compare, originals
from migration.engine.checks.preflight import as_observation
from migration.engine.observation import Observation, not_required
from migration.engine.references import updated_observations
from migration.engine.scan import listed, mentions, scope_of, stale_observations

if TYPE_CHECKING:
    from migration.engine.standing_run import OriginalsRun


def plan_valid(run: OriginalsRun) -> list[Observation]:
    """Observe that the plan is one, and that the originals are what it names."""
    problems = [as_observation(problem) for problem in (*run.plan_problems, *run.problems)]
    return problems or [Observation("plan and originals", "no problem", "no problem", holds=True)]


def tables_created(run: OriginalsRun) -> list[Observation]:
    """Observe that each table that the plan names is in the target."""
    return originals.tables_created(run.judged, run.plan)


def indexes_created(run: OriginalsRun) -> list[Observation]:
    """Observe that each planned index has its like on the same table, whatever its name."""
    return originals.indexes_created(run.judged)


def schema_as_planned(run: OriginalsRun) -> list[Observation]:
    """Observe that columns are as planned, and that neither plan nor original target lacks a table that is there."""
    return originals.schema_as_planned(run.judged)


def rows_counted(run: OriginalsRun) -> list[Observation]:
    """Observe that each row of the originals is in the target, by its key or by its content."""
    return originals.rows_counted(run.judged)


def rows_exact(run: OriginalsRun) -> list[Observation]:
    """Observe that the rows are as they were, or were changed since."""
    return originals.rows_exact(run.judged)


def no_duplicates(run: OriginalsRun) -> list[Observation]:
    """Observe that no row of an original is in the target more often than it was."""
    return originals.no_duplicates(run.judged)


def foreign_keys(run: OriginalsRun) -> list[Observation]:
    """Observe that no row lacks its parent."""
    return originals.foreign_keys(run.judged)


def integrity(run: OriginalsRun) -> list[Observation]:
    """Observe that SQLite's full integrity_check says ok."""
    return compare.integrity(run.judged.con)


def triggers_in_place(run: OriginalsRun) -> list[Observation]:
    """Observe that each trigger that a moved table had is on its table in the target."""
    return originals.triggers_in_place(run.judged)


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


def neighbours_unchanged(run: OriginalsRun) -> list[Observation]:
    """Observe that each table that the target had before is still there, with its columns."""
    return originals.neighbours(run.judged) or [not_required("target", "the original target had no other table")]

"""Check a rollback, and a consolidation that was finished earlier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.engine import check
from migration.engine.scan import listed, mentions, scope_of, stale_observations

if TYPE_CHECKING:
    from typing import Protocol

    from migration.engine.observation import Observation
    from migration.engine.standing_run import CheckRun
    from migration.engine.steps import PutBack

    class RollsBack(Protocol):
        """A run with a rollback in it."""

        @property
        def rollback_result(self) -> PutBack:
            """What was put back."""


def restored_exact(run: RollsBack) -> list[Observation]:
    """Observe that each database has the content, each code file the bytes and each file the name of before."""
    return run.rollback_result.seen


def archives_unchanged(run: CheckRun) -> list[Observation]:
    """Observe that each archive is there and has the content that its source had."""
    return check.archives_unchanged(run.root, run.sealed, run.limits, folder=run.standing.folder)


def target_right(run: CheckRun) -> list[Observation]:
    """Observe that the target is intact and has each table; rows changed since are a finding."""
    run.log.note(*run.target_now.changed(run.sealed.target, run.changed_since))
    return check.target_right(run.target_now, run.sealed, run.changed_since)


def no_old_database(run: CheckRun) -> list[Observation]:
    """Observe that nothing has the old name of an archived source."""
    return check.no_old_database(run.root, run.sealed)


def still_no_stale_references(run: CheckRun) -> list[Observation]:
    """Observe that no code or configuration in the scanned trees names an archived database."""
    settings = run.request.settings
    scope = scope_of(run.plan, run.root, run.root, own=[settings.plan, settings.reports])
    result = mentions(replace(scope, databases=list(run.sealed.archive)))
    run.log.note(*listed(result, run.plan.scan.exempt))
    return stale_observations(result)

"""Stage 97: roll everything back and prove it; a rehearsal drills it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import ROLLBACK

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("97-rollback"), pytest.mark.verify, pytest.mark.rollback]


@pytest.mark.order(9710)
def test_run_is_rolled_back(run: Pipeline) -> None:
    """Archives, code and target are restored, each only where the run's own result is found."""
    run.perform(ROLLBACK)


@pytest.mark.order(9720)
@pytest.mark.criterion("restored-exact")
def test_workspace_is_restored_exactly(check: Check) -> None:
    """Databases, code and file names are as they were before the run."""
    check("restored-exact")

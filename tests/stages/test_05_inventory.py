"""Stage 05: find the databases of a workspace and propose a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import INVENTORY

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("05-inventory"), pytest.mark.inventory]


@pytest.mark.order(510)
def test_workspace_is_examined(run: Pipeline) -> None:
    """Databases, code and processes are examined, and the plan that they suggest is written."""
    run.perform(INVENTORY)


@pytest.mark.order(520)
@pytest.mark.criterion("databases-found")
def test_databases_are_found(check: Check) -> None:
    """There is at least one SQLite database below the workspace."""
    check("databases-found")


@pytest.mark.order(540)
@pytest.mark.criterion("plan-proposed")
def test_plan_passes_its_own_check(check: Check) -> None:
    """The proposed plan is valid, or marks each place that needs a decision."""
    check("plan-proposed")


@pytest.mark.order(550)
@pytest.mark.criterion("only-looked")
def test_databases_are_unchanged(check: Check) -> None:
    """Every database and its sidecar files are as they were before."""
    check("only-looked")

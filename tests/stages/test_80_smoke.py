"""Run the applications in subprocesses with deadlines, and check their effects (stage 80)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import SMOKE

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("80-smoke"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(8010)
def test_state_before_applications_is_noted(run: Pipeline) -> None:
    """The stage renames the sources before the first application.

    It records logs, databases and target as well.
    """
    run.perform(SMOKE)


def test_each_application_works(check: Check, application: tuple[str, ...]) -> None:
    """The application ends and prints as the plan expects."""
    check(*application)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

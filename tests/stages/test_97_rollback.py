"""Roll everything back and verify it, also in a rehearsal (stage 97)."""

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
    """The stage restores archives, code and target.

    A file is restored only if it still holds the run's own result.
    """
    run.perform(ROLLBACK)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

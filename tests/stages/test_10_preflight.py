"""Read everything, change nothing, and report all problems (stage 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import PREFLIGHT

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("10-preflight"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(1010)
def test_everything_is_read(run: Pipeline) -> None:
    """The stage reads databases, code, logs and processes.

    From now on the run excludes writers.
    """
    run.perform(PREFLIGHT)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

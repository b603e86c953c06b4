"""Stage 94: plant faults into runs on copies, and see each refused by its criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import FAULTLESS, criteria_in
from sqlite_consolidate.engine.run.stages import SELFTEST

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("94-selftest"), pytest.mark.selftest]


@pytest.mark.order(9410)
def test_faults_are_planted(run: Pipeline) -> None:
    """Runs without and with each fault are made on private copies."""
    run.perform(SELFTEST)


@pytest.mark.order(9420)
@pytest.mark.criterion(FAULTLESS)
def test_runs_without_a_fault_are_accepted(check: Check) -> None:
    """A copy is consolidated, checked and rolled back, and its bundle holds."""
    check(FAULTLESS)


@pytest.mark.order(9430)
@pytest.mark.criterion(*criteria_in(SELFTEST)[1:])
def test_each_fault_is_refused_by_its_criterion(check: Check) -> None:
    """The run ends as it should, names the criterion, and leaves the copy as it was."""
    check.rest(SELFTEST)

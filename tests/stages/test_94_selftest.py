"""Plant faults into runs on copies, and see each refused by its criterion (stage 94)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import criteria_in
from sqlite_consolidate.engine.run.stages import SELFTEST

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("94-selftest"), pytest.mark.selftest]


@pytest.mark.order(9410)
def test_faults_are_planted(run: Pipeline) -> None:
    """The stage makes runs without and with each fault on private copies."""
    run.perform(SELFTEST)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)


@pytest.mark.order(9450)
@pytest.mark.criterion(*criteria_in(SELFTEST)[1:])
def test_each_fault_is_refused_by_its_criterion(check: Check) -> None:
    """The criterion refuses the run with its fault.

    The copy is then as it was before.
    """
    check.rest(SELFTEST)

"""Find the databases of a workspace and propose a plan (stage 05)."""

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
    """The stage examines databases, code and processes, and writes a proposed plan."""
    run.perform(INVENTORY)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

"""Copy the rows of each source in plan order, and write the history row (stage 40)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import TRANSFER

if TYPE_CHECKING:
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("40-transfer"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(4010)
def test_rows_are_copied(attached: Run) -> None:
    """The stage copies each source, creates triggers and views, and writes the history row."""
    attached.perform(TRANSFER)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

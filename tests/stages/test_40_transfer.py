"""Stage 40: copy the rows, source by source in plan order; last write the row of history."""

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
    """Each source is attached and copied; triggers and views follow, and last the row of history."""
    attached.perform(TRANSFER)


@pytest.mark.order(4020)
@pytest.mark.criterion("rows-counted")
def test_row_counts_match(check: Check) -> None:
    """The target has gained as many rows of each table as the sources have."""
    check("rows-counted")


@pytest.mark.order(4030)
@pytest.mark.criterion("rows-expected")
def test_row_counts_are_those_of_the_plan(check: Check) -> None:
    """Where the plan states a count, it is the count that was moved."""
    check("rows-expected")

"""Write the record, and read everything again through new connections (stage 95)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import FINAL

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("95-final"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(9510)
def test_record_is_written(run: Pipeline) -> None:
    """The stage writes the record and the rollback instructions into the backup set."""
    run.perform(FINAL)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

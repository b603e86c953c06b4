"""Copy databases, dumps and code files into a backup set and verify them (stage 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import BACKUP

if TYPE_CHECKING:
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("20-backup"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(2010)
def test_backup_set_is_written(backup_set: Run) -> None:
    """The stage opens, fills and seals a new backup set."""
    backup_set.perform(BACKUP)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

"""Create tables and indexes in the target, inside the transaction (stage 30)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import SCHEMA

if TYPE_CHECKING:
    from sqlite_consolidate.engine.verbs.consolidate import Run
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("30-schema"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(3010)
def test_schema_is_created(target: Run) -> None:
    """The transaction is open, and contains the planned tables and indexes.

    It holds an exclusive lock on the target.
    """
    target.perform(SCHEMA)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

"""Commit the transaction, after which its rows are durable (stage 60)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import COMMIT

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("60-commit"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(6010)
def test_transaction_is_committed(run: Pipeline) -> None:
    """COMMIT returns.

    The engine refuses it unless every earlier criterion holds.
    """
    run.perform(COMMIT)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

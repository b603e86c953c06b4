"""Compare everything inside the transaction, before COMMIT (stage 50)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import VERIFY

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("50-verify"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(5010)
def test_target_is_read(run: Pipeline) -> None:
    """The stage digests every table of the target as COMMIT would write it."""
    run.perform(VERIFY)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

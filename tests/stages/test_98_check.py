"""Check whether a finished consolidation is intact, and write nothing (stage 98)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import CHECK

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("98-check"), pytest.mark.verify]


@pytest.mark.order(9805)
def test_consolidation_is_found(run: Pipeline) -> None:
    """The stage reads the backup set of the last finished consolidation."""
    run.perform(CHECK)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)


def test_each_application_works(check: Check, application: tuple[str, ...]) -> None:
    """The application works on a copy of target and code."""
    check(*application)

"""Judge a consolidation of another tool by its original databases (stage 99)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import ORIGINALS

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("99-originals"), pytest.mark.verify]


@pytest.mark.order(9905)
def test_originals_and_target_are_read(run: Pipeline) -> None:
    """The stage copies originals and target to a private folder and reads them."""
    run.perform(ORIGINALS)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)


def test_each_application_works(check: Check, application: tuple[str, ...]) -> None:
    """The application works on a copy of target and code."""
    check(*application)

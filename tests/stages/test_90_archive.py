"""Release the archived sources, and read them again (stage 90)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import ARCHIVE

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("90-archive"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(9010)
def test_sources_are_renamed(run: Pipeline) -> None:
    """The stage renames the sources unless stage 80 has, and releases the locks."""
    run.perform(ARCHIVE)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

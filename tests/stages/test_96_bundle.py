"""Judge a bundle by its own files alone (stage 96)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import BUNDLE

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("96-bundle"), pytest.mark.verify]


@pytest.mark.order(9605)
def test_bundle_is_read(run: Pipeline) -> None:
    """The stage reads the files of the bundle.

    It trusts none of them.
    """
    run.perform(BUNDLE)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

"""Stage 98: check whether a finished consolidation is still right, and write nothing."""

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
    """The backup set of the consolidation that stands is read."""
    run.perform(CHECK)


@pytest.mark.order(9810)
@pytest.mark.criterion("archives-unchanged")
def test_archives_are_unchanged(check: Check) -> None:
    """Every archive is there and has the content that its source had."""
    check("archives-unchanged")


@pytest.mark.order(9820)
@pytest.mark.criterion("target-right")
def test_target_is_still_right(check: Check) -> None:
    """The target is intact and has every table; rows changed since are counted."""
    check("target-right")


@pytest.mark.order(9830)
@pytest.mark.criterion("no-old-database")
def test_no_old_database_came_back(check: Check) -> None:
    """Nothing has the old name of an archived source."""
    check("no-old-database")


@pytest.mark.order(9840)
@pytest.mark.criterion("still-no-stale-references")
def test_no_stale_reference_came_back(check: Check) -> None:
    """No code or configuration names an archived database."""
    check("still-no-stale-references")


def test_each_application_works(check: Check, application: tuple[str, ...]) -> None:
    """The application works on a copy of target and code."""
    check(*application)

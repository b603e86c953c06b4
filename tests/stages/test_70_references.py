"""Rewrite the code that named the old databases, and keep a diff (stage 70)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import REFERENCES

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("70-references"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(7010)
def test_code_is_rewritten(run: Pipeline) -> None:
    """The stage rewrites every reference by its syntax.

    Comments and formatting are unchanged.
    """
    run.perform(REFERENCES)


def test_each_criterion_holds(check: Check, criterion: str) -> None:
    """The criteria of the stage hold, in the order of engine/run/criteria.py."""
    check(criterion)

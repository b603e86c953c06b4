"""Stage 70: rewrite the code that named the old databases, and keep a diff."""

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
    """Every reference is rewritten through its syntax; comments and formatting stay."""
    run.perform(REFERENCES)


@pytest.mark.order(7020)
@pytest.mark.criterion("references-updated")
def test_code_uses_the_target(check: Check) -> None:
    """Each expression of the plan is gone, and its replacement is there."""
    check("references-updated")


@pytest.mark.order(7030)
@pytest.mark.criterion("no-stale-references")
def test_no_stale_reference_is_left(check: Check) -> None:
    """No code or configuration in the scanned trees names an archived database."""
    check("no-stale-references")


@pytest.mark.order(7040)
@pytest.mark.criterion("code-compiles")
def test_rewritten_code_compiles(check: Check) -> None:
    """Each rewritten Python file is valid Python."""
    check("code-compiles")

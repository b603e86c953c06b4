"""Stage 80: run the applications in subprocesses with deadlines, and see what they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import SMOKE

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.pytest_plugin.fixtures import Check

pytestmark = [pytest.mark.stage("80-smoke"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(8010)
def test_state_before_applications_is_noted(run: Pipeline) -> None:
    """Logs, databases and the target's content are noted before the first application."""
    run.perform(SMOKE)


def test_each_application_works(check: Check, application: tuple[str, ...]) -> None:
    """The application ends as it should and prints what it should."""
    check(*application)


@pytest.mark.order(8910)
@pytest.mark.criterion("logs-clean")
def test_logs_have_no_new_error(check: Check) -> None:
    """No line that is new since the run began reports an error."""
    check("logs-clean")


@pytest.mark.order(8920)
@pytest.mark.criterion("no-side-effects")
def test_applications_changed_no_database(check: Check) -> None:
    """No database was created, changed or removed unless the plan allows it."""
    check("no-side-effects")

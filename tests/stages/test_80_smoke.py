"""Stage 80: the applications, in subprocesses with deadlines, and what they did beside what they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from migration.engine.applications import Applications
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState
    from migration.plan.model import Smoke

pytestmark = [pytest.mark.stage("80-smoke"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(8010)
def test_the_state_before_the_applications_is_noted(run: Run, applications: Applications) -> None:
    """Logs, databases and the target's content are noted before the first application runs."""
    applications.note(run.begin_smoke())

    assert applications.noted


def test_the_application_works(applications: Applications, smoke_test: Smoke | None, evidence: Recorder) -> None:
    """The application, in a process of its own, ends as it should and prints what it should."""
    if smoke_test is None:
        applications.say("the plan names no smoke test")
        return

    wrong = evidence.application(smoke_test, applications.run(smoke_test))

    assert not wrong, wrong


@pytest.mark.order(8910)
@pytest.mark.criterion("logs-clean")
def test_the_logs_have_no_new_error(applications: Applications, evidence: Recorder) -> None:
    """No line that is new since the run began reports an error."""
    wrong = evidence("logs-clean", applications.new_log_errors())

    assert not wrong, wrong


@pytest.mark.order(8920)
@pytest.mark.criterion("no-side-effects")
def test_the_applications_changed_no_database(applications: Applications, evidence: Recorder, state: RunState) -> None:
    """No database of the workspace was created, changed or removed, and no table of the target changed.

    What a test with ``writes = true`` did, it did on a copy: that is listed.
    """
    seen = applications.side_effects()

    state.findings += applications.written
    wrong = evidence("no-side-effects", seen)

    assert not wrong, wrong

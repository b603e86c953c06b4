"""Stage 98: is a finished consolidation still right? Nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from migration.engine import check
from migration.engine.scan import listed, mentions, scope_of, stale_observations

if TYPE_CHECKING:
    from migration.engine.applications import Applications
    from migration.engine.manifest import Manifest
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState
    from migration.plan.model import Plan, Smoke

pytestmark = [pytest.mark.stage("98-check"), pytest.mark.verify]


@pytest.mark.order(9810)
@pytest.mark.criterion("archives-unchanged")
def test_the_archives_are_unchanged(state: RunState, sealed: Manifest, evidence: Recorder) -> None:
    """Every archive is there and has the content that its source had."""
    wrong = evidence("archives-unchanged", check.archives_unchanged(state.settings.workspace, sealed, state.limits))

    assert not wrong, wrong


@pytest.mark.order(9820)
@pytest.mark.criterion("target-right")
def test_the_target_is_still_right(state: RunState, sealed: Manifest, evidence: Recorder) -> None:
    """The target is intact and has every table; rows changed since are counted, and are no failure."""
    now = check.target_now(state.settings.workspace, sealed, state.limits)

    state.findings += now.changed()
    wrong = evidence("target-right", check.target_right(now, sealed))

    assert not wrong, wrong


@pytest.mark.order(9830)
@pytest.mark.criterion("no-old-database")
def test_no_old_database_was_created_again(state: RunState, sealed: Manifest, evidence: Recorder) -> None:
    """Nothing has the old name of an archived source."""
    wrong = evidence("no-old-database", check.no_old_database(state.settings.workspace, sealed))

    assert not wrong, wrong


@pytest.mark.order(9840)
@pytest.mark.criterion("still-no-stale-references")
def test_nothing_names_an_old_database(state: RunState, plan: Plan, sealed: Manifest, evidence: Recorder) -> None:
    """No code or configuration in the scanned trees names an archived database."""
    live, own = state.settings.workspace, [state.settings.plan, state.settings.reports]
    found = mentions(replace(scope_of(plan, live, live, own=own), databases=list(sealed.archive)))

    state.findings += listed(found, plan.scan.exempt)
    wrong = evidence("still-no-stale-references", stale_observations(found))

    assert not wrong, wrong


def test_the_application_still_works(
    copied_applications: Applications, smoke_test: Smoke | None, evidence: Recorder
) -> None:
    """The application works on a copy of target and code."""
    if smoke_test is None:
        copied_applications.say("the plan names no smoke test")
        return

    wrong = evidence.application(smoke_test, copied_applications.run(smoke_test))

    assert not wrong, wrong

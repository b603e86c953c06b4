"""Stage 94: faults are planted into runs on copies of the workspace; each has to be refused by its criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.audit.criteria import FAULTLESS, criteria_of
from migration.audit.faults_table import TABLE, faults_table
from migration.audit.private_file import write_private

if TYPE_CHECKING:
    from migration.harness.recorder import Recorder
    from migration.harness.selftest import Selftest
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("94-selftest"), pytest.mark.selftest]


@pytest.mark.order(9410)
@pytest.mark.criterion(FAULTLESS)
def test_without_a_fault_all_is_accepted(selftest: Selftest, state: RunState, evidence: Recorder) -> None:
    """A copy is consolidated, checked and put back, and its bundle holds: else no fault would prove anything."""
    wrong = evidence.keep(selftest.without_a_fault())

    state.act_failed = bool(wrong)
    assert not wrong, wrong


@pytest.mark.order(9420)
def test_every_fault_is_planted_that_can_be(selftest: Selftest, state: RunState) -> None:
    """Each fault gets a copy and a run of its own; where the workspace has nothing to plant it in, that is said."""
    selftest.with_every_fault()

    state.unanswerable = selftest.lacking()
    state.findings += selftest.left_out()
    assert selftest.tried


@pytest.mark.order(9430)
@pytest.mark.criterion(*criteria_of("94-selftest")[1:])
def test_every_fault_is_refused_by_its_criterion(selftest: Selftest, state: RunState, evidence: Recorder) -> None:
    """The run ends as it should, names the criterion, and leaves the copy as it was."""
    wrong = evidence.keep(selftest.evidence())
    write_private(state.folder / TABLE, faults_table(state.record()).encode("utf-8"))

    assert not wrong, wrong

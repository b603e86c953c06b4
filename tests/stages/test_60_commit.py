"""Stage 60: the one point of no return for data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine import history
from migration.engine.observation import equal

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.recorder import Recorder
    from migration.harness.state import RunState

pytestmark = [pytest.mark.stage("60-commit"), pytest.mark.migrate, pytest.mark.verify]


@pytest.mark.order(6010)
def test_the_transaction_is_committed(target: Run, state: RunState) -> None:
    """COMMIT returns, with the row of history in the same transaction, and only if every criterion so far holds."""
    assert all(one.holds for one in state.evidence), "a criterion does not hold: nothing is committed"
    judged = {"rows-counted", "rows-exact", "integrity", "neighbours-unchanged"}
    assert judged <= {one.criterion for one in state.evidence}, "a criterion was not shown: nothing is committed"

    target.commit()

    state.committed = target.committed
    state.sql = target.sql
    assert target.committed


@pytest.mark.order(6020)
@pytest.mark.criterion("committed")
def test_a_new_connection_reads_the_row_of_history(run: Run, evidence: Recorder) -> None:
    """Whoever opens the target now finds the run in its history."""
    rows = history.read_file(run.root / run.plan.target, run.limits)

    wrong = evidence("committed", [equal(run.plan.target, run.stamp, rows[-1].run if rows else "no row")])

    assert not wrong, wrong

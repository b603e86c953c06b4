"""Stage 97: everything is put back, and proved to be as before; drilled by every rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from migration.harness.recorder import Recorder
    from migration.harness.way_back import WayBack

pytestmark = [pytest.mark.stage("97-rollback"), pytest.mark.verify, pytest.mark.rollback]


@pytest.mark.order(9710)
def test_everything_is_put_back(way_back: WayBack) -> None:
    """Archives, code and target are put back, each step only where the run's own result is found."""
    way_back.perform()

    assert way_back.done is not None


@pytest.mark.order(9720)
@pytest.mark.criterion("restored-exact")
def test_everything_is_as_it_was_before(way_back: WayBack, evidence: Recorder) -> None:
    """Every database has the content, every code file the bytes and every file the name of before the run."""
    assert way_back.done is not None

    wrong = evidence("restored-exact", way_back.done.seen)

    assert not wrong, wrong

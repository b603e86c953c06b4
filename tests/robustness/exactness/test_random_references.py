"""Test random schemas with foreign keys against an oracle that follows them.

In an accepted run each child reaches the row that its parent became. A refusal for references has a child that would
reach another row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.referring.reference_trials import reference_trial
from tests.support.exactness.seeded_trials import run_many_trials, run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [3, *thorough(40)])
def test_sample_of_random_references_is_followed(scratch: Path, number: int) -> None:
    """Workspaces end in both ways."""
    totals = run_trials(reference_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 4
    assert totals.ends["refused for references"] >= number / 10


@pytest.mark.long
def test_two_thousand_random_references_are_followed(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle reads the files with plain SQL and predicts the target without the engine."""
    totals = run_many_trials(reference_trial, range(2000), scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 600
    assert totals.ends["refused for references"] >= 200

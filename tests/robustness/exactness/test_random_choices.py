"""Test random plans that move some rows and decide between others, against an oracle.

An accepted target has exactly the predicted rows, and the oracle gives the same reason for each refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.chosen.choice_trials import choice_trial
from tests.support.exactness.seeded_trials import run_many_trials, run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [3, *thorough(60)])
def test_sample_of_random_choices_is_as_predicted(scratch: Path, number: int) -> None:
    """Workspaces end in both ways."""
    totals = run_trials(choice_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 4


@pytest.mark.long
def test_two_thousand_random_choices_are_as_predicted(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle is plain Python over the drawn rows."""
    totals = run_many_trials(choice_trial, range(2000), scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 700

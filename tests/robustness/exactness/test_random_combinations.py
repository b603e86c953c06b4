"""Test random plans that combine keys of the plan against an oracle in plain Python.

Rows match or have new keys, ``where`` and ``follows`` choose, and policies decide. References follow a primary key, a
second number or a kind. The target has columns that no source has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.combined.combination_trials import combination_trial
from tests.support.exactness.seeded_trials import run_many_trials, run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [4, *thorough(60)])
def test_sample_of_random_combinations_is_right(scratch: Path, number: int) -> None:
    """Many workspaces are accepted."""
    totals = run_trials(combination_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 4


@pytest.mark.long
def test_two_thousand_random_combinations_are_right(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle predicts each row, and which workspaces are refused for what reason."""
    totals = run_many_trials(combination_trial, range(2000), scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 800
    assert totals.ends["refused: newer"] >= 100

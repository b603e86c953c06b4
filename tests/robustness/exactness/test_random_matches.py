"""Test random rows that match under other keys against an oracle in plain Python.

There are trees, link tables, references that match themselves, collations, NULLs, equal natural keys, other unique keys
and each policy, in one to three sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.matched.match_trials import match_trial
from tests.support.exactness.seeded_trials import run_many_trials, run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [2, *thorough(60)])
def test_sample_of_random_matches_is_mapped(scratch: Path, number: int) -> None:
    """Most workspaces are accepted."""
    totals = run_trials(match_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 2


@pytest.mark.long
def test_two_thousand_random_matches_are_mapped(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle predicts each row, and which workspaces are refused for what reason."""
    totals = run_many_trials(match_trial, range(2000), scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 1000
    assert totals.ends["refused: rows differ"] >= 100

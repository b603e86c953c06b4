"""Test random plans that move some rows and decide between others, against an oracle.

An accepted target has exactly the predicted rows, and the oracle gives the same reason for each refusal.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.chosen.choice_trials import choice_trials
from tests.support.exactness.reference_trials import ReferenceTotals
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 50


@pytest.mark.parametrize("number", [10, *thorough(60)])
def test_sample_of_random_choices_is_as_predicted(scratch: Path, number: int) -> None:
    """Workspaces end in both ways."""
    totals = choice_trials(range(number), str(scratch))

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 4


@pytest.mark.long
def test_two_thousand_random_choices_are_as_predicted(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle is plain Python over the drawn rows."""
    totals = ReferenceTotals()
    chunks = [range(start, start + CHUNK) for start in range(0, 2000, CHUNK)]
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk in pool.map(choice_trials, chunks, [str(scratch)] * len(chunks)):
            totals.ends += chunk.ends
            totals.failures += chunk.failures

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 700

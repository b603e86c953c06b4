"""Test random rows that match under other keys against an oracle in plain Python.

There are trees, link tables, references that match themselves, collations, NULLs, equal natural keys, other unique keys
and each policy, in one to three sources.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.matched.match_trials import match_trials
from tests.support.exactness.reference_trials import ReferenceTotals
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 50


@pytest.mark.parametrize("number", [8, *thorough(60)])
def test_sample_of_random_matches_is_mapped(scratch: Path, number: int) -> None:
    """Most workspaces are accepted."""
    totals = match_trials(range(number), str(scratch))

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 2


@pytest.mark.long
def test_two_thousand_random_matches_are_mapped(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle predicts each row, and which workspaces are refused for what reason."""
    totals = ReferenceTotals()
    chunks = [range(start, start + CHUNK) for start in range(0, 2000, CHUNK)]
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk in pool.map(match_trials, chunks, [str(scratch)] * len(chunks)):
            totals.ends += chunk.ends
            totals.failures += chunk.failures

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 1000
    assert totals.ends["refused: rows differ"] >= 100

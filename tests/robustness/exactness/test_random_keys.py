"""Test random schemas with renumbered keys against an oracle that knows rows by content.

There are trees, link tables, composite keys, cycles, self references, sentinels and references to no row, in one to
four sources with equal ids.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.reference_trials import ReferenceTotals
from tests.support.exactness.renumbered.key_trials import key_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 50


@pytest.mark.parametrize("number", [8, *thorough(60)])
def test_sample_of_random_keys_is_followed(scratch: Path, number: int) -> None:
    """Nearly every workspace is accepted."""
    totals = key_trials(range(number), str(scratch))

    assert totals.failures == []
    assert totals.ends["accepted"] >= number * 3 / 4


@pytest.mark.long
def test_two_thousand_random_keys_are_followed(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle reads the files with plain SQL."""
    totals = ReferenceTotals()
    chunks = [range(start, start + CHUNK) for start in range(0, 2000, CHUNK)]
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk in pool.map(key_trials, chunks, [str(scratch)] * len(chunks)):
            totals.ends += chunk.ends
            totals.failures += chunk.failures

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 1600
    assert totals.ends["refused for references"] >= 40

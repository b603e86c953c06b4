"""Test random search indexes and sums against those that an application would have.

The indexes are FTS4 and FTS5 tables over a table, over a view and without content, of the target or of the sources.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.derived.derived_trials import DerivedTotals, derived_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 50


@pytest.mark.parametrize("number", [8, *thorough(60)])
def test_sample_of_random_derived_data_is_right(scratch: Path, number: int) -> None:
    """Searches and sums are right, also after the next row, or the run is refused."""
    totals = derived_trials(range(number), str(scratch))

    assert totals.failures == []
    assert totals.ends["accepted, complete"] >= number / 4


@pytest.mark.long
def test_a_thousand_random_indexes_and_sums_are_right(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan that leaves an entry out, or whose refresh depends on itself, is refused."""
    chunks = [range(start, start + CHUNK) for start in range(0, 1000, CHUNK)]
    totals = DerivedTotals()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk_totals in pool.map(derived_trials, chunks, [str(scratch)] * len(chunks)):
            totals.ends += chunk_totals.ends
            totals.failures += chunk_totals.failures

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert len(totals.ends) == 5

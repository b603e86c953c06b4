"""Test random schemas with foreign keys against an oracle that follows them.

In an accepted run each child reaches the row that its parent became. A refusal for references has a child that would
reach another row.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.reference_trials import ReferenceTotals, reference_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 50


def _many(number: int, folder: Path) -> ReferenceTotals:
    """Run trials in separate processes."""
    chunks = [range(start, min(start + CHUNK, number)) for start in range(0, number, CHUNK)]
    totals = ReferenceTotals()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk_totals in pool.map(reference_trials, chunks, [str(folder)] * len(chunks)):
            totals.ends += chunk_totals.ends
            totals.failures += chunk_totals.failures
    return totals


@pytest.mark.parametrize("number", [5, *thorough(40)])
def test_sample_of_random_references_is_followed(scratch: Path, number: int) -> None:
    """Workspaces end in both ways."""
    totals = reference_trials(range(number), str(scratch))

    assert totals.failures == []
    assert totals.ends["accepted"] >= number / 4
    assert totals.ends["refused for references"] >= number / 10


@pytest.mark.long
def test_two_thousand_random_references_are_followed(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle reads the files with plain SQL and predicts the target without the engine."""
    totals = _many(2000, scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 600
    assert totals.ends["refused for references"] >= 200

"""Test that a damaged source is refused without a change, or accepted as SQLite reads it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.damage import TrialTotals, trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 40


def _many(number: int, folder: Path, first: int = 0, processes: int = PROCESSES) -> TrialTotals:
    """Run trials in separate processes.

    A trial that crashes the interpreter breaks the pool and fails the test.
    """
    chunks = [range(start, min(start + CHUNK, first + number)) for start in range(first, first + number, CHUNK)]
    totals = TrialTotals()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
        for chunk_totals in pool.map(trials, chunks, [str(folder)] * len(chunks)):
            totals.ends += chunk_totals.ends
            totals.failures += chunk_totals.failures
    return totals


@pytest.mark.parametrize("number", [4, *thorough(80)])
def test_sample_of_damaged_sources_is_refused_or_exact(scratch: Path, number: int) -> None:
    """Damaged files end in both ways."""
    totals = _many(number, scratch, processes=1)

    assert totals.failures == []
    assert totals.ends.total() == number
    assert totals.ends["accepted"] >= number / 20
    assert totals.ends["refused"] >= number * 0.3


@pytest.mark.long
def test_ten_thousand_damaged_sources_are_refused_or_exact(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The damaged files differ from those of the sample."""
    totals = _many(10_000, scratch, first=1_000_000)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends.total() == 10_000


def test_message_that_is_not_utf8_is_a_refusal(scratch: Path) -> None:
    """A hot journal rolls back to a schema whose names are not UTF-8."""
    totals = trials([1_000_021], str(scratch))

    assert totals.failures == []
    assert totals.ends == {"refused": 1}


def test_journal_that_expands_a_file_is_refused(scratch: Path) -> None:
    """The rollback of the journal would make a file of 56 kB 16 GB long."""
    totals = trials([1_002_158], str(scratch))

    assert totals.failures == []
    assert totals.ends == {"refused": 1}

"""Damaged sources: refused in words with every byte as it was, or accepted and exactly what SQLite reads."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.damage import TrialTotals, trials

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, CHUNK = 2, 40


def _many(number: int, folder: Path, first: int = 0) -> TrialTotals:
    """Make trials in processes of their own: one that crashes the interpreter breaks the pool, and so the test."""
    chunks = [range(at, min(at + CHUNK, first + number)) for at in range(first, first + number, CHUNK)]
    came = TrialTotals()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for one in pool.map(trials, chunks, [str(folder)] * len(chunks)):
            came.ends += one.ends
            came.failures += one.failures
    return came


def test_a_sample_of_damaged_sources_is_refused_or_exact(scratch: Path) -> None:
    """Forty damaged files; both ways of ending are among them."""
    came = _many(40, scratch)

    assert came.failures == []
    assert came.ends.total() == 40
    assert came.ends["accepted"] >= 2
    assert came.ends["refused"] >= 12


@pytest.mark.long
def test_ten_thousand_damaged_sources_are_refused_or_exact(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand damaged files, others than in the sample."""
    came = _many(10_000, scratch, first=1_000_000)

    with capsys.disabled():
        print(came.ends)  # noqa: T201 -- the figures are what a long run is made for
    assert came.failures == []
    assert came.ends.total() == 10_000


def test_damage_that_sqlite_reports_in_bytes_is_refused(scratch: Path) -> None:
    """A hot journal rolls back to a schema whose names are not UTF-8: Python cannot decode SQLite's message."""
    came = trials([1_000_021], str(scratch))

    assert came.failures == []
    assert came.ends == {"refused": 1}


def test_a_journal_that_lets_a_file_grow_without_bounds_is_refused(scratch: Path) -> None:
    """Rolled back, the journal would make 16 GB of a file that has 56 kB."""
    came = trials([1_002_158], str(scratch))

    assert came.failures == []
    assert came.ends == {"refused": 1}

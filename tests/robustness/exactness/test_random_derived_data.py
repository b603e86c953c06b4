"""Test random search indexes and sums against those that an application would have.

The indexes are FTS4 and FTS5 tables over a table, over a view and without content, of the target or of the sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.derived.derived_trials import derived_trial
from tests.support.exactness.seeded_trials import run_many_trials, run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [2, *thorough(60)])
def test_sample_of_random_derived_data_is_right(scratch: Path, number: int) -> None:
    """Searches and sums are right, also after the next row, or the run is refused."""
    totals = run_trials(derived_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted, complete"] >= number / 4


@pytest.mark.long
def test_a_thousand_random_indexes_and_sums_are_right(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan that leaves an entry out, or whose refresh depends on itself, is refused."""
    totals = run_many_trials(derived_trial, range(1000), scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert len(totals.ends) == 5

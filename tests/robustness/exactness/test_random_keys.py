"""Test random schemas with renumbered keys against an oracle that knows rows by content.

There are trees, link tables, composite keys, cycles, self references, sentinels and references to no row, in one to
four sources with equal ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.exactness.renumbered.key_trials import key_trial
from tests.support.exactness.seeded_trials import run_many_trials, run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [2, *thorough(60)])
def test_sample_of_random_keys_is_followed(scratch: Path, number: int) -> None:
    """Nearly every workspace is accepted."""
    totals = run_trials(key_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted"] >= number * 3 / 4


@pytest.mark.long
def test_two_thousand_random_keys_are_followed(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oracle reads the files with plain SQL."""
    totals = run_many_trials(key_trial, range(2000), scratch)

    with capsys.disabled():
        print(totals.ends)  # noqa: T201 -- a long run is made for its figures
    assert totals.failures == []
    assert totals.ends["accepted"] >= 1600
    assert totals.ends["refused for references"] >= 40

"""Test random files of a pattern with new keys against an oracle of plain SQL.

Names have wildcards, quotes and braces. Some files lack a column or a table, and some targets have rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks import staged_sources
from tests.support.exactness.pattern_trials import pattern_trial
from tests.support.exactness.seeded_trials import run_trials
from tests.support.thorough import thorough

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [3, *thorough(25)])
def test_random_files_of_a_pattern_are_moved(scratch: Path, number: int) -> None:
    """Each of them is accepted, and a rollback leaves each byte as it was."""
    totals = run_trials(pattern_trial, range(number), scratch)

    assert totals.failures == []
    assert totals.ends["accepted"] >= number * 2 / 3


@pytest.mark.thorough
def test_rows_of_very_many_files_are_shared_out(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are copied into several databases, which are attached as one would be."""
    monkeypatch.setattr(staged_sources, "_MOST_IN_ONE", 0)

    totals = run_trials(pattern_trial, range(100, 103), scratch)

    assert totals.failures == []


@pytest.mark.long
def test_five_hundred_random_patterns_are_moved(scratch: Path) -> None:
    """The oracle reads each row with the content of the rows that it refers to."""
    totals = run_trials(pattern_trial, range(1000, 1500), scratch)

    assert totals.failures == []

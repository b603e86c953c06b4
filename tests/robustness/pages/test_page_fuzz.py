"""Specify that no damage of a file is accepted by the page reader and refused by SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pages.fuzz import Trial

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "seed"),
    [pytest.param(2000, 1, marks=pytest.mark.thorough), pytest.param(100_000, 2, marks=pytest.mark.long)],
)
def test_no_damage_is_accepted_that_sqlite_refuses(tmp_path: Path, number: int, seed: int) -> None:
    """No damage ends the page reader, which has sanitizers.

    Each digest is that of Python.
    """
    trial = Trial(tmp_path, seed)

    trial.run(number)

    assert trial.failures == []
    assert trial.counts["no, damaged"] > number / 10
    assert trial.counts["yes, intact"] > number / 10
    assert trial.counts["uncommitted: yes, intact"] > number / 10
    assert trial.counts["committed: yes, the same"] > number / 100

"""Show two values of a bundle that differ, however long they are."""

from __future__ import annotations

import pytest

from sqlite_consolidate.report.bundle_check.agreement import agreement

LONG = "\0" * 1_000_000


@pytest.mark.parametrize(
    ("expected", "observed"), [("a", LONG), (LONG, "a"), (f"{LONG}a", f"{LONG}b"), (LONG, f"{LONG}b")]
)
def test_long_values_that_differ_are_shortened(expected: str, observed: str) -> None:
    """Who writes a bundle chooses their length. The first difference is shown."""
    observation = agreement("summary.txt: line 1", expected, observed)

    assert not observation.holds
    assert observation.expected != observation.observed
    assert max(len(observation.expected), len(observation.observed)) < 1_000


def test_short_values_are_shown_whole() -> None:
    """Each of them may be pasted."""
    observation = agreement("summary.txt: line 1", "a" * 500, "b")

    assert (observation.expected, observation.observed, observation.holds) == ("a" * 500, "b", False)


def test_long_values_that_are_equal_hold() -> None:
    """They are shortened alike."""
    observation = agreement("summary.txt: line 1", LONG, LONG)

    assert observation.holds
    assert len(observation.observed) < 1_000

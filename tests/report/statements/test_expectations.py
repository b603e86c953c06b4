"""Specify the grade of effort and risk of a proposed plan."""

from __future__ import annotations

import pytest

from sqlite_consolidate.report.statements.expectations import grade_of_inventory

LONGEST = 6  # words of one reason


@pytest.mark.parametrize(
    ("decisions", "keys", "names", "smoke", "expected"),
    [(0, 0, 0, 1, ("low", 0)), (1, 0, 0, 1, ("medium", 1)), (4, 3, 3, 0, ("high", 4))],
)
def test_grade_stands_before_short_reasons(
    decisions: int, keys: int, names: int, smoke: int, expected: tuple[str, int]
) -> None:
    """A reader sees the grade at once, and no reason is a long one."""
    effort = {"tables_with_new_keys": keys, "tables_with_new_names": names, "references": 0}
    effort |= {"smoke_tests": smoke, "seconds": 1}

    grade = grade_of_inventory({"effort": effort, "objections": [], "decisions": decisions})

    first, _, second = grade.partition(". ")
    reasons = second.removeprefix("Reasons: ").split(", ") if "Reasons: " in second else []
    assert (first.split()[0], len(reasons)) == expected
    assert [reason for reason in reasons if len(reason.split()) > LONGEST] == []

"""Specify that one exception carries every problem with its fields."""

from __future__ import annotations

from copy import deepcopy

from sqlite_consolidate.plan.mistakes import mistake_at
from sqlite_consolidate.problem import Problem, ProblemError

LOCKED = Problem("in-use", "a.db", "is locked.", "Stop it.")
FULL = Problem("no-space", "b.db", "cannot be copied.", "Free some space.", criterion="space")


def test_text_has_one_line_for_each_problem() -> None:
    """A line has subject, fact, hint and id in this order."""
    assert str(ProblemError(LOCKED, FULL)).splitlines() == [
        "a.db: is locked. Stop it. [in-use]",
        "b.db: cannot be copied. Free some space. [no-space]",
    ]


def test_ids_are_those_of_all_problems() -> None:
    """The ids are in the order in which the problems were found."""
    assert ProblemError(LOCKED, FULL).ids == ("in-use", "no-space")


def test_error_survives_being_copied() -> None:
    """The error can be sent to another process.

    Its problems are equal there, field by field.
    """
    error = deepcopy(ProblemError(LOCKED, FULL))

    assert error.problems == (LOCKED, FULL)


def test_mistake_gets_its_file_and_keeps_its_key_path() -> None:
    """The position becomes part of the subject, and the key path stays a field."""
    loc = ("source", 1, "table", 0, "name")

    problem = mistake_at(loc, "table-twice", "is mapped already.", "Keep one.").of_file("plan-valid", "plan.toml:7")

    assert problem.subject == "plan.toml:7 (source 2, table 1, name)"
    assert problem.criterion == "plan-valid"
    assert problem.loc == loc

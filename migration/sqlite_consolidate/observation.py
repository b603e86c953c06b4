"""Describe what a check expected of a subject and what it observed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.row_differences import RowDifferences


class Outcome(StrEnum):
    """Name the result of a criterion, for one subject or as a whole (design, section 5)."""

    PASSED = "passed"
    """A check was made, and it holds."""
    FAILED = "failed"
    """A check was made, and it does not hold."""
    NOT_EXAMINED = "not examined"
    """No check was made. The run cannot be accepted."""
    NOT_REQUIRED = "not required"
    """The plan demands nothing that could be checked. The run can be accepted."""

    @property
    def holds(self) -> bool:
        """Return whether the run may continue."""
        return self in (Outcome.PASSED, Outcome.NOT_REQUIRED)


class Relation(StrEnum):
    """Name how the observed value relates to the expected one if a criterion passed."""

    EQUAL = "equal"
    """Both texts are equal."""
    AT_MOST = "at most"
    """A number is at most a limit. Both are recorded as numbers."""
    AT_LEAST = "at least"
    """A number is at least a limit. Both are recorded as numbers."""
    STATED = "stated"
    """Both are described in words, so that only the check itself could decide."""

    def holds(self, expected: str, observed: str, limit: int | None, number: int | None) -> bool:
        """Return whether a passed entry with these values is consistent with the relation."""
        if self is Relation.STATED:
            return True
        if self is Relation.EQUAL:
            return expected == observed
        if limit is None or number is None:
            return False
        bounded = number <= limit if self is Relation.AT_MOST else number >= limit
        return bounded and _begins(expected, f"{self} {limit}") and _begins(observed, str(number))


def _begins(text: str, words: str) -> bool:
    return f"{text} ".startswith(f"{words} ")


@dataclass(frozen=True, slots=True)
class Observation:
    """Hold what a check observed of one subject.

    Attributes:
        subject: File, ``file:table``, table of the target, or command.
        expected: Expected state, in words or numbers that an auditor reads.
        observed: Observed state in the same form, or the reason why the subject was not examined.
        holds: Whether the run may continue.
        todo: If it does not hold, one sentence with the next step for the operator.
        program_output: Output of an application or lines of a log. It may contain values of rows, so reports may
            withhold it.
        values: Values of rows that the observation is about. Reports show them only if the operator asks for them.
        examined: Number of subjects that this observation covers. It is 0 exactly if nothing was examined.
        rows: Rows that differ, with their values. Reports show the values only if the operator asks for them.
        unchecked_outcome: Set by :func:`not_examined` and :func:`not_required`. Otherwise ``holds`` decides the
            outcome.
        relation: Relation of observed to expected if it holds, so that a reader of evidence can decide it again.
        limit: Limit of the number, if the relation is one of numbers.
        number: The observed number, if the relation is one of numbers.
        changed_since: Whether an application changed the subject after the consolidation.
        repeats: Whether a failed observation of the same run already states the reason in full.
    """

    subject: str
    expected: str
    observed: str
    holds: bool
    todo: str = ""
    program_output: str = ""
    values: str = ""
    examined: int = 1
    unchecked_outcome: Outcome | None = None
    rows: RowDifferences | None = None
    relation: Relation = Relation.STATED
    limit: int | None = None
    number: int | None = None
    changed_since: bool = False
    repeats: bool = False

    @property
    def outcome(self) -> Outcome:
        """Return passed or failed if a check was made, otherwise why it was not.

        An observation that examined nothing never passes.
        """
        if self.unchecked_outcome is not None or not self.holds:
            return self.unchecked_outcome or Outcome.FAILED
        return Outcome.PASSED if self.examined else Outcome.NOT_EXAMINED


NO_PROBLEM = "no problem"
"""What is expected of a subject whose problem is a sentence."""
_EXAMINED = "examined"


def says_all(expected: str) -> bool:
    """Return whether the observed state needs no expected one beside it."""
    return expected in (NO_PROBLEM, _EXAMINED)


def equal(subject: str, expected: object, observed: object, todo: str = "") -> Observation:
    """Return an observation that two values are equal.

    Both are shown as text. The next step is stated only if they differ.
    """
    holds = expected == observed
    return Observation(subject, str(expected), str(observed), holds, "" if holds else todo, relation=Relation.EQUAL)


def at_most(subject: str, limit: int, number: int, noun: str, after: str = "", note: str = "") -> Observation:
    """Return an observation that a number is at most a limit.

    The text ``after`` follows the noun in both texts, ``note`` follows the limit only.
    """
    expected, observed = f"at most {counted(limit, noun)}{after}{note}", f"{counted(number, noun)}{after}"
    holds = number <= limit
    return Observation(subject, expected, observed, holds, relation=Relation.AT_MOST, limit=limit, number=number)


def at_least(subject: str, limit: int, number: int) -> Observation:
    """Return an observation that a number is at least a limit."""
    expected, holds = f"at least {limit}", number >= limit
    return Observation(subject, expected, str(number), holds, relation=Relation.AT_LEAST, limit=limit, number=number)


def not_examined(subject: str, reason: str, todo: str = "", *, repeats: bool = False) -> Observation:
    """Return an observation that a subject was not examined, with the reason."""
    outcome = Outcome.NOT_EXAMINED
    return Observation(subject, _EXAMINED, reason, False, todo, examined=0, unchecked_outcome=outcome, repeats=repeats)  # noqa: FBT003


def not_required(subject: str, reason: str) -> Observation:
    """Return an observation that the plan demands nothing of a subject, with the reason."""
    return Observation(
        subject, "nothing demanded", reason, holds=True, examined=0, unchecked_outcome=Outcome.NOT_REQUIRED
    )


def with_differences(observation: Observation, explain: Callable[[], RowDifferences | None]) -> Observation:
    """Return an observation with the rows that differ.

    An observation that holds is returned unchanged, because comparing rows takes time.
    """
    return observation if observation.holds else replace(observation, rows=explain())

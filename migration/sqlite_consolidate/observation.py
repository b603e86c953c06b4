"""State what was expected of a subject and what was seen there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_consolidate.row_differences import RowDifferences


class Outcome(StrEnum):
    """What a criterion came to, on one subject or as a whole (design, section 5)."""

    PASSED = "passed"
    """A check looked, and it holds."""
    FAILED = "failed"
    """A check looked, and it does not hold."""
    NOT_EXAMINED = "not examined"
    """No check looked; acceptance is refused."""
    NOT_REQUIRED = "not required"
    """The plan asks for nothing that could be examined; acceptance does not wait for it."""

    @property
    def holds(self) -> bool:
        """Whether it lets the run go on."""
        return self in (Outcome.PASSED, Outcome.NOT_REQUIRED)


class Relation(StrEnum):
    """How what was observed has to relate to what was expected where a criterion passed."""

    EQUAL = "equal"
    """Both texts are the same."""
    AT_MOST = "at most"
    """A number is at most a limit; both are recorded as numbers."""
    AT_LEAST = "at least"
    """A number is at least a limit; both are recorded as numbers."""
    STATED = "stated"
    """Words say what was expected and observed; only the check itself could decide."""

    def holds(self, expected: str, observed: str, limit: int | None, number: int | None) -> bool:
        """Whether a passed entry with these values does not contradict itself."""
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


@dataclass(frozen=True)
class Observation:
    """One look at one subject.

    Attributes:
        subject: What was looked at: a file, ``file:table``, a table of the target, a command.
        expected: What had to be seen, in words or numbers that an auditor reads.
        observed: What was seen, in the same form; or why nothing was looked at.
        holds: Whether that lets the run go on.
        todo: When it does not: one sentence that says what to do next.
        program_output: What an application or a log printed, which may hold values of rows. Reports may withhold it.
        values: Values of rows that it is about. Reports show them only if the operator asks for them.
        examined: Number of subjects that this observation stands for; 0 exactly when nothing was looked at.
        rows: Which rows differ, with their values; reports show those only if the operator asks for them.
        outcome: Set by :func:`not_examined` and :func:`not_required`; else it follows from ``holds``.
        relation: How expected and observed relate where it holds, so that a reader of evidence can decide it again.
        limit: What the number was compared with, where the relation is one of numbers.
        number: The number that was observed there.
        changed_since: What was observed was changed after the consolidation, by an application.
        repeats: It was not examined for a reason that a failed observation of the same run states in full.
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
        """Passed or failed where a check looked, else why it did not; nothing examined never is a pass."""
        if self.unchecked_outcome is not None or not self.holds:
            return self.unchecked_outcome or Outcome.FAILED
        return Outcome.PASSED if self.examined else Outcome.NOT_EXAMINED


def equal(subject: str, expected: object, observed: object, todo: str = "") -> Observation:
    """Observe that two values are the same; both are shown as text."""
    return Observation(subject, str(expected), str(observed), expected == observed, todo, relation=Relation.EQUAL)


def at_most(subject: str, limit: int, number: int, noun: str, after: str = "", note: str = "") -> Observation:
    """Observe that a number is at most a limit; ``after`` follows the noun in both texts, the note the limit alone."""
    expected, observed = f"at most {counted(limit, noun)}{after}{note}", f"{counted(number, noun)}{after}"
    holds = number <= limit
    return Observation(subject, expected, observed, holds, relation=Relation.AT_MOST, limit=limit, number=number)


def at_least(subject: str, limit: int, number: int) -> Observation:
    """Observe that a number is at least a limit."""
    expected, holds = f"at least {limit}", number >= limit
    return Observation(subject, expected, str(number), holds, relation=Relation.AT_LEAST, limit=limit, number=number)


def not_examined(subject: str, reason: str, todo: str = "", *, repeats: bool = False) -> Observation:
    """State that nobody looked at a subject, and why."""
    outcome = Outcome.NOT_EXAMINED
    return Observation(subject, "examined", reason, False, todo, examined=0, unchecked_outcome=outcome, repeats=repeats)  # noqa: FBT003


def not_required(subject: str, reason: str) -> Observation:
    """State that the plan asks for nothing here, and how one can tell."""
    return Observation(
        subject, "nothing demanded", reason, holds=True, examined=0, unchecked_outcome=Outcome.NOT_REQUIRED
    )


def explained(observation: Observation, explain: Callable[[], RowDifferences | None]) -> Observation:
    """Return an observation with the rows that differ; one that holds costs nothing, and is returned as it is."""
    return observation if observation.holds else replace(observation, rows=explain())

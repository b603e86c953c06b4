"""Observation: what was expected of one subject and what was seen; the engine states it, a stage test judges it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Observation:
    """One look at one subject.

    Attributes:
        subject: What was looked at: a file, ``file:table``, a table of the target, a command.
        expected: What had to be seen, in words or numbers that an auditor reads.
        observed: What was seen, in the same form.
        holds: Whether that is good enough.
        todo: When it is not: one sentence that says what to do next.
        heard: What an application or a log said, which may hold values of rows: kept apart, to be withheld.
    """

    subject: str
    expected: str
    observed: str
    holds: bool
    todo: str = ""
    heard: str = ""


def equal(subject: str, expected: object, observed: object, todo: str = "") -> Observation:
    """Observe that two values are the same; both are shown as text."""
    return Observation(subject, str(expected), str(observed), expected == observed, todo)

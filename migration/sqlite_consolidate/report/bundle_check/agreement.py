"""Observe whether two files of a bundle state the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.observation import equal, not_examined
from sqlite_consolidate.report.file_names import EVIDENCE

if TYPE_CHECKING:
    from sqlite_consolidate.observation import Observation

REPLACE_BUNDLE = "Do not rely on this bundle. Get another copy from the run's reports folder."


_SHOWN = 500  # characters of a value. Who writes a bundle chooses the length.


def agreement(subject: str, expected: str, observed: str) -> Observation:
    """Return the observation that a value is the expected one.

    Of long values that differ, the first difference is shown.
    """
    is_long = max(len(expected), len(observed)) > _SHOWN
    start = _first_difference(expected, observed) if is_long and expected != observed else 0
    todo = "" if expected == observed else REPLACE_BUNDLE
    return equal(subject, _from(expected, start), _from(observed, start), todo)


def _first_difference(text: str, other: str) -> int:
    pairs = enumerate(zip(text, other, strict=False))
    return next((at for at, (ours, theirs) in pairs if ours != theirs), min(len(text), len(other)))


def _from(text: str, start: int) -> str:
    end = start + _SHOWN
    if not start and end >= len(text):
        return text
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return f"{before}{text[start:end]}{after} ({len(text):,} characters)"


def not_of_known_schema() -> Observation:
    """Return the observation that evidence of an unknown schema was not judged."""
    return not_examined(EVIDENCE, "it is not of a schema that this release knows", REPLACE_BUNDLE)

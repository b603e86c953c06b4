"""Observe whether two files of a bundle state the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.observation import equal, not_examined
from sqlite_consolidate.report.file_names import EVIDENCE

if TYPE_CHECKING:
    from sqlite_consolidate.observation import Observation

REPLACE_BUNDLE = "Do not rely on this bundle. Get another copy from the run's reports folder."


def agreement(subject: str, expected: str, observed: str) -> Observation:
    """Return the observation that a value is the expected one."""
    return equal(subject, expected, observed, "" if expected == observed else REPLACE_BUNDLE)


def not_of_known_schema() -> Observation:
    """Return the observation that evidence of an unknown schema was not judged."""
    return not_examined(EVIDENCE, "it is not of a schema that this release knows", REPLACE_BUNDLE)

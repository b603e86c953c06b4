"""Write the table of criteria against faults of a self-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import CAN_FAIL
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.questions import outcomes
from sqlite_consolidate.text import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.report.evidence import Record

FAULTS_FILE = "faults.txt"
"""Name of the file in the bundle of a selftest."""


def proven(record: Record) -> tuple[int, int]:
    """Return how many criteria were proven able to fail, and how many there are."""
    known = [outcome for criterion, outcome in outcomes(record).items() if criterion.startswith(CAN_FAIL)]
    return known.count(Outcome.PASSED), len(known)


def sentence(record: Record) -> str:
    """Return both numbers as a sentence."""
    proven_count, total = proven(record)
    return f"{counted(total, 'criterion', 'criteria')}, {proven_count} proven able to fail here"


def fault_rows(record: Record) -> Iterator[tuple[str, str, str]]:
    """Yield criterion, fault and result of each trial, in the order of the criteria.

    The result is ``yes``, ``NO: ...``, or the reason why no fault was planted.
    """
    words = {Outcome.PASSED: "yes", Outcome.FAILED: "NO: "}
    for entry in record.criteria:
        if entry.criterion.startswith(CAN_FAIL):
            observed = "" if entry.outcome is Outcome.PASSED else entry.observed
            refused = words.get(entry.outcome, "") + observed
            yield entry.criterion.removeprefix(CAN_FAIL), entry.subject or "-", refused


def faults_table(record: Record) -> str:
    """Return the table as lines of printable text, beginning with the numbers."""
    head = ("criterion", "fault", "refused by it")
    lines = [tuple(map(one_line, line)) for line in (head, *fault_rows(record))]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    text = [
        f"{criterion:<{widths[0]}}  {fault:<{widths[1]}}  {refused}".rstrip() for criterion, fault, refused in lines
    ]
    return "\n".join([f"{sentence(record)}.", "", *text]) + "\n"

"""Make the rows of the criteria table, with failed criteria first."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlite_consolidate.observation import Outcome, says_all
from sqlite_consolidate.report.formatting import sentence, stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.report.evidence import Record
    from sqlite_consolidate.row_differences import RowDifferences

_MOST_HOLDING = 60  # subjects of one criterion that hold; a plan of a thousand tables has thousands
_MOST_OPEN = 300  # subjects of one criterion that do not
_LONG_TEXT = 40  # from this length on, what was observed as expected is not printed twice


@dataclass(frozen=True)
class Line:
    """Hold one row of the criteria table.

    Attributes:
        anchor: Id for links of this page; empty on all but the criterion's first row.
        sentence: Sentence of the criterion; empty if the row before has it.
        examined: Number of subjects that the criterion examined in all; 0 if the row before has it.
        rows: The rows that differ, or None.
        same: True if observed equals expected and is too long to be printed twice.
    """

    criterion: str
    anchor: str
    stage: str
    sentence: str
    examined: int
    subject: str
    expected: str
    observed: str
    todo: str
    outcome: Outcome
    same: bool = False
    rows: RowDifferences | None = None

    @property
    def says_all(self) -> bool:
        """Return whether the observed state needs no expected one beside it."""
        return says_all(self.expected)


def anchor_of(criterion: str) -> str:
    """Return the id of the element of a criterion, which is the same in every report.

    A plan chooses the names of smoke tests, so a digest stands for what an id cannot have.
    """
    words = re.sub(r"[^a-z0-9]+", "-", criterion.lower()).strip("-")[:_LONG_TEXT]
    digest = "" if words == criterion else f"-{sha256(criterion.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
    return f"criterion-{words}{digest}"


def criteria_lines(record: Record) -> list[Line]:
    """Return a line for each piece of evidence.

    Failed criteria come first, then those not examined, then the others by stage.
    """
    builder = _LineBuilder(record)
    failed, unexamined, holding = (
        [entry for entry in record.criteria if entry.outcome in wanted]
        for wanted in ((Outcome.FAILED,), (Outcome.NOT_EXAMINED,), (Outcome.PASSED, Outcome.NOT_REQUIRED))
    )
    return [
        *builder.lines(failed, _MOST_OPEN),
        *builder.lines(unexamined, _MOST_OPEN),
        *builder.lines(holding, _MOST_HOLDING),
    ]


class _LineBuilder:
    """Build the lines of one record, and remember which criteria it has named."""

    def __init__(self, record: Record) -> None:
        self._mode = record.mode
        self._examined = Counter[str]()
        for entry in record.criteria:
            self._examined[entry.criterion] += entry.examined
        self._anchored: set[str] = set()

    def lines(self, entries: Iterable[Evidence], most: int) -> Iterator[Line]:
        """Yield a line for each entry, up to a limit for each criterion and outcome.

        A last line gives the number of further entries.
        """
        entries = list(entries)
        total = Counter((entry.criterion, entry.outcome) for entry in entries)
        criteria = set[str]()
        number = Counter[tuple[str, Outcome]]()
        for entry in entries:
            key = entry.criterion, entry.outcome
            number[key] += 1
            if number[key] <= most:
                yield self._line(entry, first=entry.criterion not in criteria)
            elif number[key] == most + 1:
                yield self._more(entry, total[key] - most)
            criteria.add(entry.criterion)

    def _line(self, entry: Evidence, *, first: bool) -> Line:
        anchor = "" if entry.criterion in self._anchored else anchor_of(entry.criterion)
        self._anchored.add(entry.criterion)
        todo = "" if entry.holds else entry.todo
        return Line(
            criterion=entry.criterion,
            anchor=anchor,
            stage=stage_of(entry.criterion, self._mode),
            sentence=sentence(entry.criterion) if first else "",
            examined=self._examined[entry.criterion] if first else 0,
            subject=entry.subject,
            expected=entry.expected,
            observed=entry.observed,
            todo=todo,
            outcome=entry.outcome,
            same=not todo and not entry.rows and entry.expected == entry.observed and len(entry.expected) >= _LONG_TEXT,
            rows=entry.rows,
        )

    def _more(self, entry: Evidence, number: int) -> Line:
        return Line(
            criterion=entry.criterion,
            anchor="",
            stage=stage_of(entry.criterion, self._mode),
            sentence="",
            examined=0,
            subject=f"and {number} more, {entry.outcome} as well: each is in evidence.json",
            expected="",
            observed="",
            todo="",
            outcome=entry.outcome,
        )

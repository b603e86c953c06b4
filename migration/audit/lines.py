"""Lines: the rows of the criteria table: failed first, then what nobody looked at, then what was shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.audit.answers import in_order, standings
from migration.audit.words import sentence, stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.audit.answers import Standing
    from migration.audit.evidence import Evidence, Record

_MOST_SHOWN = 60  # subjects of one criterion that hold; a plan of a thousand tables has thousands
_MOST_FAILED = 300  # subjects of one criterion that do not
_SAME = 40  # from this length on, what was observed as expected is not printed twice


@dataclass(frozen=True)
class Line:
    """One row of the criteria table.

    Attributes:
        anchor: Id that links of this page lead to; empty on all but the criterion's first row.
        sentence: Of the criterion; empty where the row before has said it.
        same: True when what was observed is what was expected, and too long to be printed twice.
    """

    criterion: str
    anchor: str
    stage: str
    sentence: str
    subject: str
    expected: str
    observed: str
    todo: str
    standing: Standing
    same: bool = False


def lines(record: Record) -> list[Line]:
    """Return a line for each piece of evidence and each criterion without any: failed first, then by stage."""
    return list(_Lines(record).all())


class _Lines:
    """Builds the lines of one record; knows which criterion it has named already."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._order = {criterion: place for place, criterion in enumerate(standings(record))}
        self._anchored: set[str] = set()

    def all(self) -> Iterable[Line]:
        record = self._record
        evidence = sorted(record.criteria, key=lambda one: (one.holds, self._order[one.criterion]))
        yield from self._seen([one for one in evidence if not one.holds], _MOST_FAILED)
        for criterion in in_order(record.not_shown, record.mode):
            yield self._line(criterion, "", "", self._why_not(criterion), "", "not shown", first=True)
        yield from self._seen([one for one in evidence if one.holds], _MOST_SHOWN)

    def _seen(self, some: list[Evidence], most: int) -> Iterable[Line]:
        total = Counter(one.criterion for one in some)
        said: Counter[str] = Counter()
        for one in some:
            said[one.criterion] += 1
            at = said[one.criterion]
            standing: Standing = "shown" if one.holds else "failed"
            if at <= most:
                todo = "" if one.holds else one.todo
                yield self._line(one.criterion, one.subject, one.expected, one.observed, todo, standing, first=at == 1)
            elif at == most + 1:
                more = f"and {total[one.criterion] - most} more, {standing} as well: each is in evidence.json"
                yield self._line(one.criterion, more, "", "", "", standing, first=False)

    def _line(
        self, criterion: str, subject: str, expected: str, observed: str, todo: str, standing: Standing, *, first: bool
    ) -> Line:
        anchor = "" if criterion in self._anchored else f"criterion-{self._order[criterion] + 1}"
        self._anchored.add(criterion)
        return Line(
            criterion=criterion,
            anchor=anchor,
            stage=stage_of(criterion, self._record.mode),
            sentence=sentence(criterion) if first else "",
            subject=subject,
            expected=expected,
            observed=observed,
            todo=todo,
            standing=standing,
            same=not todo and expected == observed and len(expected) >= _SAME,
        )

    def _why_not(self, criterion: str) -> str:
        """Say why there is no evidence: it cannot be had in this mode, or the run did not come so far."""
        if criterion in self._record.unanswerable:
            return self._record.unanswerable[criterion]
        stage = stage_of(criterion, self._record.mode)
        reasons = {one.id: one.reason for one in self._record.stages if one.outcome == "not run"}
        return f"nobody looked: {reasons[stage]}" if reasons.get(stage) else "nobody looked"

"""The record as static HTML: what stands above pytest-html's own table, and says everything without a script."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.audit.answers import answers, counts, in_order, standings
from migration.audit.words import (
    duration,
    elapsed,
    moment,
    sentence,
    shortened,
    size,
    stage_does,
    stage_of,
    tone,
    verdict_word,
)
from migration.plan.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Template

    from migration.audit.answers import Standing
    from migration.audit.evidence import DatabaseRecord, Evidence, Record, StageRecord

CSS = Path(__file__).with_name("page.css")

_TEMPLATE = "page.html.j2"
_OPEN_ROWS = 40  # a stage with more criteria than that starts folded
_LONG_TEXT = 600
_LONG_DIFF = 100_000
_CHANGE_FIELDS = (
    ("id", "Change"), ("reason", "Reason"), ("requested_by", "Requested by"), ("approved_by", "Approved by"),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One row of the criteria table.

    Attributes:
        anchor: Id that links of this page lead to; empty on all but the criterion's first row.
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


@dataclass(frozen=True)
class Bar:
    """A stage's time against its estimate, both in hundredths of the longer one; None without an estimate."""

    measured: float
    estimate: float


@dataclass(frozen=True)
class TableRows:
    """Rows of one table before and after; None where the table was not there."""

    name: str
    before: int | None
    after: int | None

    @property
    def difference(self) -> str:
        """What has changed: ``"+85 (new)"``, ``"-3"``, ``"0"``, or a dash when nothing is known of afterwards."""
        if self.after is None:
            return "—"
        if self.before is None:
            return f"+{self.after} (new)"
        return f"{self.after - self.before:+d}" if self.after != self.before else "0"


def page(record: Record) -> str:
    """Return the record as one ``<main>`` element, to be put into a page that has ``page.css``.

    Every text of the record is made printable and escaped; there is no script, no event handler, nothing remote.
    """
    return _template().render(_context(record))


def _context(record: Record) -> dict[str, Any]:
    """Say everything that the template shows; it decides nothing but where."""
    lines = _lines(record)
    shown = [line for line in lines if line.standing == "shown"]
    estimates = [stage.estimate for stage in record.stages if stage.estimate]
    answered = answers(record)
    return {
        "record": record,
        "word": verdict_word(record),
        "tone": tone(record),
        "counts": counts(record),
        "change": [(label, record.change.get(field, "")) for field, label in _CHANGE_FIELDS],
        "elapsed": elapsed(record),
        "estimate": sum(estimates) if estimates else None,
        "timeline": [(stage, stage_does(stage.id), _bar(stage)) for stage in record.stages],
        "answers": answered if any(answer.standing for answer in answered) else [],
        "anchors": {line.criterion: line.anchor for line in reversed(lines) if line.anchor},
        "failed": [line for line in lines if line.standing == "failed"],
        "urgent": [line for line in lines if line.standing != "shown"],
        "groups": [(stage, list(group)) for stage, group in groupby(shown, key=lambda line: line.stage)],
        "open_rows": _OPEN_ROWS,
        "databases": [(one, _tables(one)) for one in (*record.sources, record.target) if one],
        "diff": _diff(record.diff),
    }


def _lines(record: Record) -> list[Line]:
    """Return a line for each piece of evidence and each criterion without any: failed first, then by stage."""
    order = {criterion: place for place, criterion in enumerate(standings(record))}
    evidence = sorted(record.criteria, key=lambda one: (one.holds, order[one.criterion]))
    failed = [one for one in evidence if not one.holds]
    holding = [one for one in evidence if one.holds]
    anchored: set[str] = set()

    def anchor(criterion: str) -> str:
        if criterion in anchored:
            return ""
        anchored.add(criterion)
        return f"criterion-{order[criterion] + 1}"

    def seen(some: Iterable[Evidence]) -> list[Line]:
        return [_seen(one, anchor(one.criterion), stage_of(one.criterion, record.mode)) for one in some]

    missing = in_order(record.not_shown, record.mode)
    return [
        *seen(failed),
        *(_missing(one, anchor(one), stage_of(one, record.mode)) for one in missing),
        *seen(holding),
    ]


def _seen(evidence: Evidence, anchor: str, stage: str) -> Line:
    return Line(
        criterion=evidence.criterion,
        anchor=anchor,
        stage=stage,
        sentence=sentence(evidence.criterion),
        subject=evidence.subject,
        expected=evidence.expected,
        observed=evidence.observed,
        todo="" if evidence.holds else evidence.todo,
        standing="shown" if evidence.holds else "failed",
    )


def _missing(criterion: str, anchor: str, stage: str) -> Line:
    return Line(criterion, anchor, stage, sentence(criterion), "", "", "nobody looked", "", "not shown")


def _bar(stage: StageRecord) -> Bar | None:
    if not stage.estimate:
        return None
    longer = max(stage.seconds, stage.estimate)
    return Bar(round(100 * stage.seconds / longer, 1), round(100 * stage.estimate / longer, 1))


def _tables(database: DatabaseRecord) -> list[TableRows]:
    names = dict.fromkeys([*database.rows, *database.rows_after])
    return [TableRows(name, database.rows.get(name), database.rows_after.get(name)) for name in names]


def _diff(text: str) -> list[tuple[str, str]]:
    """Return the lines of a diff, each with its kind: ``added``, ``removed``, ``place`` or ``same``."""

    def kind(line: str) -> str:
        if line.startswith(("@@", "+++", "---")):
            return "place"
        return {"+": "added", "-": "removed"}.get(line[:1], "same")

    lines = shortened(text.rstrip("\n"), _LONG_DIFF, "code.diff").split("\n") if text else []
    return [(line, kind(line)) for line in lines]


def _shown(value: object) -> object:
    """Make a text printable on its way into the page; what a macro has rendered already passes as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        moment=moment,
        duration=duration,
        size=size,
        shortened=lambda text: shortened(text, _LONG_TEXT),
    )
    return environment.get_template(_TEMPLATE)

"""Compute when each stage ran and for how long, beside the plan's estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.report.formatting import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.run.run_log import StageRecord
    from sqlite_consolidate.report.evidence import Record

LabelSide = Literal["after", "before", "inside"]

WIDTH = 960
NAMES = 150  # where the names of the stages end
PANEL = 375  # width of each of the two time scales
MEASURED, ESTIMATED = 160, 570  # where they begin
ROW = 26
TOP = 48

_LABEL = PANEL * 0.28  # width that a label may need
_LEAST = 2.0  # a stage that took next to nothing still has a mark


@dataclass(frozen=True)
class Span:
    """Hold one stretch of a time scale and the time that it stands for.

    Attributes:
        label_side: Where there is room for the label, which is ``after``, ``before`` or ``inside`` the stretch.
    """

    x: float
    width: float
    label: str
    label_side: LabelSide


@dataclass(frozen=True)
class StageRow:
    """Hold one stage with its measured and its estimated time.

    Either is None if the stage did not run, or has no estimate.
    """

    id: str
    outcome: str
    y: float
    measured: Span | None
    estimate: Span | None


@dataclass(frozen=True)
class Timeline:
    """Hold the whole chart, with a row for each stage and the sums of both scales."""

    rows: tuple[StageRow, ...]
    height: float
    measured: str
    estimated: str
    description: str


def build_timeline(record: Record) -> Timeline | None:
    """Return the chart, or None if no stage ran or the record has one stage only."""
    seconds = [stage.seconds if stage.outcome != "not run" else 0.0 for stage in record.stages]
    if not sum(seconds) or len(seconds) == 1:
        return None
    estimates = [stage.estimate or 0.0 for stage in record.stages]
    measured, estimated = _spans(seconds, MEASURED), _spans(estimates, ESTIMATED)
    rows = tuple(
        _row(stage, TOP + ROW * index, measured[index], estimated[index]) for index, stage in enumerate(record.stages)
    )
    total, expected = duration(sum(seconds)), duration(sum(estimates)) if sum(estimates) else "no estimate"
    plan_text = f"The plan estimated {expected}." if sum(estimates) else "The plan has no estimate."
    longest = max(zip(seconds, record.stages, strict=True), key=lambda pair: pair[0])[1]
    return Timeline(
        rows,
        TOP + ROW * len(rows) + 8,
        total,
        expected,
        f"The stages took {total} in all. The longest was {longest.id}. {plan_text}",
    )


def _row(stage: StageRecord, y: float, measured: Span, estimate: Span) -> StageRow:
    ran = stage.outcome != "not run"
    return StageRow(stage.id, stage.outcome, y, measured if ran else None, estimate if stage.estimate else None)


def _spans(seconds: Sequence[float], start: float) -> list[Span]:
    """Return the stretches one after the other on a scale of their own.

    Minutes and hundredths of a second do not fit on a common scale.
    """
    scale = PANEL / (sum(seconds) or 1.0)
    spans, x = [], float(start)
    for duration_seconds in seconds:
        width = duration_seconds * scale
        place = round(min(x, start + PANEL - _LEAST), 1)
        spans.append(
            Span(place, round(max(_LEAST, width), 1), duration(duration_seconds), _label_side(place, width, start))
        )
        x += width
    return spans


def _label_side(x: float, width: float, start: float) -> LabelSide:
    """Return where the label of a stretch has room within its scale."""
    if x + width <= start + PANEL - _LABEL:
        return "after"
    return "before" if x >= start + _LABEL else "inside"

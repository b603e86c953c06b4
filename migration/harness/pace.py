"""Pace: in words, how far a part of a step has come, how fast it goes, and how long it will still take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.audit.words import duration, size

if TYPE_CHECKING:
    from migration.engine.limits import Progress

_BAR = 20


def pace(progress: Progress, seconds: float) -> str:
    """Return ``45 %, 9,000 of 20,000 rows, 3,000 rows/s, 4 s left``; less where less is known.

    Args:
        progress: What is under way.
        seconds: Since it began.
    """
    done, total = progress.done, progress.total
    if not done or seconds <= 0:
        return ""
    if done == total:
        return f"all {_amount(total, progress.unit)}"  # what is still done about them cannot be counted
    rate = done / seconds
    words = [f"{_amount(done, progress.unit)}{f' of {_amount(total, progress.unit)}' if total else ''}"]
    words.append(f"{_amount(round(rate), progress.unit)}/s")
    if total:
        words.insert(0, f"{done / total:.0%}".replace("%", " %"))
        words.append(f"{_whole((total - done) / rate)} left")
    return ", ".join(words)


def left(expected: float | None, seconds: float) -> str:
    """Return how long a stage will still take if it takes as long as at the rehearsal; empty when that is over."""
    if expected is None or seconds >= expected:
        return ""
    return f"{_whole(expected - seconds)} left of the stage, by the rehearsal"


def bar(progress: Progress) -> str:
    """Return a bar, or nothing where the end is not known."""
    if not progress.total:
        return ""
    full = _BAR * progress.done // progress.total
    return f"[{'#' * full}{'.' * (_BAR - full)}] "


def _amount(count: int, unit: str) -> str:
    return size(count) if unit == "bytes" else f"{count:,} {unit}"


def _whole(seconds: float) -> str:
    return duration(seconds) if seconds > 10 else f"{seconds:.0f} s"  # noqa: PLR2004 -- where duration leaves hundredths out

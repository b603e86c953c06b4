"""Format the values of a record for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import SMOKE, Criterion, criteria_in, criterion_named
from sqlite_consolidate.engine.run.stages import stage_named, stages_of
from sqlite_consolidate.report.file_names import EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.report.evidence import Attempt, Record

_ISO_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_SECONDS_COUNT = 60  # a minute, beyond which one second of error does not matter


def known_criterion(id: str) -> Criterion | None:
    """Return the criterion with an id, or None if this release does not know it."""
    try:
        return criterion_named(id)
    except KeyError:
        return None


def sentence(criterion: str) -> str:
    """Return the sentence of a criterion, or an empty text for an unknown id."""
    known = known_criterion(criterion)
    return known.sentence if known else ""


def stage_of(criterion: str, mode: Mode) -> str:
    """Return the id of the stage that judges a criterion, or an empty text."""
    runs_applications = [stage.id for stage in stages_of(mode) if stage.runs_applications]
    if criterion.startswith(SMOKE) and runs_applications:
        return runs_applications[0]
    known = known_criterion(criterion)
    return _stages(mode).get(criterion) or (known.stage.id if known else "")


def stage_does(stage: str) -> str:
    """Return what a stage does in half a sentence, or an empty text for an unknown id."""
    known = stage_named(stage)
    return known.does if known else ""


def moment(iso: str) -> str:
    """Return an ISO 8601 time as UTC for people, with date, time and zone.

    Any other text is returned unchanged.
    """
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def with_moments(text: str) -> str:
    """Return a text in which each ISO 8601 time is one for people."""
    return _ISO_TIME.sub(lambda match: moment(match[0]), text)


def elapsed(record: Record | Attempt) -> float | None:
    """Return the seconds from start to end of the run, or None while it goes on."""
    try:
        return (datetime.fromisoformat(record.finished) - datetime.fromisoformat(record.started)).total_seconds()
    except (ValueError, TypeError):  # TypeError: one of them names no offset
        return None


def time_taken(record: Record | Attempt) -> str:
    """Return the time of a run in words, or an empty text while it goes on.

    Start and end are whole seconds. Below a minute, their difference is therefore given as ``about 4 s``.
    """
    seconds = elapsed(record)
    return "" if seconds is None else rough_duration(seconds)


def rough_duration(seconds: float) -> str:
    """Return a difference of whole seconds, as in ``about 4 s``."""
    if seconds < _SECONDS_COUNT:
        return f"about {seconds:.0f} s" if seconds else "less than 1 s"
    return duration(seconds)


def duration(seconds: float | None) -> str:
    """Return seconds as ``0.42 s``, ``12 s``, ``5 min 3 s`` or ``1 h 35 min``.

    None gives an empty text.
    """
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004 -- below ten seconds hundredths are worth reading
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{value} {unit}" for value, unit in parts if value)


def count_of(number: int, noun: str = "row") -> str:
    """Return a number with a thousands separator and its noun, such as ``"12,000 rows"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(count: int | None) -> str:
    """Return a number of bytes as ``512 B``, ``400.0 KiB`` or ``1.5 GiB``.

    None, for a file that does not exist, gives an empty text.
    """
    if count is None:
        return ""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:  # noqa: PLR2004 -- the step between two units
            break
        value, unit = value / 1024, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def shortened(text: str, limit: int, whole: str = EVIDENCE) -> str:
    """Return at most ``limit`` characters of a text, and name the file that has the rest."""
    return shortened_lines([text], limit, whole)


def shortened_lines(lines: Iterable[str], limit: int, whole: str = EVIDENCE) -> str:
    """Return at most ``limit`` characters of all lines, and name the file that has the rest.

    The rest is only counted.
    """
    head: list[str] = []
    length = -1  # no newline follows the last line
    for line in lines:
        if length <= limit:
            head.append(line)
        length += len(line) + 1
    text = "\n".join(head)
    return text if length <= limit else f"{text[:limit]} … ({length - limit} more characters: see {whole})"


def last_characters(text: str, limit: int) -> str:
    """Return the last ``limit`` characters of an output, beginning at the start of a line.

    A line before them says how many characters are left out.
    """
    if len(text) <= limit:
        return text
    kept = text[-limit:].partition("\n")[2] or text[-limit:]
    return f"({len(text) - len(kept)} characters before are left out)\n{kept}"


def last_line(observed: str) -> str:
    """Return how a program ended, with the last line of its error output.

    Evidence has an output in one line, in which newlines are escaped.
    """
    state, _, output = observed.partition(": ")
    last = output.partition("; standard output: ")[0].rpartition("\\n")[2]
    return f"{state}: {last}" if last else observed


@cache
def _stages(mode: Mode) -> dict[str, str]:
    """Return the stage id of each criterion of a mode, by the criterion's id."""
    return {criterion: stage.id for stage in stages_of(mode) for criterion in criteria_in(stage)}

"""Make the values of rows from a number, the same every time."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Row: TypeAlias = dict[str, str | int | float | bytes | None]

_START = datetime(2025, 6, 2, 7, 30, 12, 480215, tzinfo=UTC)
_NAMESPACE = uuid.UUID("6f1c1f52-6f0c-4c0e-9d5e-2b6a55b1a0c4")

WORDS = (
    "scanner", "planner", "reviewer", "größenabgleich", "registry", "façade", "parser", "naïve cache",
    "データ同期", "exporter", "журнал", "layout", "résumé index", "dispatcher", "watcher 🧭",
)  # fmt: skip


def moment(number: int, minutes: int = 97) -> datetime:
    """Return the time ``number`` steps after the start of the sample's history, in UTC.

    A step has about ``minutes`` minutes.
    """
    return _START + timedelta(minutes=minutes * number, microseconds=104_729 * number)


def iso(number: int, minutes: int = 97) -> str:
    """Return ``moment`` in ISO 8601.

    Every third has ``Z`` and whole seconds, as other programs write it.
    """
    when = moment(number, minutes)
    return when.isoformat() if number % 3 else when.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(number: int, minutes: int = 97) -> float:
    """Return ``moment`` as seconds since 1970.

    Every fifth is a whole number, which is still a float.
    """
    seconds = moment(number, minutes).timestamp()
    return seconds if number % 5 else float(int(seconds))


def word(number: int) -> str:
    """Return the word for a number, in turn."""
    return WORDS[number % len(WORDS)]


def identity(kind: str, number: int) -> str:
    """Return the UUID of the ``number``-th ``kind``."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind} {number}"))


def as_json(value: object) -> str:
    """Return ``value`` as JSON text with non-ASCII characters, as the applications store it."""
    return json.dumps(value, ensure_ascii=False)


def paragraphs(number: int) -> str:
    """Return a text of several lines with quotes and a tab.

    Every fourth text has the line ends of another operating system.
    """
    text = (
        f"The {word(number)} and the {word(number + 4)} don't agree.\n\n"
        f'Steps:\n\t1. run the "{word(number + 1)}" twice\n\t2. compare — nothing may differ; 100 % match\n'
        f"Seen {number} times, last at {iso(number)}."
    )
    return text.replace("\n", "\r\n") if number % 4 == 0 else text

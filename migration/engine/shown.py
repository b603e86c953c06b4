"""Shown: a value of a row as a report shows it when values were asked for: short, and not if its column is a secret."""

from __future__ import annotations

import re
from typing import Any

from migration.engine.literals import literal
from migration.plan.printable import one_line

MASKED = "(masked)"
_LONGEST = 40  # characters of one value

# A guess by name, and on the safe side: a masked order_key costs a look into the database, a shown api_key a leak.
_SECRET = re.compile(
    r"passw|pwd|pass(?:phrase|code)|secret|token|credential|(?:^|_)(?:api|auth|pin|pan|cvv?|key|salt|hash|ssn|iban|otp)"
    r"(?:_|$)|key$|card|account|bearer|cookie|session|private|email|phone|birth|tax",
    re.IGNORECASE,
)


def shown(column: str, value: Any) -> str:
    """Return an SQL literal of at most 40 characters, or ``(masked)`` where the column's name sounds like a secret."""
    if _SECRET.search(column):
        return MASKED
    text = one_line(literal(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

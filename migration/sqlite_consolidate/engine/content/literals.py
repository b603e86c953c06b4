"""Write values as SQL literals that every SQLite since 3.35 reads as exactly these values."""

from __future__ import annotations

import math
import re
from typing import Any

from sqlite_consolidate.row_differences import MASKED
from sqlite_consolidate.text import one_line

_EXACT_MANTISSA = 1 << 53
_EXACT_EXPONENT = 22  # powers of ten up to this one are doubles themselves: one division or product reads a literal
_LONG_MANTISSA = 64  # bits, in which versions of SQLite before 3.43 compute on x86 before they round to 53
# Controls, which shells and line readers treat each in its own way; what surrogateescape made of invalid bytes; and the
# two code points that SQLite, on the way from UTF-8 into UTF-16, takes for invalid ones.
_UNSAFE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_STEP = 20  # 2.0**20 and its inverse have short exact decimal literals


def literal(value: Any, encoding: str = "UTF-8") -> str:
    """Return an SQL literal, or expression, that every SQLite since 3.35 reads as exactly this value and type.

    Args:
        value: None, int, float, str (bytes that are not UTF-8 as lone surrogates) or bytes.
        encoding: The database's encoding, as PRAGMA encoding gives it: a blob cast to text is read in that encoding.
    """
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _real_literal(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return text_literal(value, encoding)


def text_literal(value: str, encoding: str) -> str:
    """Return :func:`literal` of a text."""
    if value.isprintable() or not _UNSAFE.search(value):
        return "'" + value.replace("'", "''") + "'"
    raw = value.encode(encoding, "surrogateescape")
    return f"CAST(x'{raw.hex()}' AS TEXT)"


def _real_literal(value: float) -> str:
    if math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if value == 0:
        return "0.0" if math.copysign(1, value) > 0 else "(-1*0.0)"
    text = repr(value)
    digits, _, exponent = text.replace("-", "", 1).partition("e") if value < 0 else text.partition("e")
    fraction = len(digits.partition(".")[2])
    scale = int(exponent or 0) - fraction
    if _is_read_exactly(int(digits.replace(".", "")), scale):
        return text if exponent or "." in text else f"{text}.0"
    return _product_literal(value)


def _is_read_exactly(digits: int, scale: int) -> bool:
    """Whether every version of SQLite reads ``digits`` times ten to ``scale`` as the nearest double.

    It is one rounded step from exact numbers, so the only danger is to round twice, to 64 bits and then to 53: that
    goes wrong where the first result lies half-way between two doubles.
    """
    if digits >= _EXACT_MANTISSA or abs(scale) > _EXACT_EXPONENT:
        return False
    ten: int = 10 ** abs(scale)
    longer = digits * ten << _LONG_MANTISSA if scale >= 0 else (digits << 3 * _LONG_MANTISSA) // ten
    dropped = longer.bit_length() - 53
    from_half = abs((longer & ((1 << dropped) - 1)) - (1 << dropped - 1))
    return from_half > 1 << longer.bit_length() - _LONG_MANTISSA


def _product_literal(value: float) -> str:
    """Write a real as an odd integer times powers of two, each factor and each product exact."""
    mantissa, exponent = math.frexp(value)
    whole = int(mantissa * _EXACT_MANTISSA)
    exponent -= 53
    while whole % 2 == 0:
        whole //= 2
        exponent += 1
    factors = [f"{whole}.0"]
    while exponent:
        step = max(-_STEP, min(_STEP, exponent))
        factors.append(f"{2**step}.0" if step > 0 else f"{2.0**step:.20f}".rstrip("0"))
        exponent -= step
    return f"({'*'.join(factors)})"


_MAX_CHARACTERS = 40  # characters of one value


# A guess by name, and on the safe side: a masked order_key costs a look into the database, a shown api_key a leak.
_SECRET = re.compile(
    r"passw|pwd|pass(?:phrase|code)|secret|token|credential|(?:^|_)(?:api|auth|pin|pan|cvv?|key|salt|hash|ssn|iban|otp)"
    r"(?:_|$)|key$|card|account|bearer|cookie|session|private|email|phone|birth|tax",
    re.IGNORECASE,
)


def format_value(column: str, value: Any) -> str:
    """Return an SQL literal of at most 40 characters, or ``(masked)`` where the column's name sounds like a secret."""
    if _SECRET.search(column):
        return MASKED
    text = one_line(literal(value))
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"

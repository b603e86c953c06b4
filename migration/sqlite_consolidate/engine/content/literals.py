"""Write values as SQL literals that every SQLite since 3.35 reads as exactly these values."""

from __future__ import annotations

import math
import re
from typing import Any

from sqlite_consolidate.row_differences import MASKED
from sqlite_consolidate.secret_masking import mask_secrets
from sqlite_consolidate.text import one_line

_EXACT_MANTISSA = 1 << 53
_EXACT_EXPONENT = 22  # powers of ten up to this exponent are exact doubles, so SQLite needs one rounded step
_LONG_MANTISSA = 64  # bits of the first rounding in SQLite before 3.43 on x86
# Control characters, because shells and line readers treat them differently. Surrogates, because surrogateescape
# makes them from invalid bytes. U+FFFE and U+FFFF, because SQLite replaces them when it converts UTF-8 to UTF-16.
_UNSAFE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_STEP = 20  # 2.0**20 and its inverse have short exact decimal literals


def literal(value: Any, encoding: str = "UTF-8") -> str:
    """Return an SQL literal or expression for a value.

    Every SQLite since 3.35 reads it as exactly this value and type.

    Args:
        value: None, int, float, str or bytes. Bytes of a text that are not UTF-8 are lone surrogates of the str.
        encoding: Encoding of the database, as PRAGMA encoding returns it. SQLite reads a blob that is cast to text in
            this encoding.
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
    """Return an SQL literal or expression for a text, as ``literal`` does."""
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
    """Return whether every SQLite reads a decimal number as the nearest double.

    The number is ``digits`` times ten to ``scale``.

    SQLite computes it from two exact numbers in one rounded step. Some versions round twice, first to 64 bits and then
    to 53. The result is wrong only where the first rounding yields a number half-way between two doubles.
    """
    if digits >= _EXACT_MANTISSA or abs(scale) > _EXACT_EXPONENT:
        return False
    ten: int = 10 ** abs(scale)
    longer = digits * ten << _LONG_MANTISSA if scale >= 0 else (digits << 3 * _LONG_MANTISSA) // ten
    dropped = longer.bit_length() - 53
    from_half = abs((longer & ((1 << dropped) - 1)) - (1 << dropped - 1))
    return from_half > 1 << longer.bit_length() - _LONG_MANTISSA


def _product_literal(value: float) -> str:
    """Return a product of an odd integer and powers of two as the literal of a real.

    Each factor and each partial product is exact.
    """
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
_READ_CHARACTERS = 1000  # characters of one value in which secrets are looked for


# A guess by name. It masks too much rather than too little: a masked order_key costs a query, a printed api_key leaks.
_SECRET = re.compile(
    r"passw|pwd|pass(?:phrase|code)|secret|token|credential|(?:^|_)(?:api|auth|pin|pan|cvv?|key|salt|hash|ssn|iban|otp)"
    r"(?:_|$)|key$|card|account|bearer|cookie|session|private|email|phone|birth|tax",
    re.IGNORECASE,
)


def format_value(column: str, value: Any) -> str:
    """Return an SQL literal of at most 40 characters for a report.

    A column whose name sounds like a secret gets ``(masked)`` instead. A secret within another value is masked.
    """
    if _SECRET.search(column):
        return MASKED
    text = one_line(mask_secrets(literal(value)[:_READ_CHARACTERS]))
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"

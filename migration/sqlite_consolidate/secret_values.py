"""Find the secrets that a masked text lacks, so that they can be replaced wherever they occur."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.secret_masking import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST = 1000  # each of them is searched in each text
# Only such a value is replaced wherever it occurs. A word could be one of a sentence of the report.
_UNMISTAKABLE = re.compile(r"(?=.*[^A-Za-z\s]|.*[a-z][A-Z]).{6,}", re.DOTALL)
PATTERN_OF_MASK = re.escape(MASK)
"""What a regular expression has in place of a secret."""


def is_unmistakable(value: str) -> bool:
    """Return whether a value that occurs in a text is a secret there, and no word."""
    return _UNMISTAKABLE.fullmatch(value) is not None


def removed_values(text: str, masked: str) -> Iterator[str]:
    """Yield what a masked text has ``***`` in place of."""
    first, *others = masked.replace(PATTERN_OF_MASK, MASK).split(MASK)
    start = len(first)
    if not others or not text.startswith(first) or not text.endswith(others[-1]):
        return
    for number, following in enumerate(others, 1):
        is_last = number == len(others)
        end = len(text) - len(following) if is_last else text.find(following, start + 1)
        if end <= start:
            return
        yield text[start:end]
        start = end + len(following)


def replaceable_values(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values that no other text has by chance, longest first."""
    return tuple(sorted(set(filter(is_unmistakable, values)), key=_longest_first)[:_MOST])


def _longest_first(value: str) -> tuple[int, str]:
    return -len(value), value

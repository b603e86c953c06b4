"""Write text for people: printable, in one line, with its id, and numbers with their nouns."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Line and paragraph separators end a line in some viewers; categories below are controls, format characters (bidi
# overrides among them), surrogates, private use and unassigned code points.
_SHOWN_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


def printable(text: str) -> str:
    r"""Return ``text`` with every character that could steer a terminal written as an escape.

    Newlines stay: callers build messages of several lines. C0 and C1 controls, DEL, bidi overrides, line separators
    and lone surrogates come out as ``\x1b``, ``\u202e`` and the like, so that a table name cannot clear the screen,
    hide a word or forge a line.
    """
    if text.isascii() and (text.isprintable() or text.replace("\n", " ").isprintable()):
        return text
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in _SHOWN_ESCAPED else _escaped(char) for char in text
    )


def escaped(text: str) -> str:
    r"""Return :func:`printable` text from which :func:`unescaped` gives the text again.

    A backslash of the text itself that looks like the beginning of an escape comes out as ``\x5c``.
    """
    return printable(_ESCAPE.sub(lambda match: f"\\x5c{match[0][1:]}", text))


def unescaped(text: str) -> str:
    """Return the text that :func:`escaped` was given."""
    return _ESCAPE.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), text)


def one_line(text: str) -> str:
    r"""Return :func:`printable` text with newlines escaped too (``\n``)."""
    return printable(text).replace("\n", "\\n")


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii") if not char.isascii() else f"\\x{ord(char):02x}"


_NAMED = 3


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 row``, ``3 rows``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def list_names(names: Sequence[str], most: int = _NAMED) -> str:
    """Return the first names and how many more there are: ``a, b, c and 17 more``."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def join_names(names: Sequence[str]) -> str:
    """Return all names in words: ``a``, ``a and b``, ``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def with_message_id(*parts: str, id: str) -> str:
    """Return the parts that are not empty as one text that ends with the id: ``is locked. Stop it. [in-use]``."""
    return " ".join([*filter(None, parts), f"[{id}]"])

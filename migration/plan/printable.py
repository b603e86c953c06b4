"""One answer: how any text is shown in a terminal or a log without being obeyed by it."""

from __future__ import annotations

import unicodedata

# Line and paragraph separators end a line in some viewers; categories below are controls, format characters (bidi
# overrides among them), surrogates, private use and unassigned code points.
_SHOWN_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


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


def one_line(text: str) -> str:
    r"""Return :func:`printable` text with newlines escaped too (``\n``)."""
    return printable(text).replace("\n", "\\n")


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii") if not char.isascii() else f"\\x{ord(char):02x}"

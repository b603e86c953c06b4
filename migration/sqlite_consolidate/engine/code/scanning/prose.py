"""Tell comments and sentences from what a program uses."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HASH = frozenset(
    {".sh", ".bash", ".zsh", ".ksh", ".yaml", ".yml", ".toml", ".cfg", ".conf", ".ini", ".properties", ".env"}
)
_HASH_NAMES = (".env", "dockerfile", "containerfile", "makefile")
_SHEBANG = re.compile(r"#!.*\b(?:(?:ba|z|k|da)?sh|python[\d.]*|perl|ruby)\b")
_COMMENT_BY_HASH = re.compile(r"(?:^|(?<=\s))#(?!!)")
_QUOTES = "\"'`"

_PUNCTUATION = ".,;:!?()"
_WORD = re.compile(r"[^\W\d_]{2,}")
_OF_A_COMMAND = re.compile(r"(?:^|\s)-|[=|<>&$]")
_STATEMENTS = "alter|attach|begin|create|delete|detach|drop|explain|insert|pragma|reindex|replace|select|update|vacuum"
_PROGRAMS = (
    "cat|cp|dd|docker|env|exec|gzip|install|ln|ls|mv|python3?|rm|rsync|scp|sh|sqlite3|sudo|tar|test|touch|unzip|zip"
)
_IS_STATEMENT_OR_COMMAND = re.compile(rf"\s*(?:(?i:{_STATEMENTS})|{_PROGRAMS})(?!\S)")


def is_sentence(text: str, name: str) -> bool:
    """Return whether a text is for people, so that a name in it opens no file.

    The name is a word with space around it, beside two other words. The text is no statement of SQL and no command.

    Args:
        text: A whole string of a program.
        name: A file name in it.
    """
    parts = text.split()
    around = [part.strip(_PUNCTUATION) for part in parts if name in part]
    if not around or set(around) != {name} or _OF_A_COMMAND.search(text) or _IS_STATEMENT_OR_COMMAND.match(text):
        return False
    return sum(bool(_WORD.fullmatch(part.strip(_PUNCTUATION))) for part in parts) > 1


def comment_finder(file: str, text: str = "") -> Callable[[str], int]:
    """Return a function that tells where the comment of a line of a file begins.

    It returns the length of a line without a comment. In languages that are not known no line has a comment.

    Args:
        file: Path of the file.
        text: Its text, whose first line tells a script without a suffix.
    """
    path = PurePosixPath(file)
    is_named = path.suffix.lower() in _HASH or path.name.lower().startswith(_HASH_NAMES)
    if is_named or (not path.suffix and _SHEBANG.match(text)):
        return lambda line: _first_outside_quotes(_COMMENT_BY_HASH, line)
    return len


def _first_outside_quotes(mark: re.Pattern[str], line: str) -> int:
    """Return the offset of the first match before which every quote is closed."""
    for match in mark.finditer(line):
        if not any(line.count(quote, 0, match.start()) % 2 for quote in _QUOTES):
            return match.start()
    return len(line)

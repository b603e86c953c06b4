"""Tell comments and sentences from what a program uses."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HASH = frozenset(
    {".sh", ".bash", ".zsh", ".ksh", ".yaml", ".yml", ".toml", ".cfg", ".conf", ".ini", ".properties", ".env"}
)
_UNITS = frozenset({".service", ".socket", ".timer", ".mount", ".path", ".target", ".container", ".volume"})
_LINE_MARKS = {
    **dict.fromkeys((".ini", ".cfg", ".conf"), ";"),
    **dict.fromkeys(_UNITS, "#;"),
    ".properties": "!",
}
"""Signs that make a whole line a comment, beside the number sign that can follow a value."""

_HTML_CODE = re.compile(
    r"<!--(?P<comment>.*?)(?:-->|\Z)|<(?P<block>script|style)\b.*?(?:</(?P=block)\s*>|\Z)|<\?.*?(?:\?>|\Z)|<%.*?(?:%>|\Z)"
    r"|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)|<[/!a-zA-Z](?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^>\"'])*(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
"""What is no text of a page. What has no end goes on to the end of the page, so that a page is read once."""
_JSON_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"")
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
    marks = _LINE_MARKS.get(path.suffix.lower(), "")
    is_named = path.suffix.lower() in _HASH or path.name.lower().startswith(_HASH_NAMES)
    if is_named or (not path.suffix and _SHEBANG.match(text)):
        return lambda line: 0 if _is_marked(line, marks) else _first_outside_quotes(_COMMENT_BY_HASH, line)
    return lambda line: 0 if _is_marked(line, marks) else len(line)


def text_finder(file: str, text: str) -> Callable[[int], bool]:
    """Return a function that tells whether an offset of a file is in its text for people.

    That is the text and the comments of a page of HTML, and a cell of a notebook that is no code.
    """
    suffix = PurePosixPath(file).suffix.lower()
    if suffix in {".html", ".htm"}:
        codes = [match.span() for match in _HTML_CODE.finditer(text) if match["comment"] is None]
        return lambda offset: not any(start <= offset < end for start, end in codes)
    if suffix == ".ipynb":
        spans = [match.span() for match in _JSON_STRING.finditer(text)] if (words := _cells_for_people(text)) else []
        cell_spans = [(start, end) for start, end in spans if text[start:end] in words]
        return lambda offset: any(start <= offset < end for start, end in cell_spans)
    return lambda _offset: False


def _cells_for_people(text: str) -> set[str]:
    """Return the strings of a notebook that only cells without code contain, as JSON has them."""
    try:
        cells = json.loads(text)["cells"]
        strings: dict[bool, set[str]] = {True: set(), False: set()}
        for cell in cells:
            source = cell["source"]
            strings[cell["cell_type"] == "code"].update([source] if isinstance(source, str) else source)
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {
        json.dumps(string, ensure_ascii=is_ascii)
        for string in strings[False] - strings[True]
        for is_ascii in (True, False)
    }


def _is_marked(line: str, marks: str) -> bool:
    start = line.lstrip()[:1]
    return bool(start) and start in marks


def _first_outside_quotes(mark: re.Pattern[str], line: str) -> int:
    """Return the offset of the first match before which every quote is closed."""
    for match in mark.finditer(line):
        if not any(line.count(quote, 0, match.start()) % 2 for quote in _QUOTES):
            return match.start()
    return len(line)

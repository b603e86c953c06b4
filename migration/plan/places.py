"""Where in TOML text a key path stands: tomllib checks the text but keeps no positions."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from migration.plan.mistake import Loc

_TOKEN = re.compile(
    r'''(?P<string>"""(?:\\[\s\S]|[^\\])*?"{3,5}|\'{3}[\s\S]*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')'''
    r"""|(?P<comment>\#[^\n]*)|(?P<mark>[\n\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.\#"']+)"""
)


def line_of(text: str, loc: Loc) -> int | None:
    """Find the line of a key path, or of the nearest thing around it that is there.

    Args:
        text: Valid TOML; what tomllib refuses has no key paths.
        loc: Such as ``("source", 1, "table", 0, "on_conflict")``; indexes count from 0.

    Returns:
        The line, counted from 1; None when not even the first step of the path is in the text.
    """
    lines = _lines(text)
    while loc and loc not in lines:
        loc = loc[:-1]
    return lines.get(loc)


@lru_cache(maxsize=1)  # every mistake of one plan asks about the same text
def _lines(text: str) -> dict[Loc, int]:
    return _Reader(text).read()


class _Token(NamedTuple):
    text: str
    line: int


class _Reader:
    """Walks through valid TOML once and notes the first line of every key path."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._lines: dict[Loc, int] = {}
        self._lengths: dict[Loc, int] = {}  # of each array of tables, so far

    def read(self) -> dict[Loc, int]:
        """Return the line of every key path in the text."""
        part: Loc = ()
        while (token := self._next_filled()).text:
            if token.text == "[":
                part = self._header()
            else:
                self._pair(part)
        return self._lines

    def _header(self) -> Loc:
        line = self._take().line
        several = self._peek().text == "["
        if several:
            self._take()
        *parents, last = self._keys("]")
        if several:
            self._take()
        loc = self._noted((), parents, line)
        if not several:
            return self._noted(loc, [last], line)
        loc = (*loc, last)
        index = self._lengths.get(loc, 0)
        self._lengths[loc] = index + 1
        self._lines.setdefault(loc, line)
        self._lines[*loc, index] = line
        return (*loc, index)

    def _pair(self, part: Loc) -> None:
        line = self._peek().line
        self._value(self._noted(part, self._keys("="), line))

    def _value(self, loc: Loc) -> None:
        if self._peek().text == "[":
            self._list(loc)
        elif self._peek().text == "{":
            self._inline(loc)
        else:  # one token, or several: 1.5, 1979-05-27 07:32:00
            while self._peek().text not in ("\n", ",", "]", "}", ""):
                self._take()

    def _list(self, loc: Loc) -> None:
        self._take()
        index = 0
        while (token := self._next_filled()).text != "]":
            if token.text == ",":
                self._take()
                continue
            self._lines[*loc, index] = token.line
            self._value((*loc, index))
            index += 1
        self._take()

    def _inline(self, loc: Loc) -> None:
        self._take()
        while (token := self._next_filled()).text != "}":
            if token.text == ",":
                self._take()
            else:
                self._pair(loc)
        self._take()

    def _keys(self, end: str) -> list[str]:
        """Take a dotted key and the mark that ends it."""
        keys = []
        while (token := self._take()).text != end:
            if token.text != ".":
                keys.append(_unquoted(token.text))
        return keys

    def _noted(self, loc: Loc, keys: list[str], line: int) -> Loc:
        """Go down ``keys``, into the last element where one is an array of tables, and note the line of each."""
        for key in keys:
            loc = (*loc, key)
            self._lines.setdefault(loc, line)
            if loc in self._lengths:
                loc = (*loc, self._lengths[loc] - 1)
        return loc

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _next_filled(self) -> _Token:
        while self._peek().text == "\n":
            self._take()
        return self._peek()


def _tokens(text: str) -> list[_Token]:
    """Cut the text into tokens without spaces and comments; an empty one ends it."""
    tokens = []
    line, counted = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        if found.lastgroup != "comment":
            tokens.append(_Token(found.group(), line))
    return [*tokens, _Token("", line)]


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] in "\"'" else key

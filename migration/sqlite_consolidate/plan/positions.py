"""Find the position of a key path in TOML text.

The parser tomllib checks the text but keeps no positions.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlite_consolidate.problem import Loc


class Position(NamedTuple):
    """Hold a line and a column as editors show them.

    Both count from 1, columns in characters.
    """

    line: int
    column: int


TOKEN = re.compile(
    r'''(?P<string>"""(?:\\[\s\S]|[^\\])*?"{3,5}|\'{3}[\s\S]*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')'''
    r"""|(?P<comment>\#[^\n]*)|(?P<mark>[\n\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.\#"']+)"""
)


DECISION_MARK = "# decide: "
"""Begin of a comment by which an inventory marks what a person has to decide."""


def decision_lines(text: str) -> list[int]:
    """Return the line of each comment that marks a decision."""
    comments = (token for token in TOKEN.finditer(text) if token["comment"])
    return [text.count("\n", 0, comment.start()) + 1 for comment in comments if comment[0].startswith(DECISION_MARK)]


def find_line(text: str, loc: Loc) -> int | None:
    """Return the line of a key path, or of its nearest enclosing part in the text.

    Args:
        text: Valid TOML, because other text has no key paths.
        loc: Such as ``("source", 1, "table", 0, "on_conflict")``. Indexes count from 0.

    Returns:
        The line, counted from 1, or None if not even the first step of the path is in the text.
    """
    place = find_position(text, loc)
    return place.line if place else None


def find_position(text: str, loc: Loc) -> Position | None:
    """Return the position of a key path or of its nearest enclosing part."""
    places = _places(text)
    while loc and loc not in places:
        loc = loc[:-1]
    return places.get(loc)


@lru_cache(maxsize=1)  # every mistake of a file searches the same text
def _places(text: str) -> dict[Loc, Position]:
    return _Reader(text).read()


class _Token(NamedTuple):
    text: str
    place: Position


class _Reader:
    """Read valid TOML once, and record the first position of every key path."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._places: dict[Loc, Position] = {}
        self._lengths: dict[Loc, int] = {}  # of each array of tables, so far

    def read(self) -> dict[Loc, Position]:
        """Return the position of every key path in the text."""
        part: Loc = ()
        while (token := self._next_filled()).text:
            if token.text == "[":
                part = self._header()
            else:
                self._pair(part)
        return self._places

    def _header(self) -> Loc:
        place = self._take().place
        several = self._peek().text == "["
        if several:
            self._take()
        *parents, last = self._keys("]")
        if several:
            self._take()
        loc = self._noted((), parents, place)
        if not several:
            return self._noted(loc, [last], place)
        loc = (*loc, last)
        index = self._lengths.get(loc, 0)
        self._lengths[loc] = index + 1
        self._places.setdefault(loc, place)
        self._places[*loc, index] = place
        return (*loc, index)

    def _pair(self, part: Loc) -> None:
        place = self._peek().place
        self._value(self._noted(part, self._keys("="), place))

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
            self._places[*loc, index] = token.place
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

    def _noted(self, loc: Loc, keys: list[str], place: Position) -> Loc:
        """Follow ``keys`` from ``loc``, and record the position of each.

        The path enters the last element of an array of tables.
        """
        for key in keys:
            loc = (*loc, key)
            self._places.setdefault(loc, place)
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
    """Split the text into tokens, without spaces and comments.

    The last token is empty.
    """
    tokens = []
    line, last_newline, counted = 1, -1, 0
    for match in TOKEN.finditer(text):
        start = match.start()
        line += text.count("\n", counted, start)
        last_newline = max(last_newline, text.rfind("\n", counted, start))
        counted = start
        if match.lastgroup != "comment":
            tokens.append(_Token(match.group(), Position(line, start - last_newline)))
    return [*tokens, _Token("", Position(line, 1))]


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] in "\"'" else key

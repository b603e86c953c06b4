"""Find comparisons of a column with a literal number in a statement.

The tokens of the statement are read. A number belongs to what stands on the other side of its operator, or to what the
list or the function call is about in which it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.statements import words_of

if TYPE_CHECKING:
    from collections.abc import Collection

_NUMBER = re.compile(r"(?!0+$|0x0+$)(0x[0-9a-f]+|\d+)")
_OPERATORS = frozenset("= < > ! + - * / % is not between".split())  # noqa: SIM905
_OF_NO_ROW = frozenset(("limit", "offset", "then", "else", "raise"))


def compares_with_number(sql: str, names: Collection[str]) -> bool:
    """Return whether a statement compares one of several columns with a number above 0.

    Args:
        sql: The statement.
        names: Folded names of the columns.
    """
    words = words_of(sql)
    return any(_NUMBER.fullmatch(word) and _belongs_to(words, at, names) for at, word in enumerate(words))


def _belongs_to(words: list[str], at: int, names: Collection[str]) -> bool:
    """Return whether a number belongs to one of the columns."""
    before = at - 1
    if words[before] in _OF_NO_ROW or "." in words[before : at + 2] or _is_negative(words, at):
        return False
    while before > 0 and words[before] in _OPERATORS:
        before -= 1
    if before < at - 1 and _names_one(words, before, -1, names):
        return True
    after = at + 1
    while after < len(words) and words[after] in ("=", "<", ">", "!", "+", "-", "*"):
        after += 1
    if at + 1 < after < len(words) and _names_one(words, after, 1, names):
        return True
    return _is_listed(words, at, names)


def _names_one(words: list[str], at: int, step: int, names: Collection[str]) -> bool:
    """Return whether an operand, which may be in parentheses, has one of the columns."""
    if words[at] in ("(", ")"):
        end = _partner(words, at, step)
        return words[min(at, end) - 1] != "count" and any(word in names for word in words[min(at, end) : max(at, end)])
    if step > 0 and at + 2 < len(words) and words[at + 1] == ".":
        at += 2
    return words[at] in names


def _is_listed(words: list[str], at: int, names: Collection[str]) -> bool:
    """Return whether a number stands in a list or a row value that belongs to a column."""
    start = _opening(words, at)
    before = start - 1
    if before > 0 and words[before] == "values":
        return _is_inserted(words, at, start, names)
    if before > 1 and words[before] == "cast":
        before -= 1
    if before < 1 or words[start + 1] == "select" or words[before] not in ("in", "=", "<", ">"):
        return False
    while before > 0 and words[before] in ("in", "not", "=", "<", ">", "!"):
        before -= 1
    return _names_one(words, before, -1, names)


def _is_inserted(words: list[str], at: int, start: int, names: Collection[str]) -> bool:
    """Return whether a number is inserted into a column, or stands in a table of literals."""
    if words[start - 2] != ")":
        return words[start - 2] == "("
    columns = [word for word in words[_partner(words, start - 2, -1) + 1 : start - 2] if word != ","]
    place = words[start:at].count(",")
    return place < len(columns) and columns[place] in names


def _is_negative(words: list[str], at: int) -> bool:
    """Return whether a number has a sign, and no operand before it."""
    return words[at - 1] == "-" and words[at - 2] in _OPERATORS | {"(", ",", "in", "then", "default"}


def _opening(words: list[str], at: int) -> int:
    """Return the place of the parenthesis in which a word stands, or -1."""
    depth = 0
    for place in range(at - 1, -1, -1):
        depth += (words[place] == ")") - (words[place] == "(")
        if depth < 0:
            return place
    return -1


def _partner(words: list[str], at: int, step: int) -> int:
    """Return the place of the parenthesis that belongs to another one."""
    depth, place = 0, at
    while 0 <= place < len(words):
        depth += (words[place] == "(") - (words[place] == ")")
        if depth == 0:
            return place
        place += step
    return at

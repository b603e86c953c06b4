"""Read the tokens of SQL by which columns are compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN, without_quotes
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[^\W\d]\w*")
_FIRST_OF = frozenset({"cast", "coalesce", "ifnull"})
_MOST_OF_A_FUNCTION = 12
_PLACE = re.compile(r"[?{$]|%[sd(]")
"""What stands for a value in a text."""


class SqlToken(NamedTuple):
    """Hold a token, folded.

    Attributes:
        word: The token if it is not in quotes, or else an empty text.
        name: The name that it may be, without quotes, or an empty text.
    """

    word: str
    name: str
    line: int


END_OF_STATEMENT = SqlToken("", "", 0)


def statement_tokens(sql: str) -> Iterator[list[SqlToken]]:
    """Yield the tokens of each statement of a text, without comments."""
    statement: list[SqlToken] = []
    line = 0
    for token in TOKEN.finditer(sql):
        word = folded(token["word"] or "")
        if word == ";":
            yield _without_functions(statement)
            statement = []
        elif not token["gap"]:
            word = word or "?" * bool(token["text"] and _PLACE.search(token["text"]))
            name = without_quotes(token["name"]) if token["name"] else word if _NAME.fullmatch(word) else ""
            statement.append(SqlToken(word, folded(name), line))
        line += token[0].count("\n")
    yield _without_functions(statement)


def _without_functions(tokens: list[SqlToken]) -> list[SqlToken]:
    """Return a statement with a column in place of ``CAST`` or ``COALESCE`` around it."""
    kept: list[SqlToken] = []
    at = 0
    while at < len(tokens):
        column, after = _column_within(tokens, at) if tokens[at].word in _FIRST_OF else ([], 0)
        kept += column or tokens[at : at + 1]
        at = after if column else at + 1
    return kept


def _column_within(tokens: list[SqlToken], at: int) -> tuple[list[SqlToken], int]:
    """Return the column that a function takes first, and what follows the function.

    The column is empty if there is none.
    """
    words = [token.word for token in tokens[at : at + _MOST_OF_A_FUNCTION]]
    column = tokens[at + 2 : at + (5 if words[3:4] == ["."] else 3)]
    after = words[2 + len(column) : 3 + len(column)]
    if words[1:2] != ["("] or not all(token.name for token in column[::2]) or after not in ([","], ["as"]):
        return [], 0
    end = words.index(")") if ")" in words and "(" not in words[2 : words.index(")")] else 0
    return (column if end else []), at + end + 1

"""Read which columns a statement of SQL compares with each other.

The reading needs no schema, and takes what it does not know for no comparison.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN, without_quotes
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAY_COMPARE = re.compile(r"""(?:join|where|update)[\s\\"'`\[]""")
_NAME = re.compile(r"[^\W\d]\w*")
_QUERY = frozenset({"select", "with", "values"})
_JOINS = frozenset({"union", "except", "intersect"})
_AFTER_FROM = frozenset(
    {"where", "group", "having", "order", "limit", "window", "returning", "set", "select", "values", *_JOINS}
)
_NO_ALIAS = _AFTER_FROM | frozenset(
    {"on", "using", "join", "left", "right", "full", "inner", "outer", "cross", "natural", "indexed", "not"}
)
_BEFORE_A_VALUE = frozenset({"(", ","})
_AFTER_A_VALUE = frozenset({")", ","})


@dataclass(eq=False)
class QueryScope:
    """Hold the tables whose columns one query, UPDATE or DELETE can name.

    Attributes:
        outer: The query around it.
        tables: The folded alias and name of each table. The name is empty for anything else, such as a subquery.
    """

    outer: QueryScope | None = None
    tables: list[tuple[str, str]] = field(default_factory=list)


class ColumnName(NamedTuple):
    """Hold a column as a statement names it, folded.

    Attributes:
        alias: Name or alias of its table. Empty if the statement states none.
    """

    alias: str
    column: str
    scope: QueryScope


class Comparison(NamedTuple):
    """Hold two columns that a statement compares.

    Attributes:
        tables: Folded names of all tables that the statement reads or updates.
        conditions: Folded names of the columns that it compares with values.
        line: The line of the statement, from 0.
    """

    left: ColumnName
    right: ColumnName
    tables: frozenset[str]
    conditions: frozenset[str]
    line: int


class _Token(NamedTuple):
    """Hold a token, folded.

    Attributes:
        word: The token if it is not in quotes, or else an empty text.
        name: The name that it may be, without quotes, or an empty text.
    """

    word: str
    name: str
    line: int


class _Frame(NamedTuple):
    """Hold the state outside of one open parenthesis.

    Attributes:
        in_from: Whether a comma separates tables.
        takes_table: Whether a table comes next.
    """

    scope: QueryScope
    in_from: bool
    takes_table: bool


_END = _Token("", "", 0)
_MOST_TABLES = 64  # as many can SQLite join
_MOST_TOKENS = 200  # of the columns that WITH names


def may_compare(text: str) -> bool:
    """Return whether a text, such as a program, may have a statement that compares columns.

    Such a statement has JOIN or WHERE, or is an UPDATE. Most programs are not parsed for this reason.
    """
    return _MAY_COMPARE.search(text.lower()) is not None


def comparisons_in(sql: str) -> Iterator[Comparison]:
    """Yield each pair of columns that a text of SQL compares.

    It compares them by ``=``, ``IS``, ``IN (SELECT ...)`` or ``USING``.
    """
    if may_compare(sql):
        for statement in _statements(sql):
            yield from _StatementReader(statement).read()


def _statements(sql: str) -> Iterator[list[_Token]]:
    statement: list[_Token] = []
    line = 0
    for token in TOKEN.finditer(sql):
        word = folded(token["word"] or "")
        if word == ";":
            yield statement
            statement = []
        elif not token["gap"]:
            name = without_quotes(token["name"]) if token["name"] else word if _NAME.fullmatch(word) else ""
            statement.append(_Token(word, folded(name), line))
        line += token[0].count("\n")
    yield statement


class _StatementReader:
    """Read one statement from left to right, each token once."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        """Take the tokens."""
        self._tokens = tokens
        self._scope = QueryScope()
        self._in_from = self._takes_table = False
        self._frames: list[_Frame] = []
        self._named: set[str] = set()
        self._conditions: set[str] = set()
        self._pairs: list[tuple[ColumnName, ColumnName, int]] = []
        self._compared_queries: dict[int, ColumnName] = {}
        self._with = {self._name_before(at) for at in range(len(tokens)) if self._is_query_at(at)} - {""}

    def read(self) -> Iterator[Comparison]:
        """Yield each pair of compared columns."""
        at = 0
        while at < len(self._tokens):
            at = self._read_at(at)
        tables, conditions = frozenset(self._named), frozenset(self._conditions)
        return (Comparison(left, right, tables, conditions, line) for left, right, line in self._pairs)

    def _token(self, at: int) -> _Token:
        return self._tokens[at] if 0 <= at < len(self._tokens) else _END

    def _word(self, at: int) -> str:
        return self._token(at).word

    def _is_query_at(self, at: int) -> bool:
        return self._word(at) == "(" and self._word(at + 1) in _QUERY

    def _name_before(self, at: int) -> str:
        """Return the name that WITH gives to the query in a parenthesis, or an empty text."""
        at -= 1
        while self._word(at) in ("materialized", "not"):
            at -= 1
        if self._word(at) != "as":
            return ""
        at -= 1
        if self._word(at) == ")":
            starts = range(at, max(at - _MOST_TOKENS, 0), -1)
            at = next((start for start in starts if self._word(start) == "("), 0) - 1
        return self._token(at).name

    def _read_at(self, at: int) -> int:
        """Read what begins at a token, and return the number of the next token."""
        word = self._word(at)
        if word == "(":
            self._open(at)
        elif word == ")" and self._frames:
            self._close(at)
        elif word in ("from", "join"):
            is_comparison = word == "from" and self._word(at - 1) == "distinct" and self._word(at - 2) in ("is", "not")
            self._takes_table = not is_comparison
            self._in_from = self._in_from or self._takes_table
        elif word == "update" and self._word(at - 1) in ("", ")", "begin"):
            self._takes_table = True
            return at + 1 + 2 * (self._word(at + 1) == "or")
        elif word == "," and self._in_from:
            self._takes_table = True
        elif self._takes_table:
            return self._read_table(at)
        elif word in _AFTER_FROM:
            self._in_from = self._takes_table = False
            if word in _JOINS:
                self._scope = QueryScope(self._scope.outer)
        elif word == "using":
            self._read_using(at)
        else:
            self._read_operator(at)
        return at + 1

    def _open(self, at: int) -> None:
        self._frames.append(_Frame(self._scope, self._in_from, self._takes_table))
        if self._is_query_at(at):
            self._scope = QueryScope(self._scope)
            if left := self._compared_queries.get(at):
                start = at + 2 + (self._word(at + 2) in ("distinct", "all"))
                right, end = self._column_from(start)
                if right and self._word(end) == "from":
                    self._pairs.append((left, right, self._token(at).line))
        self._in_from = self._takes_table = self._takes_table and not self._is_query_at(at)

    def _close(self, at: int) -> None:
        is_query = self._scope is not self._frames[-1].scope
        self._scope, self._in_from, takes_table = self._frames.pop()
        self._takes_table = False
        if takes_table and is_query:
            self._scope.tables.append((self._alias(at + 1) or "", ""))

    def _read_table(self, at: int) -> int:
        """Read a table of FROM with its alias, and return the number of the next token."""
        if self._word(at + 1) == ".":
            at += 2
        name = self._token(at).name
        is_table = self._word(at + 1) != "(" and name not in {"", *self._with}
        alias = self._alias(at + 1)
        self._scope.tables.append((alias or name, name if is_table else ""))
        self._named |= {name} if is_table else set()
        self._takes_table = False
        return at + 1 + (alias is not None) + (self._word(at + 1) == "as")

    def _alias(self, at: int) -> str | None:
        at += self._word(at) == "as"
        token = self._token(at)
        return token.name if token.name and token.word not in _NO_ALIAS else None

    def _read_using(self, at: int) -> None:
        """Take the columns that USING names as those of the last table and of each one before it."""
        at += 2
        tables = self._scope.tables
        while tables and (column := self._token(at).name):
            last = ColumnName(tables[-1][0], column, self._scope)
            self._pairs += [
                (last, ColumnName(alias, column, self._scope), self._token(at).line)
                for alias, _ in tables[-_MOST_TABLES:-1]
            ]
            at += 1 + (self._word(at + 1) == ",")

    def _read_operator(self, at: int) -> None:
        """Take the columns on both sides of an operator."""
        word, end = self._word(at), at - 1
        is_equal = word == "=" and self._word(end) not in ("<", ">", "!", "=")
        if not (is_equal or (word == "is" and self._word(at + 1) != "not") or word == "in"):
            return
        if word == "in" and self._word(end) == "not":
            end -= 1
        left = self._column_until(end)
        start = at + 1 + (self._word(at + 1) == "=")
        if left and self._is_query_at(start):
            self._compared_queries[start] = left
        elif left:
            right, after = (None, start) if word == "in" else self._column_from(start)
            if right and (self._token(after) is _END or self._is_keyword(after) or self._word(after) in _AFTER_A_VALUE):
                self._pairs.append((left, right, self._token(at).line))
            elif not right:
                self._conditions.add(left.column)

    def _is_keyword(self, at: int) -> bool:
        """Return whether a token is a word without quotes, which is no operand beside another one."""
        return bool(self._word(at)) and bool(self._token(at).name)

    def _column_until(self, at: int) -> ColumnName | None:
        """Return the column that ends at a token, if it is a whole operand."""
        start = at
        while self._token(start).name and self._word(start - 1) == "." and start > at - 4:
            start -= 2
        before = self._token(start - 1)
        if before is not _END and not self._is_keyword(start - 1) and before.word not in _BEFORE_A_VALUE:
            return None
        return self._column_from(start)[0]

    def _column_from(self, at: int) -> tuple[ColumnName | None, int]:
        """Return the column that begins at a token, and the number of the token after it."""
        names = [self._token(at).name]
        while self._word(at + 1) == "." and len(names) < len(("schema", "table", "column")):
            at += 2
            names.append(self._token(at).name)
        is_column = all(names)
        return (ColumnName(names[-2] if names[1:] else "", names[-1], self._scope) if is_column else None), at + 1

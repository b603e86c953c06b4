"""Read which columns a statement of SQL compares with each other.

The reading needs no schema, and takes what it does not know for no comparison.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.tables.sql_tokens import END_OF_STATEMENT, SqlToken, statement_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAY_COMPARE = re.compile(r"""(?:join|where|update)[\s\\"'`\[]""")
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
_BEFORE_A_CONDITION = frozenset({"where", "having", "on", "and", "or", "not"})
_AFTER_A_CONDITION = (_NO_ALIAS - {"not"}) | {"and", "or", ")"}
_OF_A_RESULT = frozenset({"is", "in", "not", "between"})


@dataclass(frozen=True, eq=False)
class NamedTable:
    """Hold a table of a query, folded.

    Attributes:
        name: Its name. Empty for anything else, such as a subquery.
        database: The name of its database in the connection. Empty for ``main``, or if the statement states none.
    """

    alias: str
    name: str
    database: str = ""


@dataclass(eq=False)
class QueryScope:
    """Hold the tables whose columns one query, UPDATE or DELETE can name.

    Attributes:
        outer: The query around it.
    """

    outer: QueryScope | None = None
    tables: list[NamedTable] = field(default_factory=list)


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
        tables: Folded database and name of each table that the statement reads or updates.
        conditions: Folded names of the columns that it compares with values.
        limits: The columns of which a literal, or the column itself as a condition, says for which rows it holds.
        line: The line of the statement, from 0.
        is_match: Whether it finds rows whose columns are equal. ``NOT IN`` finds others.
    """

    left: ColumnName
    right: ColumnName
    tables: frozenset[tuple[str, str]]
    conditions: frozenset[str]
    limits: tuple[ColumnName, ...]
    line: int
    is_match: bool


class _Frame(NamedTuple):
    """Hold the state outside of one open parenthesis.

    Attributes:
        in_from: Whether a comma separates tables.
        takes_table: Whether a table comes next.
        in_condition: Whether it is a condition on rows.
    """

    scope: QueryScope
    in_from: bool
    takes_table: bool
    in_condition: bool


_MOST_TABLES = 64  # as many can SQLite join
_MOST_TOKENS = 200  # of the columns that WITH names


def may_compare(text: str) -> bool:
    """Return whether a text, such as a program, may have a statement that compares columns.

    Such a statement has JOIN or WHERE, or is an UPDATE. Most programs are not parsed for this reason.
    """
    return _MAY_COMPARE.search(text.lower()) is not None


def comparisons_in(sql: str, outer: QueryScope | None = None) -> Iterator[Comparison]:
    """Yield each pair of columns that a text of SQL compares.

    It compares them by ``=``, ``IS``, ``IN (SELECT ...)`` or ``USING``.

    Args:
        sql: The text.
        outer: Tables whose columns each statement can name, as one of a trigger can name those of ``OLD``.
    """
    if may_compare(sql):
        for statement in statement_tokens(sql):
            yield from _StatementReader(statement, outer).read()


class _StatementReader:
    """Read one statement from left to right, each token once."""

    def __init__(self, tokens: Sequence[SqlToken], outer: QueryScope | None) -> None:
        """Take the tokens, and the tables around the statement."""
        self._tokens = tokens
        self._scope = QueryScope(outer)
        self._in_from = self._takes_table = False
        self._frames: list[_Frame] = []
        self._in_condition = self._is_between = False
        self._named: set[tuple[str, str]] = set()
        self._conditions: set[str] = set()
        self._limits: list[ColumnName] = []
        self._pairs: list[tuple[ColumnName, ColumnName, int, bool]] = []
        self._compared_queries: dict[int, tuple[ColumnName, bool]] = {}
        self._with = {self._name_before(at) for at in range(len(tokens)) if self._is_query_at(at)} - {""}

    def read(self) -> Iterator[Comparison]:
        """Yield each pair of compared columns."""
        at = 0
        while at < len(self._tokens):
            at = self._read_at(at)
        tables, conditions, limits = frozenset(self._named), frozenset(self._conditions), tuple(self._limits)
        for left, right, line, is_match in self._pairs:
            yield Comparison(left, right, tables, conditions, limits, line, is_match)

    def _token(self, at: int) -> SqlToken:
        return self._tokens[at] if 0 <= at < len(self._tokens) else END_OF_STATEMENT

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
        self._read_condition(at)
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

    def _read_condition(self, at: int) -> None:
        """Take a column that is a condition itself, such as ``WHERE e.is_open``."""
        word = self._word(at)
        is_comparison = self._word(at - 1) in ("distinct", "is")
        if word in ("where", "on", "having"):
            self._in_condition = True
        elif word in _AFTER_FROM or (word in ("from", "join") and not is_comparison):
            self._in_condition = False
        if word == "between":
            self._is_between = True
        elif word == "and" and self._is_between:
            self._is_between = False
        elif self._in_condition and word in _BEFORE_A_CONDITION and not is_comparison:
            start = at + 1
            while self._word(start) == "(" and not self._is_query_at(start):
                start += 1
            column, end = self._column_from(start)
            if column and (self._token(end) is END_OF_STATEMENT or self._word(end) in _AFTER_A_CONDITION):
                self._limits.append(column)

    def _open(self, at: int) -> None:
        self._frames.append(_Frame(self._scope, self._in_from, self._takes_table, self._in_condition))
        if self._is_query_at(at):
            self._scope = QueryScope(self._scope)
            if at in self._compared_queries:
                left, is_match = self._compared_queries[at]
                start = at + 2 + (self._word(at + 2) in ("distinct", "all"))
                right, end = self._column_from(start)
                if right and self._word(end) == "from":
                    self._pairs.append((left, right, self._token(at).line, is_match))
        self._in_from = self._takes_table = self._takes_table and not self._is_query_at(at)

    def _close(self, at: int) -> None:
        is_query = self._scope is not self._frames[-1].scope
        self._scope, self._in_from, takes_table, self._in_condition = self._frames.pop()
        self._takes_table = False
        if takes_table and is_query:
            self._scope.tables.append(NamedTable(self._alias(at + 1) or "", ""))

    def _read_table(self, at: int) -> int:
        """Read a table of FROM with its alias, and return the number of the next token."""
        database = ""
        if self._word(at + 1) == ".":
            database = "" if self._token(at).name == "main" else self._token(at).name
            at += 2
        name = self._token(at).name
        is_table = self._word(at + 1) != "(" and bool(name) and (bool(database) or name not in self._with)
        alias = self._alias(at + 1)
        self._scope.tables.append(NamedTable(alias or name, name if is_table else "", database))
        self._named |= {(database, name)} if is_table else set()
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
            last = ColumnName(tables[-1].alias, column, self._scope)
            self._pairs += [
                (last, ColumnName(each.alias, column, self._scope), self._token(at).line, True)
                for each in tables[-_MOST_TABLES:-1]
            ]
            at += 1 + (self._word(at + 1) == ",")

    def _read_operator(self, at: int) -> None:
        """Take the columns on both sides of an operator."""
        operator, end, start = self._operator(at)
        if not operator:
            return
        left = self._column_until(end)
        right, after = (None, start) if "in" in operator else self._column_from(start)
        is_match = operator != "not in"
        if left and operator != "<>" and self._is_query_at(start):
            self._compared_queries[start] = left, is_match
        elif left and right and operator in ("=", "is"):
            is_end = (
                self._token(after) is END_OF_STATEMENT or self._is_keyword(after) or self._word(after) in _AFTER_A_VALUE
            )
            if is_end and not self._is_denied(end, after):
                self._pairs.append((left, right, self._token(at).line, is_match))
        elif left and not right and operator in ("=", "is", "in", "not in"):
            self._conditions.add(left.column)
        if self._in_condition and left and self._is_literal(start + ("in" in operator)):
            self._limits.append(left)
        elif self._in_condition and right and self._is_literal(end):
            self._limits.append(right)

    def _operator(self, at: int) -> tuple[str, int, int]:
        """Return the operator at a token, with the numbers of the tokens around it.

        The operator is an empty text if none begins there.
        """
        word, before, after = self._word(at), self._word(at - 1), self._word(at + 1)
        if (word == "<" and after == ">") or (word == "!" and after == "="):
            return "<>", at - 1, at + 2
        if word == "is":
            return ("<>", at - 1, at + 2) if after == "not" else ("is", at - 1, at + 1)
        if word == "in":
            return ("not in", at - 2, at + 1) if before == "not" else ("in", at - 1, at + 1)
        if word in ("like", "glob"):
            return word, at - 1 - (before == "not"), at + 1
        if word == "=" and before not in ("<", ">", "!", "="):
            return "=", at - 1, at + 1 + (after == "=")
        return "", at, at

    def _is_denied(self, end: int, after: int) -> bool:
        """Return whether NOT or an operator takes the result of a comparison."""
        start, closed = self._start_of(end) - 1, after
        while self._word(start) == "(" and not self._is_query_at(start):
            start -= 1
            if self._word(closed) == ")":
                closed += 1
        next_word = self._word(closed)
        if self._word(start) == "not" or next_word in _OF_A_RESULT:
            return True
        return closed > after and bool(next_word) and not self._is_keyword(closed) and next_word not in _AFTER_A_VALUE

    def _is_literal(self, at: int) -> bool:
        """Return whether a token is a text, a number or a truth value."""
        token = self._token(at)
        at += token.word in ("+", "-")
        word = self._word(at)
        is_text = self._token(at) is not END_OF_STATEMENT and not word and not self._token(at).name
        return is_text or word[:1].isdigit() or word in ("true", "false")

    def _is_keyword(self, at: int) -> bool:
        """Return whether a token is a word without quotes, which is no operand beside another one."""
        return bool(self._word(at)) and bool(self._token(at).name)

    def _column_until(self, at: int) -> ColumnName | None:
        """Return the column that ends at a token, if it is a whole operand."""
        start = self._start_of(at)
        before = self._token(start - 1)
        if before is not END_OF_STATEMENT and not self._is_keyword(start - 1) and before.word not in _BEFORE_A_VALUE:
            return None
        return self._column_from(start)[0]

    def _start_of(self, at: int) -> int:
        """Return the first token of the column that ends at a token."""
        start = at
        while self._token(start).name and self._word(start - 1) == "." and start > at - 4:
            start -= 2
        return start

    def _column_from(self, at: int) -> tuple[ColumnName | None, int]:
        """Return the column that begins at a token, and the number of the token after it."""
        names = [self._token(at).name]
        while self._word(at + 1) == "." and len(names) < len(("schema", "table", "column")):
            at += 2
            names.append(self._token(at).name)
        is_column = all(names)
        return (ColumnName(names[-2] if names[1:] else "", names[-1], self._scope) if is_column else None), at + 1

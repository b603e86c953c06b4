"""Compare the statements of a schema by their tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema

TOKEN = re.compile(
    r"""(?P<gap>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<text>'(?:[^']|'')*')"""
    r"""|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?P<word>\w+|.)""",
    re.DOTALL,
)
"""One token of SQL, which is a ``gap``, a ``text`` in quotes, a quoted ``name``, or a ``word``."""

_DEFAULT = re.compile(
    r"""\s*[+-]?\s*(?:x?'(?:[^']|'')*'|(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|NULL|TRUE|FALSE)\b)""",
    re.IGNORECASE,
)


def same_statement(left: str, right: str) -> bool:
    """Return whether two statements differ at most in their spelling.

    White space, comments, quotes around names, and the case of names do not count.
    """
    return _tokens(left) == _tokens(right)


def same_except_defaults(left: str, right: str) -> bool:
    """Return whether two CREATE TABLE statements differ at most in spelling and DEFAULTs.

    False if a DEFAULT is not a plain literal.
    """
    tokens = _tokens_without_defaults(left)
    return tokens is not None and tokens == _tokens_without_defaults(right)


def words_of(sql: str) -> list[str]:
    """Return the folded tokens of a statement without quotes around names and texts."""
    return [
        folded(token["word"] or without_quotes(token["name"] or token["text"]))
        for token in TOKEN.finditer(sql)
        if not token["gap"]
    ]


def without_quotes(text: str) -> str:
    """Return the name or text that a quoted token stands for.

    A quote inside it is doubled in the token, but a bracket never is.
    """
    return text[1:-1] if text.startswith("[") else text[1:-1].replace(text[0] * 2, text[0])


def _tokens(sql: str) -> list[str]:
    tokens = []
    for token in TOKEN.finditer(sql):
        if token["text"]:
            tokens.append(token["text"])
        elif token["name"]:
            tokens.append(without_quotes(token["name"]))
        elif token["word"]:
            tokens.append(folded(token["word"]))
    return tokens


def _tokens_without_defaults(sql: str) -> list[str] | None:
    """Return the tokens without ``DEFAULT literal``.

    None if a DEFAULT is not a literal.
    """
    kept, end = "", 0
    for token in TOKEN.finditer(sql):
        if folded(token["word"] or "") == "default" and token.start() >= end:
            literal = _DEFAULT.match(sql, token.end())
            if literal is None:
                return None
            kept, end = f"{kept}{sql[end : token.start()]} ", literal.end()
    return _tokens(kept + sql[end:])


@dataclass(frozen=True)
class Statement:
    """Hold one DDL statement for the target.

    Attributes:
        kind: ``table``, ``index``, ``trigger`` or ``view``.
        name: Name of the object that it creates.
        table: The table that the object belongs to, or the name of the view.
    """

    kind: str
    name: str
    table: str
    sql: str


def schema_statements(schema: Schema) -> list[Statement]:
    """Return the statements that create a schema again, in an order in which they can run."""
    tables = [Statement("table", table.name, table.name, table.sql) for table in schema.movable]
    indexes = [Statement("index", i.name, t.name, i.sql) for t in schema.movable for i in t.indexes if i.sql]
    views = [Statement("view", view.name, view.name, view.sql) for view in schema.views]
    return [*tables, *indexes, *views, *(Statement("trigger", t.name, t.table, t.sql) for t in schema.triggers)]


def is_same_object(known: Statement, statement: Statement) -> bool:
    """Return whether two statements create the same index, trigger or view."""
    return (
        known.kind == statement.kind
        and folded(known.table) == folded(statement.table)
        and same_statement(known.sql, statement.sql)
    )

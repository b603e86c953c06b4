"""Compare the statements of a schema by their tokens."""

from __future__ import annotations

import re

from migration.engine.sql import folded

TOKEN = re.compile(
    r"""(?P<gap>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<text>'(?:[^']|'')*')"""
    r"""|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?P<word>\w+|.)""",
    re.DOTALL,
)
"""One token of SQL: a ``gap`` between others, a ``text`` in quotes, a quoted ``name``, or a ``word``."""

_DEFAULT = re.compile(
    r"""\s*[+-]?\s*(?:x?'(?:[^']|'')*'|(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|NULL|TRUE|FALSE)\b)""",
    re.IGNORECASE,
)


def same_statement(one: str, other: str) -> bool:
    """Whether two statements are the same but for white space, comments, quotes around names and their case."""
    return _tokens(one) == _tokens(other)


def same_but_defaults(one: str, other: str) -> bool:
    """Whether two CREATE TABLE statements are the same, as above, but for DEFAULTs, all of which are plain literals."""
    here, there = _tokens_without_defaults(one), _tokens_without_defaults(other)
    return here is not None and here == there


def _tokens(sql: str) -> list[str]:
    found = []
    for token in TOKEN.finditer(sql):
        if token["text"]:
            found.append(token["text"])
        elif token["name"]:
            found.append(token["name"][1:-1])
        elif token["word"]:
            found.append(folded(token["word"]))
    return found


def _tokens_without_defaults(sql: str) -> list[str] | None:
    """Return the tokens that are left without ``DEFAULT literal``; None where a DEFAULT is no literal."""
    left, end = "", 0
    for token in TOKEN.finditer(sql):
        if folded(token["word"] or "") == "default" and token.start() >= end:
            literal = _DEFAULT.match(sql, token.end())
            if literal is None:
                return None
            left, end = f"{left}{sql[end : token.start()]} ", literal.end()
    return _tokens(left + sql[end:])

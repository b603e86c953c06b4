"""Spell an expression with other quotes, and in one line."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTES = ("'", '"', "'''", '"""')
_STRING = re.compile(r"(\w*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)


def respelled(code: str) -> Iterator[str]:
    """Yield spellings of an expression that mean the same, each with other quotes or lines.

    Before Python 3.12 an f-string has no room for its own quotes, for a line feed or for a comment.
    """
    try:
        tree = ast.parse(code, mode="eval")
    except (SyntaxError, ValueError):
        return
    for spelling in (code, ast.unparse(tree)) if "\n" in code else (code,):
        for quote in _QUOTES:
            other = _with_quotes(spelling, quote)
            try:
                if ast.dump(ast.parse(other, mode="eval")) == ast.dump(tree):
                    yield other
            except (SyntaxError, ValueError):
                continue


def _with_quotes(code: str, quote: str) -> str:
    """Return the code with one kind of quotes around each string that can have them."""
    lines = [0, *(match.end() for match in re.finditer("\n", code))]
    parts, end = [], 0
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except tokenize.TokenError:
        return code
    for token in tokens:
        match = _STRING.fullmatch(token.string) if token.type == tokenize.STRING else None
        if match and quote not in match[3] and not match[3].endswith(quote[0]):
            start = lines[token.start[0] - 1] + token.start[1]
            parts.append(f"{code[end:start]}{match[1]}{quote}{match[3]}{quote}")
            end = start + len(token.string)
    return "".join(parts) + code[end:]

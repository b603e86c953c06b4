"""Take the comments out of a program in any language that Pygments knows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

_LIKE = {".cts": "a.ts", ".erb": "a.rhtml", ".mts": "a.ts", ".r": "a.R", ".svelte": "a.vue"}
"""A name by which Pygments knows the language of another ending."""
_SHELL = re.compile(r"#!.*\b(?:ba|da|k|z)?sh\b")
_VISIBLE = re.compile(r"\S")


def without_comments(file: str, text: str) -> str:
    """Return a program with spaces in place of its comments.

    Each other character keeps its place.

    Comments of documentation count as well. The text of a language that is not known has none.

    Args:
        file: Path of the program, whose ending tells the language.
        text: Its source.
    """
    lexer = _lexer_of(file, text)
    if lexer is None:
        return text
    parts, end = [], 0
    for start, kind, value in lexer.get_tokens_unprocessed(f"{text}\n"):  # some languages end a comment by the line
        if _is_comment(kind):
            parts += [text[end:start], _VISIBLE.sub(" ", value)]
            end = start + len(value)
    return ("".join(parts) + text[end:])[: len(text)]


def _lexer_of(file: str, text: str) -> Lexer | None:
    from pygments.lexers import find_lexer_class_for_filename

    path = PurePosixPath(file)
    name = "a.sh" if not path.suffix and _SHELL.match(text) else _LIKE.get(path.suffix.lower(), path.name)
    known = find_lexer_class_for_filename(name, text)
    return known() if known else None


@cache
def _is_comment(kind: _TokenType) -> bool:
    from pygments.token import Comment, String, is_token_subtype

    is_code = is_token_subtype(kind, Comment.Preproc)
    return (is_token_subtype(kind, Comment) and not is_code) or is_token_subtype(kind, String.Doc)

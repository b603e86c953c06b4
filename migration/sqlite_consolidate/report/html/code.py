"""Split a diff and SQL statements into lines of classified words.

A page colours them without a script.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.report.bundle import ended_statements
from sqlite_consolidate.report.file_names import DIFF, SQL
from sqlite_consolidate.report.formatting import shortened, shortened_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygments.lexer import Lexer
    from pygments.token import _TokenType
else:
    pass

_LONG_DIFF = 100_000
_LONG_SQL = 60_000

Kind = Literal["added", "removed", "place", "file", "kept"]
Words = tuple[tuple[str, str], ...]
"""Pairs of class and text; the class is ``keyword``, ``string``, ``number``, ``comment`` or empty."""


@dataclass(frozen=True)
class CodeLine:
    """Hold one line, its sign (``+``, ``-`` or a blank) as text.

    A reader who does not see the colours still sees the sign.
    """

    kind: Kind
    sign: str
    words: Words


@lru_cache(maxsize=2)  # the page is drawn again at every stage, and has the diff of the code and that of the schema
def diff_lines(text: str) -> tuple[CodeLine, ...]:
    """Return the lines of a unified diff, with the words of Python files classified."""
    lines = shortened(text.rstrip("\n"), _LONG_DIFF, DIFF).split("\n") if text else []
    lexer: Lexer | None = None
    code_lines = []
    for line in lines:
        if line.startswith("+++"):
            lexer = _lexer("python") if line.rstrip().endswith(".py") else None
        code_lines.append(_diff_line(line, lexer))
    return tuple(code_lines)


@lru_cache(maxsize=1)
def sql_lines(statements: Sequence[str]) -> tuple[CodeLine, ...]:
    """Return the lines of SQL statements, each ended by a semicolon."""
    if not statements:
        return ()
    lines, lexer = shortened_lines(ended_statements(statements), _LONG_SQL, SQL).split("\n"), _lexer("sql")
    return tuple(CodeLine("kept", "", _words(line, lexer)) for line in lines)


def schema_diff(statements: Sequence[str], target: str) -> str:
    """Return the changes of the target's schema by a run as a unified diff.

    The run changes no object of the target. It drops triggers for the copy and creates them again first of all
    triggers.
    """
    unchanged = sum(statement.startswith("DROP TRIGGER ") for statement in statements)
    triggers = [statement for statement in statements if statement.startswith("CREATE TRIGGER ")]
    added = [
        statement for statement in statements if statement.startswith("CREATE ") and statement not in triggers
    ] + triggers[unchanged:]
    lines = "\n".join(ended_statements(added)).splitlines()
    head = [f"--- {target}, before", f"+++ {target}, after", f"@@ -0,0 +1,{len(lines)} @@"]
    return "\n".join([*head, *(f"+{line}" for line in lines)]) if lines else ""


def _diff_line(line: str, lexer: Lexer | None) -> CodeLine:
    if line.startswith(("---", "+++")):
        return CodeLine("file", "", (("", line),))
    if line.startswith(("@@", "#")):  # a remark about the diff
        return CodeLine("place", "", (("", line),))
    kinds: dict[str, Kind] = {"+": "added", "-": "removed"}
    return CodeLine(kinds.get(line[:1], "kept"), line[:1], _words(line[1:], lexer))


def _words(line: str, lexer: Lexer | None) -> Words:
    if lexer is None:
        return (("", line),)
    marked: list[tuple[str, str]] = []
    for token, text in lexer.get_tokens(line):
        kind = _kind(token)
        if marked and marked[-1][0] == kind:
            marked[-1] = (kind, marked[-1][1] + text)
        else:
            marked.append((kind, text))
    return tuple(marked)


def _kind(token: _TokenType) -> str:
    from pygments.token import Comment, Keyword, Number, String, is_token_subtype

    kinds = ((Comment, "comment"), (Keyword, "keyword"), (String, "string"), (Number, "number"))
    return next((kind for parent, kind in kinds if is_token_subtype(token, parent)), "")


@cache
def _lexer(language: Literal["python", "sql"]) -> Lexer:
    # get_lexer_by_name reads the list of all lexers first, which takes several times as long as one of them.
    if language == "python":
        from pygments.lexers.python import PythonLexer

        return PythonLexer(stripnl=False, ensurenl=False)
    from pygments.lexers.sql import SqlLexer

    return SqlLexer(stripnl=False, ensurenl=False)

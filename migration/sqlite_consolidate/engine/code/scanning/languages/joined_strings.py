"""Read the strings that a program in any language joins with computed parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN
from sqlite_consolidate.engine.code.tables.comments import without_comments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_PARTS = 30
_TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`\n]*`)
    |(?P<joiner>->|::|\?\.|\+\+|\.\.|<>|\|\||<<|\.=|\+=|[.+&~^])
    |(?P<word>[$@\w]+)
    |(?P<sign>\S)""",
    re.VERBOSE,
)
_INSERTED = re.compile(
    r"""\#\{[^{}]*\}|\$?\{[^{}]*\}|\\\([^()]*\)|@\{\[.*?\]\}|\$\([^()]*\)   # "#{a}", "${a}", "{$a}", "\(a)", "$(a)"
    |\$\w+(?:->\w+|\[[^\[\]]*\])?                                           # "$a", "$a->b", "$a[0]"
    |%(?:\d+\$)?[-+\#]?\d*(?:\.\d+)?l{0,2}[a-zA-Z]|%<\w+>-?\d*[a-zA-Z]      # "%s", "%02d", "%1$s", "%<a>s"
    """,
    re.VERBOSE,
)
_JOINS = {"join": "/", "combine": "/", "resolve": "/", "paste0": "", "concat": ""}
"""What stands between the arguments in the value of a function that joins them."""
_FORMATS = frozenset({"sprintf", "format"})
"""Functions whose value is their first argument, with other texts at its places."""
_OPENING = {")": "(", "]": "[", "}": "{"}


class JoinedString(NamedTuple):
    """Hold a string of a program and the text that it ends.

    Attributes:
        start: Where the string begins in the program.
        end: Where it ends.
        text: The text, with ``UNKNOWN`` for each part that is computed.
    """

    start: int
    end: int
    text: str


class _Token(NamedTuple):
    """Hold a token of a program.

    Attributes:
        bracket: Place of the innermost bracket that is open there, or of the one that it closes. It is -1 for none.
    """

    kind: str
    text: str
    start: int
    end: int
    bracket: int


def joined_strings(file: str, text: str, is_wanted: Callable[[str], bool]) -> Iterator[JoinedString]:
    """Yield each wanted string of a program, with what the program joins before it.

    The rules of the language are not known. What has a place in a string in one of the usual languages is unknown
    ("#{a}", "$a", "%s"), and so is each part between two strings that is none.

    Args:
        file: Path of the program, whose ending tells what a comment is.
        text: Its source.
        is_wanted: Whether a string as it is written is of interest.
    """
    code = without_comments(file, text)
    tokens = _tokens(code)
    for place, token in enumerate(tokens):
        if token.kind == "string" and is_wanted(token.text):
            parts = [_text_of(token), *_texts_before(tokens, place)]
            joined = re.sub(f"{UNKNOWN}+", UNKNOWN, "".join(reversed(parts)))
            yield JoinedString(token.start, token.end, joined)


def _tokens(code: str) -> list[_Token]:
    tokens: list[_Token] = []
    brackets: list[int] = []
    for place, match in enumerate(_TOKEN.finditer(code)):
        text = match.group()
        tokens.append(_Token(match.lastgroup or "", text, *match.span(), brackets[-1] if brackets else -1))
        if text in _OPENING.values():
            brackets.append(place)
        elif text in _OPENING and brackets:
            brackets.pop()
    return tokens


def _text_of(token: _Token) -> str:
    """Return the text of a string, or unknown for anything else."""
    return _INSERTED.sub(UNKNOWN, token.text[1:-1]) if token.kind == "string" else UNKNOWN


def _texts_before(tokens: list[_Token], place: int) -> Iterator[str]:
    """Yield the parts that the program joins before a token, the last first."""
    for _ in range(_MOST_PARTS):
        before = tokens[place - 1] if place else None
        if before and before.kind == "joiner":
            place = _start_of_operand(tokens, place - 2)
            yield _text_of(tokens[place]) if place >= 0 else UNKNOWN
        elif before and before.text == ",":
            between = _JOINS.get(_called(tokens, place - 1).lower())
            place = _start_of_operand(tokens, place - 2)
            if between is None or place < 0:
                return
            yield between
            yield _text_of(tokens[place])
        elif before and before.text == "(" and tokens[place - 2].text.lower() in _FORMATS:
            place = _start_of_name(tokens, place - 2)
        else:
            return
        if place < 0:
            return


def _start_of_operand(tokens: list[_Token], place: int) -> int:
    """Return the first token of the word, string or call that ends at a token, or -1."""
    while place >= 0 and tokens[place].text in _OPENING:
        place = tokens[place].bracket - 1
        if place < 0 or tokens[place].kind in {"string", "joiner"} or tokens[place].text in {",", "=", "("}:
            return place + 1
    return place


def _start_of_name(tokens: list[_Token], place: int) -> int:
    """Return the first token of a name with dots, such as ``fmt.Sprintf``."""
    while place > 1 and tokens[place - 1].text in {".", "::"} and tokens[place - 2].kind == "word":
        place -= 2
    return max(place, 0)


def _called(tokens: list[_Token], place: int) -> str:
    """Return the name of the function among whose arguments a token is, or nothing."""
    bracket = tokens[place].bracket
    return tokens[bracket - 1].text if bracket > 0 and tokens[bracket].text == "(" else ""

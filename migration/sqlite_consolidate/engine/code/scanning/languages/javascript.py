"""Read the strings of JavaScript and TypeScript, and the texts that a program joins."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice, product
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TokenKind = Literal["comment", "string", "template", "name", "sign"]

_MOST_TEXTS = 50
_LONGEST = 1000  # characters of a text that is joined
_DEEPEST = 30
_DEEPEST_IN_A_VALUE = 6
_LONGEST_VALUE = 100  # tokens
_MOST_STEPS = 5
"""Number of variables that are followed from one to the next."""

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<template>`(?:\\.|\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}|[^`\\])*(?:`|\Z))
    |(?P<name>[\w$]+)
    |(?P<sign>\+\+|\+=|=>|==+|!==?|[<>]=|\?\?|\|\||&&|\?\.(?!\d)|[^\s])""",
    re.DOTALL | re.VERBOSE,
)
_EXPRESSION_OF_SLASHES = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/\w*")
_BEFORE_A_VALUE = frozenset({"return", "typeof", "case", "in", "of", "new", "await", "yield"})
_PREFIXES = frozenset({"new", "await", "typeof", "yield", "return"})
_WITHOUT_TEXT = frozenset({"function", "async", "class", "{"})
_DECLARATIONS = frozenset({"const", "let", "var"})
_SAME_TEXT = frozenset({"toString", "trim", "valueOf", "String", "normalize"})
_JOINS = frozenset({"join", "resolve"})
_ALTERNATIVES = frozenset({"||", "??", "?", ":"})
_PLACE = re.compile(r"\$\{((?:[^{}`]|\{[^{}]*\}|`[^`]*`)*)\}")


class ScriptToken(NamedTuple):
    """Hold a word, a string, a comment or a sign of a program, and its place."""

    kind: TokenKind
    text: str
    start: int
    end: int


class ScriptExpression(NamedTuple):
    """Hold an expression, its possible texts, and the expressions of which it consists.

    Attributes:
        start: Where it begins in the program.
        end: Where it ends.
        texts: Its possible texts, with ``UNKNOWN`` for each part that is computed.
        parts: Expressions in it.
        elements: Those of an array, if it is one.
        is_name: Whether it is nothing but a name, whose texts stand where it gets its value.
    """

    start: int
    end: int
    texts: tuple[str, ...]
    parts: tuple[ScriptExpression, ...] = ()
    elements: tuple[ScriptExpression, ...] | None = None
    is_name: bool = False


def script_tokens(text: str) -> list[ScriptToken]:
    """Return the tokens of a program, comments included."""
    tokens: list[ScriptToken] = []
    offset, before = 0, ""
    while match := _TOKEN.search(text, offset):
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]
        if match.group() == "/" and (before in _BEFORE_A_VALUE or not re.match(r"[\w$)\]}\"'`]", before[-1:])):
            match = _EXPRESSION_OF_SLASHES.match(text, match.start()) or match
        tokens.append(ScriptToken(kind, match.group(), match.start(), match.end()))
        offset = match.end()
        before = before if kind == "comment" else match.group()
    return tokens


def script_expressions(text: str, is_wanted: Callable[[str], bool]) -> Iterator[ScriptExpression]:
    """Yield each largest expression of which a possible text is wanted.

    A name has the texts that the file binds to it, wherever that is. All else is unknown.
    """
    return _Reader(script_tokens(text)).wanted(is_wanted)


_Values = tuple[tuple[str, ...], tuple[ScriptExpression, ...] | None]
"""Possible texts of a name, and the elements of the array that it is."""


class _Reader:
    """Read expressions from the tokens of a program."""

    def __init__(self, tokens: Sequence[ScriptToken], bindings: _Bindings | None = None) -> None:
        self._tokens = [token for token in tokens if token.kind != "comment"]
        self._depth = 0 if bindings is None else _DEEPEST - _DEEPEST_IN_A_VALUE
        self._bindings = bindings or _Bindings(self)
        if bindings is None:
            self._bind()

    def wanted(self, is_wanted: Callable[[str], bool]) -> Iterator[ScriptExpression]:
        """Yield each largest expression of which a possible text is wanted."""
        for expression in self._all(0, len(self._tokens)):
            yield from _largest(expression, is_wanted)

    def value_at(self, place: int) -> ScriptExpression | None:
        """Return the expression that begins at a token."""
        value = _Reader(self._tokens[place : place + _LONGEST_VALUE], self._bindings)
        return value._sum(0)[0]

    def whole(self) -> list[str]:
        """Return the possible texts of all tokens as one expression."""
        expression, end = self._sum(0)
        return list(expression.texts) if expression and end == len(self._tokens) else [UNKNOWN]

    def _text(self, place: int) -> str:
        return self._tokens[place].text if 0 <= place < len(self._tokens) else ""

    def _bind(self) -> None:
        """Record where each name gets a value."""
        for place, token in enumerate(self._tokens):
            if token.text in {"=", "of", "+="} and place and self._tokens[place - 1].kind == "name":
                is_value = token.text != "+=" and self._text(place + 1) not in _WITHOUT_TEXT
                self._bindings.add(self._name_before(place), place + 1 if is_value else None, token.text)
            elif token.text == "=>":
                self._bind_parameters(place - 1)
            elif token.text == "function":
                start = next((at for at in range(place + 1, place + 4) if self._text(at) == "("), None)
                self._bind_parameters(self._closing(start) if start is not None else -1)

    def _name_before(self, place: int) -> str:
        """Return the name that is bound, before which its type may stand."""
        is_typed = self._text(place - 2) == ":" and self._text(place - 4) in _DECLARATIONS
        return self._text(place - 3 if is_typed else place - 1)

    def _bind_parameters(self, end: int) -> None:
        """Record that the names in the parentheses that end there have any value."""
        depth = 0
        for place in range(end, max(-1, end - 200), -1):
            token = self._tokens[place]
            depth += {")": 1, "(": -1}.get(token.text, 0)
            if token.kind == "name" and self._text(place + 1) != "=":
                self._bindings.add(token.text, None, "=")
            if depth <= 0:
                return

    def _closing(self, start: int) -> int:
        depth = 0
        for place in range(start, min(len(self._tokens), start + 200)):
            depth += {"(": 1, ")": -1}.get(self._text(place), 0)
            if not depth:
                return place
        return -1

    def _all(self, place: int, end: int) -> Iterator[ScriptExpression]:
        """Yield the expressions between two tokens, one after the other."""
        while place < end:
            expression, after = self._sum(place)
            if expression is None:
                place += 1
                continue
            if self._text(after) == "+=":
                added, after = self._sum(after + 1)
                expression = _joined("", [expression, added]) if added else expression
            yield expression
            place = after

    def _sum(self, place: int) -> tuple[ScriptExpression | None, int]:
        operands = []
        operand, place = self._operand(place)
        while operand:
            operands.append(operand)
            if self._text(place) != "+":
                break
            operand, after = self._operand(place + 1)
            if operand is None:
                operands.append(ScriptExpression(self._tokens[place].start, self._tokens[place].end, (UNKNOWN,)))
            place = after if operand else place + 1
        return (_joined("", operands) if len(operands) > 1 else operands[0]) if operands else None, place

    def _operand(self, place: int) -> tuple[ScriptExpression | None, int]:
        while self._text(place) in _PREFIXES and self._tokens[place].kind == "name":
            place += 1
        expression, place = self._primary(place)
        while expression:
            expression, after = self._continued(expression, place)
            if after == place:
                break
            place = after
        return expression, place

    def _primary(self, place: int) -> tuple[ScriptExpression | None, int]:
        if place >= len(self._tokens):
            return None, place
        kind, text, start, end = self._tokens[place]
        if kind == "string":
            return ScriptExpression(start, end, (text[1:-1],)), place + 1
        if kind == "template":
            return ScriptExpression(start, end, self._template_texts(text)), place + 1
        if kind == "name" and text not in _DECLARATIONS:
            return self._named(place)
        if text in {"(", "["}:
            items, after, between = self._items(place)
            last = self._tokens[after - 1].end
            if text == "[":
                return ScriptExpression(start, last, (UNKNOWN,), items, items), after
            return ScriptExpression(start, last, _alternatives(items, between), items), after
        return None, place

    def _named(self, place: int) -> tuple[ScriptExpression, int]:
        """Return the value of a name, or of a call of a function."""
        _, text, start, end = self._tokens[place]
        if self._text(place + 1) != "(":
            texts, elements = self._bindings.values(text)
            return ScriptExpression(start, end, texts, elements=elements, is_name=True), place + 1
        items, after, _ = self._items(place + 1)
        last = self._tokens[after - 1].end
        if items and (text in _JOINS or text in _SAME_TEXT):
            return _joined("/", items)._replace(start=start, end=last), after
        return ScriptExpression(start, last, (UNKNOWN,), items), after

    def _continued(self, value: ScriptExpression, place: int) -> tuple[ScriptExpression, int]:
        """Return an expression with the attribute, call or index that follows it."""
        sign = self._text(place)
        if sign == "." and value.is_name and self._text(place - 1) == "this" and self._text(place + 2) != "(":
            texts, elements = self._bindings.values(self._text(place + 1))
            return value._replace(texts=texts, elements=elements), place + 2
        if sign in {".", "?."} and place + 1 < len(self._tokens) and self._tokens[place + 1].kind == "name":
            if self._text(place + 2) == "(":
                return self._method(value, place + 1)
            return ScriptExpression(value.start, self._tokens[place + 1].end, (UNKNOWN,), _flat(value)), place + 2
        if (
            sign in {"(", "["}
            and self._depth < _DEEPEST
            and value.elements is None
            and self._tokens[place - 1].kind != "string"
        ):
            items, after, _ = self._items(place)
            return ScriptExpression(
                value.start, self._tokens[after - 1].end, (UNKNOWN,), (*_flat(value), *items)
            ), after
        return value, place

    def _method(self, value: ScriptExpression, place: int) -> tuple[ScriptExpression, int]:
        name = self._text(place)
        items, after, _ = self._items(place + 1)
        end = self._tokens[after - 1].end
        made = ScriptExpression(value.start, end, (UNKNOWN,))
        if name == "concat" and value.elements is None:
            made = _joined("", [value, *items])
        elif name == "join" and value.elements is not None:
            made = _joined(items[0].texts[0] if items else ",", value.elements)
        elif name in _JOINS and items:
            made = _joined("/", items)
        elif name in _SAME_TEXT:
            made = value
        parts = (*_flat(value), *items)
        return made._replace(start=value.start, end=end, parts=parts, elements=None, is_name=False), after

    def _items(self, place: int) -> tuple[tuple[ScriptExpression, ...], int, tuple[str, ...]]:
        """Return the expressions in brackets, the place after them, and the sign after each."""
        if self._depth == _DEEPEST:  # what is in them is read after them
            return (), place + 1, ()
        items: list[ScriptExpression] = []
        signs: list[str] = []
        self._depth += 1
        place += 1
        while place < len(self._tokens) and self._text(place) not in {")", "]"}:
            expression, after = self._sum(place)
            if expression:
                items.append(expression)
            signs.append(self._text(after))
            place = after if expression and signs[-1] not in _ALTERNATIVES else after + 1
        self._depth -= 1
        return tuple(items), min(place + 1, len(self._tokens)), tuple(signs)

    def _template_texts(self, token: str) -> tuple[str, ...]:
        pieces = _PLACE.split(token[1:-1] if token.endswith("`") else token[1:])
        parts = [
            _Reader(script_tokens(piece), self._bindings).whole() if at % 2 else [piece]
            for at, piece in enumerate(pieces)
        ]
        return _products("", parts)


class _Bindings:
    """Find the values that a file binds to a name."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._places: defaultdict[str, list[tuple[int | None, str]]] = defaultdict(list)
        self._known: dict[str, _Values] = {}
        self._in_progress: list[str] = []

    def add(self, name: str, place: int | None, sign: str) -> None:
        """Record the token at which a value of a name begins, or that it may have any value.

        Args:
            name: The name.
            place: The token.
            sign: The sign before it, or ``of`` for each element of an array.
        """
        self._places[name].append((place, sign))

    def values(self, name: str) -> _Values:
        """Return the possible texts of a name, and the elements of the array that it is."""
        if name in self._known:
            return self._known[name]
        if name in self._in_progress or len(self._in_progress) >= _MOST_STEPS:
            return (UNKNOWN,), None
        self._in_progress.append(name)
        texts: list[str] = []
        elements = None
        for place, sign in self._places.get(name, ())[:_MOST_TEXTS]:
            value = None if place is None else self._reader.value_at(place)
            if sign != "+=":
                texts += _texts_of(value, is_each=sign == "of")
                elements = value.elements if value and sign == "=" else elements
        self._in_progress.pop()
        if any(sign == "+=" for _, sign in self._places.get(name, ())):
            texts += [text + UNKNOWN for text in texts[:_MOST_TEXTS]]
        self._known[name] = tuple(dict.fromkeys(texts))[:_MOST_TEXTS] or (UNKNOWN,), elements
        return self._known[name]


def _texts_of(value: ScriptExpression | None, *, is_each: bool) -> Iterator[str]:
    """Yield the possible texts of a value, or of each element of an array."""
    if value is None:
        yield UNKNOWN
    elif not is_each:
        yield from value.texts
    else:
        for element in value.elements or ():
            yield from element.texts
        if not value.elements:
            yield UNKNOWN


def _flat(value: ScriptExpression) -> tuple[ScriptExpression, ...]:
    """Return a value, or its parts if its text is unknown.

    A long chain of calls is not nested by that.
    """
    return value.parts if value.texts == (UNKNOWN,) and not value.is_name else (value,)


def _alternatives(items: Sequence[ScriptExpression], signs: Sequence[str]) -> tuple[str, ...]:
    """Return the possible texts of an expression in parentheses.

    Args:
        items: Expressions in it, one of which is the value.
        signs: The sign after each, and those that are none of them.
    """
    if len(items) != len(signs) or set(signs[:-1]) - _ALTERNATIVES:
        return (UNKNOWN,)
    texts = [text for item, sign in zip(items, signs, strict=True) if sign != "?" for text in item.texts]
    return tuple(dict.fromkeys(texts))[:_MOST_TEXTS] or (UNKNOWN,)


def _joined(separator: str, operands: Sequence[ScriptExpression]) -> ScriptExpression:
    """Return the text that a program joins of several, of which the end counts."""
    if not operands:
        return ScriptExpression(0, 0, ("",))
    texts = _products(separator, [operand.texts for operand in operands])
    return ScriptExpression(operands[0].start, operands[-1].end, texts, tuple(operands))


def _products(separator: str, parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    texts = map(separator.join, islice(product(*parts), _MOST_TEXTS))
    return tuple(text if len(text) <= _LONGEST else UNKNOWN + text[-_LONGEST:] for text in texts)


def _largest(expression: ScriptExpression, is_wanted: Callable[[str], bool]) -> Iterator[ScriptExpression]:
    if not expression.is_name and any(map(is_wanted, expression.texts)):
        if not _has_a_known_name(expression, is_wanted):
            yield expression
    else:
        for part in expression.parts:
            yield from _largest(part, is_wanted)


def _has_a_known_name(expression: ScriptExpression, is_wanted: Callable[[str], bool]) -> bool:
    """Return whether a name in it has a whole file name already, and no suffix alone."""
    if expression.is_name:
        return any(is_wanted(text) and not text.startswith(".") for text in expression.texts)
    return any(_has_a_known_name(part, is_wanted) for part in expression.parts)

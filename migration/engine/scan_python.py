"""One answer: where a Python file names an old database, in one piece or put together."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

from migration.engine.code_files import LINE_END
from migration.engine.mention import Kind, Mention, OldNames, excerpt
from migration.engine.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNKNOWN = "\0"  # stands for what is only known at run time; no file name holds it
_PATH_CALLS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath", "join", "joinpath"})


def python_mentions(file: str, text: str, names: OldNames) -> list[Mention]:
    """Return every mention in Python source, in the order of lines, one a line and name.

    Strings count as code however they are put together: f-strings, ``+``, ``%``, ``/`` between paths, ``join``,
    ``Path``, ``with_suffix``. Comments, and strings that stand alone (docstrings), count as documentation.

    Raises:
        SyntaxError: The text is not Python, or nested too deeply.
    """
    lines = LINE_END.split(text)
    found: dict[tuple[int, str], Mention] = {}
    try:
        for node, name, kind in _named(tree(text), "code", names):
            number = _line(node, name, lines, names)
            found.setdefault((number, name), Mention(file, number, excerpt(lines[number - 1], name), name, kind))
    except RecursionError:
        raise SyntaxError("too deeply nested") from None
    for number, name in _comments(text, lines, names):
        comment = Mention(file, number, excerpt(lines[number - 1], name), name, "documentation")
        found.setdefault((number, name), comment)
    return sorted(found.values(), key=lambda mention: mention.line)


def _named(node: ast.AST, kind: Kind, names: OldNames) -> Iterator[tuple[ast.expr, str, Kind]]:
    """Yield the smallest expressions that name an old database, with its name."""
    if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
        kind = "documentation"
    inner = [one for child in ast.iter_child_nodes(node) for one in _named(child, kind, names)]
    yield from inner
    if isinstance(node, ast.expr):
        known = {name for _, name, _ in inner}
        for name in dict.fromkeys(name for _, name in names.find(_value(node)) if name not in known):
            yield node, name, kind


def _value(node: ast.expr) -> str:
    """Return the text that the expression has for a value, as far as the source shows it."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.Constant(value=bytes() as raw):
            return raw.decode("latin-1")
        case ast.JoinedStr(values=parts):
            return "".join(_value(part) for part in parts)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return _value(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left) + _value(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"{_value(left)}/{_value(right)}"
        case ast.BinOp(left=left, op=ast.Mod()):
            return _value(left)
        case ast.Call():
            return _returned(node)
    return _UNKNOWN


def _returned(call: ast.Call) -> str:
    """Return the path that a call puts together; unknown for any other call."""
    match call.func:
        case ast.Attribute(value=value, attr="with_suffix") if call.args:
            return re.sub(r"\.[^./]*$", "", _value(value)) + _value(call.args[0])
        case ast.Attribute(value=value, attr="joinpath"):
            return "/".join(map(_value, [value, *call.args]))
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in _PATH_CALLS:
            return "/".join(map(_value, call.args))
    return _UNKNOWN


def _line(node: ast.expr, name: str, lines: list[str], names: OldNames) -> int:
    """Return the line on which the name itself stands, else the one on which the expression begins."""
    for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        if any(found == name for _, found in names.find(lines[number - 1])):
            return number
    return node.lineno


def _comments(text: str, lines: list[str], names: OldNames) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every mention in a comment."""
    if not any("#" in line and any(names.find(line)) for line in lines):
        return  # to split a file into its tokens takes longer than all the rest
    for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
        if token.type == tokenize.COMMENT:
            for _, name in names.find(token.string):
                yield token.start[0], name

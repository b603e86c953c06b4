"""One answer: where a Python file names an old database, in one piece or put together."""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING, NamedTuple

from migration.engine.code_files import LINE_END
from migration.engine.mention import Kind, Mention, OldNames, excerpt
from migration.engine.scan_values import Values
from migration.engine.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Named(NamedTuple):
    """The smallest expression that names an old database."""

    node: ast.expr
    name: str
    kind: Kind


def named(module: ast.Module, names: OldNames) -> list[Named]:
    """Return the smallest expressions of a module that name an old database; each where the name comes about.

    Raises:
        RecursionError: The module is nested too deeply.
    """
    return _Finder(module, names).found


def python_mentions(file: str, text: str, names: OldNames) -> list[Mention]:
    """Return every mention in Python source, in the order of lines, one a line and name.

    Strings count as code however they are put together: f-strings, ``+``, ``%``, ``format``, ``/`` between paths,
    ``join``, ``Path``, ``with_suffix``, constants of the same module. Comments, and strings that stand alone
    (docstrings), count as documentation.

    Raises:
        SyntaxError: The text is not Python, or nested too deeply.
    """
    lines = LINE_END.split(text)
    found: dict[tuple[int, str], Mention] = {}
    try:
        for node, name, kind in named(tree(text), names):
            number = line_of_name(node, name, lines, names)
            found.setdefault((number, name), Mention(file, number, excerpt(lines[number - 1], name), name, kind))
    except RecursionError:
        raise SyntaxError("too deeply nested") from None
    for number, name in _comments(text, lines, names):
        comment = Mention(file, number, excerpt(lines[number - 1], name), name, "documentation")
        found.setdefault((number, name), comment)
    return sorted(found.values(), key=lambda mention: mention.line)


class _Finder:
    """Goes through a module once, inner expressions first."""

    def __init__(self, module: ast.Module, names: OldNames) -> None:
        self.found: list[Named] = []
        self._names = names
        self._values = Values(module)
        self._known(module, "code")

    def _known(self, node: ast.AST, kind: Kind) -> set[str]:
        """Note what the node names; return every name that it, or what it refers to, is known to be noted for."""
        if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
            kind = "documentation"
        if isinstance(node, _FUNCTIONS):
            self._values.enter(node)
        known = {name for child in ast.iter_child_nodes(node) for name in self._known(child, kind)}
        if isinstance(node, _FUNCTIONS):
            self._values.leave()
        if not isinstance(node, ast.expr):
            return known
        here = sorted({name for text in self._values.of(node) for _, name in self._names.find(text)})
        if not isinstance(node, (ast.Name, ast.Attribute)):  # a constant is noted where it is made
            self.found += [Named(node, name, kind) for name in here if name not in known]
        return known | set(here)


def line_of_name(node: ast.expr, name: str, lines: list[str], names: OldNames) -> int:
    """Return the line, from 1, on which the name itself stands, else the one on which the expression begins."""
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

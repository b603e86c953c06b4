"""Find expressions of a Python file whose computed text can name an old database."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN
from sqlite_consolidate.engine.code.scanning.prose import is_sentence
from sqlite_consolidate.engine.code.scanning.python_values import FUNCTIONS
from sqlite_consolidate.engine.code.scopes import child_nodes, nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.code.scanning.name_patterns import NamePattern
    from sqlite_consolidate.engine.code.scanning.old_names import MentionKind, OldNames
    from sqlite_consolidate.engine.code.scanning.python_values import ConstantValues


class PatternExpression(NamedTuple):
    """Hold an expression that computes a name, and the pattern of its text.

    Attributes:
        node: The largest expression of which the pattern is the text.
        pattern: The pattern.
        kind: What a mention by it is.
    """

    node: ast.expr
    pattern: NamePattern
    kind: MentionKind


_LISTINGS = frozenset({"listdir", "scandir", "iterdir", "walk", "glob", "iglob", "rglob"})
_Pending = list[tuple[ast.expr, frozenset[str]]]


def find_pattern_expressions(module: ast.Module, names: OldNames, values: ConstantValues) -> list[PatternExpression]:
    """Return the expressions of a module that can produce the name of an old database.

    An expression that names one for certain is left out, and so is a docstring.

    Raises:
        RecursionError: The module is nested too deeply.
    """
    return _PatternFinder(module, names, values).expressions


def _name_of(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _tested_endings(node: ast.AST) -> list[ast.expr]:
    """Return the endings of ``name.endswith(...)`` or ``path.suffix == ...``."""
    match node:
        case ast.Call(func=ast.Attribute(attr="endswith"), args=[ending, *_]):
            return _alternatives(ending)
        case ast.Compare(
            left=ast.Attribute(attr="suffix") | ast.Subscript(value=ast.Call(func=ast.Attribute(attr="splitext"))),
            ops=[ast.Eq() | ast.In()],
            comparators=[ending],
        ):
            return _alternatives(ending)
    return []


def _alternatives(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]


class _PatternFinder:
    """Visit the nodes of a module once, and keep the largest expression of each text."""

    def __init__(self, module: ast.Module, names: OldNames, values: ConstantValues) -> None:
        self.expressions: list[PatternExpression] = []
        self._names = names
        self._patterns = names.patterns
        self._values = values
        self._lists_folders = any(
            isinstance(node, ast.Attribute | ast.Name) and _name_of(node) in _LISTINGS for node in nodes_of(module)
        )
        self._visit(module)

    def _visit(self, node: ast.AST) -> _Pending:
        """Return the expressions below a node whose text its parent may continue."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant | ast.JoinedStr):
            return []
        if isinstance(node, FUNCTIONS):
            self._values.enter_function(node)
        below = [pending for child in child_nodes(node) for pending in self._visit(child)]
        if isinstance(node, FUNCTIONS):
            self._values.leave_function()
        if isinstance(node, ast.AugAssign):
            texts = self._values.added_texts(node)
            below = [(node.value, texts)] if any(map(self._patterns.is_end_of, texts)) else below
        if self._lists_folders and (endings := _tested_endings(node)):
            texts = frozenset(UNKNOWN + text for ending in endings for text in self._values.possible_texts(ending))
            below += [(ending, texts) for ending in endings[:1]]
        if isinstance(node, ast.Name | ast.Attribute):  # a constant is recorded where it is defined
            return [] if isinstance(node, ast.Name) else below
        if isinstance(node, ast.expr) and not isinstance(node, ast.Lambda):
            texts = self._values.possible_texts(node)
            return [(node, texts)] if any(map(self._patterns.is_end_of, texts)) else below
        for expression, texts in below:
            self._record(expression, texts)
        return []

    def _record(self, node: ast.expr, texts: frozenset[str]) -> None:
        named = {name for text in texts for _, name in self._names.find(text)}
        defined = set(self._patterns_of_names(node))
        by_pattern: dict[str, PatternExpression] = {}
        for text in sorted(texts):
            for pattern in self._patterns.find(text, named=named):
                is_prose = is_sentence(text, pattern.word)
                if (pattern.databases or not is_prose) and not any(map(pattern.word.endswith, defined)):
                    kind: MentionKind = "sentence" if is_prose else "code"
                    by_pattern.setdefault(pattern.shown, PatternExpression(node, pattern, kind))
        self.expressions += by_pattern.values()

    def _patterns_of_names(self, node: ast.expr) -> Iterator[str]:
        """Yield each pattern that a constant in an expression has where it is defined."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name | ast.Attribute):
                for text in self._values.possible_texts(part):
                    yield from (pattern.word for pattern in self._patterns.find(text) if pattern.databases)

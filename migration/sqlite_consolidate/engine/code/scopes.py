"""Find the nodes of a Python module, its scopes, and the names that they bind."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import Span, find_line, line_starts

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef

_FIELDS_WITHOUT_EXPRESSIONS = frozenset({"ctx", "op", "ops"})


def nodes_of(*nodes: ast.AST) -> list[ast.AST]:
    """Return some nodes and all below them, without operators and contexts."""
    known: list[ast.AST] = []
    level = list(nodes)
    while level:
        known += level
        level = [child for node in level for child in child_nodes(node)]
    return known


def child_nodes(node: ast.AST) -> list[ast.AST]:
    """Return the nodes of which a node consists, without operators and contexts."""
    children: list[ast.AST] = []
    for field in _fields_of_parts(node._fields):
        value = getattr(node, field, None)
        if isinstance(value, list):
            children += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            children.append(value)
    return children


@cache
def _fields_of_parts(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(field for field in fields if field not in _FIELDS_WITHOUT_EXPRESSIONS)


def span_of(text: str, node: ast.stmt | ast.expr | ast.alias) -> Span:
    """Return the place of a node of the text's tree."""
    lines = line_starts(text)

    def offset(line: int, column: int) -> int:
        start = lines[line - 1]
        return start + len(text[start : start + column].encode()[:column].decode())

    return Span(offset(node.lineno, node.col_offset), offset(node.end_lineno or 0, node.end_col_offset or 0))


def enclosing_scopes(text: str, module: ast.Module, offset: int) -> list[_Scope]:
    """Return the functions and classes whose bodies contain the character, outermost first.

    Decorators, defaults and annotations belong to the scope around them.
    """
    line, scopes = find_line(text, offset), []
    for node in ast.walk(module):
        if isinstance(node, _Scope) and node.lineno <= line <= (node.end_lineno or 0):
            body = [node.body] if isinstance(node.body, ast.expr) else node.body
            if span_of(text, body[0]).start <= offset < span_of(text, body[-1]).end:
                scopes.append(node)
    return sorted(scopes, key=lambda scope: (scope.lineno, scope.col_offset))


def shadowed_names(text: str, module: ast.Module, offset: int) -> set[str]:
    """Return the names that stand for something else than in the module at a place.

    Names of a class do not reach into its functions.
    """
    scopes = enclosing_scopes(text, module, offset)
    visible = [scope for scope in scopes if not isinstance(scope, ast.ClassDef) or scope is scopes[-1]]
    return {name for scope in visible for name in bound_names(scope)}


def bound_names(scope: _Scope) -> set[str]:
    """Return the names that a function or class binds itself.

    What it imports is left out, because it may be the same thing.
    """
    names: set[str] = set()
    if isinstance(scope, FUNCTIONS):
        names |= {node.arg for node in ast.walk(scope.args) if isinstance(node, ast.arg)}
    from_module: set[str] = set()
    for node in nodes_inside(scope):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=str() as name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Global(names=declared):
                from_module |= set(declared)
    return names - from_module


def nodes_inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of the scopes inside it."""
    body = getattr(scope, "body", [])
    pending = list(body) if isinstance(body, list) else [body]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _Scope):
            pending += ast.iter_child_nodes(node)

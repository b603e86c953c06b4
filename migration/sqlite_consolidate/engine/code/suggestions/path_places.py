"""Decide where a module allows the path of another file."""

from __future__ import annotations

import ast
import re

Parents = dict[ast.AST, ast.AST]

_KEEPS_A_NAME = (ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.BoolOp, ast.IfExp, ast.Tuple, ast.keyword)
_TAKES_A_NAME = frozenset(
    {
        "with_name",
        "with_stem",
        "with_suffix",
        "endswith",
        "startswith",
        "removesuffix",
        "removeprefix",
        "match",
        "getLogger",
        "getChild",
    }
)
_TEMPORARY = re.compile(r"(?:\b|_)te?mp(?:\b|_|path|dir|file|folder)|mkdtemp|Temporary", re.IGNORECASE)
_PURE = re.compile(r"\bPure(?:Posix|Windows)?Path\b")
_RESOURCES = frozenset({"files", "Traversable"})


def may_be_a_path(node: ast.expr, parents: Parents) -> bool:
    """Return whether the code allows a path where an expression names a file.

    For ``with_name`` there is a replacement of the whole call.
    """
    inner: ast.AST = node
    around = parents[node]
    while isinstance(around, _KEEPS_A_NAME):
        if isinstance(around, ast.BinOp) and isinstance(around.op, ast.Div):
            return True
        inner, around = around, parents[around]
    match around:
        case ast.Call(func=ast.Attribute(attr="with_name"), args=[only], keywords=[]):
            return only is node and isinstance(node, ast.Constant)
        case ast.Call(func=ast.Attribute(attr=method) | ast.Name(id=method)) if inner is not around.func:
            return method not in _TAKES_A_NAME
        case ast.Compare(left=left, comparators=others):
            return not any(isinstance(side, ast.Attribute) and side.attr == "name" for side in (left, *others))
    return True


def can_climb_from(base: ast.expr) -> bool:
    """Return whether a path may lead out of a folder.

    A folder for temporary files has no target beside it.

    Args:
        base: The expression of the folder, or a text with it.
    """
    names = [node.attr if isinstance(node, ast.Attribute) else node.id for node in _names(base)]
    return not any(map(_TEMPORARY.search, names))


def can_resolve(text: str, path: ast.expr) -> bool:
    """Return whether a path has a method ``resolve``, as far as its module tells.

    A pure path has none, and a resource of a package has none.

    Args:
        text: The module.
        path: An expression of the module.
    """
    names = {node.attr if isinstance(node, ast.Attribute) else node.id for node in _names(path)}
    return not _PURE.search(text) and not names & _RESOURCES


def _names(node: ast.expr) -> list[ast.Name | ast.Attribute]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)]

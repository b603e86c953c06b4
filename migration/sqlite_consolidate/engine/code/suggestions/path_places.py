"""Decide where a module allows the path of another file."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.code.tables.sql_texts import begins_like_sql

if TYPE_CHECKING:
    from sqlite_consolidate.engine.code.suggestions.database_paths import DatabasePaths

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
_BY_HAND = {
    "": "the path is built from parts, or may be another file than {0}.",
    "attach": "ATTACH opens a file here that can be {0}. If its connection opens {1} as well, remove ATTACH, and "
    "remove the name of the attached database in front of its tables. Otherwise, write the path of {1}.",
    "sql": "a statement of SQL has the path, which can be that of {0}.",
    "words": "the path is one of several words of a text.",
}
"""Why a path has no replacement, by the kind of text around it."""
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


def why_by_hand(node: ast.expr, parents: Parents, place: DatabasePaths) -> str:
    """Return why a path has no replacement, and what to do."""
    around = parents[node]
    kind = text_around(around if isinstance(around, ast.JoinedStr) else node)
    return _BY_HAND[kind].format(place.names, place.target)


def text_around(node: ast.expr) -> Literal["", "attach", "sql", "words"]:
    """Return what kind of text has a path among other words, or an empty text.

    The text is a literal. Of an f-string, only the part before the first value is known.
    """
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    if begins_like_sql(text):
        return "attach" if re.match(r"[^'\"]*\battach\b", text, re.IGNORECASE) else "sql"
    return "words" if any(map(str.isspace, text)) else ""


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

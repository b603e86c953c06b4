"""Suggest the path of the target for code that computes the name of an old database."""

from __future__ import annotations

import ast
import posixpath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.python_patterns import find_pattern_expressions
from sqlite_consolidate.engine.code.scanning.python_values import ConstantValues
from sqlite_consolidate.engine.code.scopes import child_nodes, nodes_of
from sqlite_consolidate.engine.code.suggestions.database_paths import DatabasePaths
from sqlite_consolidate.engine.code.suggestions.path_places import can_resolve
from sqlite_consolidate.engine.code.suggestions.suggest_python import (
    MentionChange,
    change_as_written,
    replace_joined_path,
    replace_text,
)
from sqlite_consolidate.engine.code.syntax import PythonCode, parse_tree
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from sqlite_consolidate.engine.code.scanning.old_names import OldNames
    from sqlite_consolidate.engine.code.source_files import CodeFile
    from sqlite_consolidate.engine.code.suggestions.path_places import Parents

_NAME = "computed-name.db"  # stands for the name that the code computes


def computed_changes(code: CodeFile, names: OldNames, target: str) -> list[MentionChange]:
    """Return a change for each expression of a module that computes a path in one folder.

    The name of a change is the pattern as it is shown. Only a person knows whether the code opens no other file.

    Args:
        code: The module.
        names: The old databases.
        target: The new one, relative to the workspace.
    """
    try:
        module = parse_tree(code.text)
        source = PythonCode(code.text, code.file)
        parents = {child: node for node in nodes_of(module) for child in child_nodes(node)}
        changes = []
        for node, pattern, kind in find_pattern_expressions(module, names, ConstantValues(module)):
            paths = [posixpath.normpath(path) for name in pattern.databases for path in names.paths[name]]
            if kind == "code" and paths:
                folders = dict.fromkeys(map(posixpath.dirname, paths))
                place = DatabasePaths(tuple(posixpath.join(folder, _NAME) for folder in folders), target)
                new = _replaced(node, place, parents, code.text)
                change = MentionChange(node.lineno, pattern.shown, ast.unparse(node), new, "")
                changes.append(change_as_written(change, source) if new else change)
    except (SyntaxError, RecursionError, ProblemError):
        return []
    return [change for change in changes if change.find and change.replace]


def _replaced(node: ast.expr, place: DatabasePaths, parents: Parents, text: str) -> str:
    """Return the path of the target for an expression that computes a path, or an empty text."""
    plain = _with_plain_name(node)
    if plain is None:
        return ""
    if isinstance(plain, ast.Constant | ast.JoinedStr):
        exchange = replace_text(plain, _NAME, {**parents, plain: parents[node]}, place)
    else:
        exchange = replace_joined_path(plain, place)
    if exchange is None or (".resolve()" in exchange.new and not can_resolve(text, plain)):
        return ""
    return exchange.new


def _with_plain_name(node: ast.expr) -> ast.expr | None:
    """Return a path expression in which a constant stands for the computed name, or None."""
    match node:
        case ast.JoinedStr(values=values):
            return _plain_text(values)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            last = _with_plain_name(right)
            return last and ast.BinOp(left, ast.Div(), last)
        case ast.Call(func=ast.Attribute(attr="join" | "joinpath") as function, args=[*first, last], keywords=[]):
            plain = _with_plain_name(last)
            return plain and ast.Call(function, [*first, plain], [])
        case (
            ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Mod())
            | ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format"))
        ):
            folder = text[: text.rfind("/") + 1]
            return None if "%" in folder or "{" in folder else ast.Constant(f"{folder}{_NAME}")
    return None


def _plain_text(values: list[ast.expr]) -> ast.expr:
    """Return a string whose text after the last ``/`` is a constant.

    A string without a variable before that is a constant.
    """
    texts = [
        value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else "" for value in values
    ]
    number = next((number for number in reversed(range(len(texts))) if "/" in texts[number]), -1)
    folder = texts[number].rpartition("/")[0] + "/" if number >= 0 else ""
    last = ast.Constant(f"{folder}{_NAME}")
    return ast.JoinedStr([*values[:number], last]) if number > 0 else last

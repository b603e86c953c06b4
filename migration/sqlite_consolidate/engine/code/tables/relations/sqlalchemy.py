"""Read the joins of SQLAlchemy that compare the columns of two models."""

from __future__ import annotations

import ast
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scopes import nodes_of
from sqlite_consolidate.engine.code.syntax import parse_tree
from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelName, ModelRelation, both_ways

if TYPE_CHECKING:
    from collections.abc import Iterator

_JOINS = frozenset({"join", "outerjoin"})
_MARKS = frozenset({"foreign", "remote"})
"""Functions that say which side of a comparison refers."""


class _Column(NamedTuple):
    """Hold a column as an attribute of a class."""

    model: str
    column: str


def sqlalchemy_relations(text: str) -> Iterator[ModelRelation]:
    """Yield both ways to read each equality of a join or of a ``primaryjoin``.

    A name that the module assigns may be an alias of any class, and tells nothing.

    Args:
        text: A module of Python.
    """
    if "sqlalchemy" not in text or not any(name in text for name in ("join(", "primaryjoin")):
        return
    with contextlib.suppress(SyntaxError, RecursionError):
        nodes = list(nodes_of(parse_tree(text)))
        tables = dict(filter(None, map(_named_table, nodes)))
        assigned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for node in nodes:
            for condition in _conditions(node):
                left, right = _column(condition.left), _column(condition.comparators[0])
                if left and right and assigned.isdisjoint((left.model, right.model)):
                    first, second = (
                        ModelName(tables.get(each.model, each.model), is_class=each.model not in tables)
                        for each in (left, right)
                    )
                    yield from both_ways((first, left.column), (second, right.column), getattr(node, "lineno", 1))


def _named_table(node: ast.AST) -> tuple[str, str] | None:
    """Return a class and its table, if the class names it."""
    if not isinstance(node, ast.ClassDef):
        return None
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__tablename__")], value=ast.Constant(value=str(table))):
                return node.name, table
    return None


def _conditions(node: ast.AST) -> Iterator[ast.Compare]:
    """Yield each equality that a join states as an argument."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=[_, condition, *_]) if name in _JOINS:
            yield from _equality(condition)
        case ast.keyword(arg="primaryjoin", value=ast.Constant(value=str(condition))):
            with contextlib.suppress(SyntaxError):
                yield from _equality(ast.parse(condition.strip(), mode="eval").body)
        case ast.keyword(arg="primaryjoin", value=ast.expr() as condition):
            yield from _equality(condition)


def _equality(node: ast.expr) -> Iterator[ast.Compare]:
    match node:
        case ast.Compare(ops=[ast.Eq()]):
            yield node


def _column(node: ast.expr) -> _Column | None:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[marked]) if name in _MARKS:
            return _column(marked)
        case ast.Attribute(value=ast.Name(id=model), attr=column):
            return _Column(model, column)
    return None

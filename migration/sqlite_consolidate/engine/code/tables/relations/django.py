"""Read the foreign keys of models of Django, which can do without a constraint."""

from __future__ import annotations

import ast
import contextlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.syntax import parse_tree
from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelName, ModelRelation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIELDS = frozenset({"ForeignKey", "OneToOneField"})
_MODELS = "models"


def django_relations(file: str, text: str) -> Iterator[ModelRelation]:
    """Yield each column of a foreign key to a model that the module names.

    ``ForeignKey`` and ``OneToOneField`` are such keys.

    Args:
        file: Path of the module, whose folder is the app.
        text: Its source.
    """
    if not any(name in text for name in _FIELDS) or "django" not in text:
        return
    with contextlib.suppress(SyntaxError, RecursionError):
        tree = parse_tree(text)
        app = _app_of(PurePosixPath(file).with_suffix("").parts)
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        tables = _imported(tree) | {node.name: _table_of(node, app) for node in classes}
        for model in classes:
            for statement in model.body:
                yield from _relation(statement, model.name, app, tables)


def _app_of(parts: tuple[str, ...]) -> str:
    """Return the folder of ``models.py``, or of a package of that name."""
    return parts[parts.index(_MODELS) - 1] if _MODELS in parts[1:] else ""


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return the models that a module imports from another app, each to its table."""
    return {
        alias.asname or alias.name: f"{app}_{alias.name.lower()}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and not node.level
        for app in [_app_of(tuple((node.module or "").split(".")))]
        for alias in node.names
        if app
    }


def _table_of(model: ast.ClassDef, app: str) -> str:
    """Return the table of a model, as ``Meta`` names it, or after the app."""
    meta = next((node for node in model.body if isinstance(node, ast.ClassDef) and node.name == "Meta"), None)
    stated: dict[str, str] = {}
    for statement in meta.body if meta else ():
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                stated[name] = value
    return stated.get("db_table") or f"{stated.get('app_label') or app}_{model.name.lower()}"


def _relation(statement: ast.stmt, model: str, app: str, tables: Mapping[str, str]) -> Iterator[ModelRelation]:
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=field)],
            value=ast.Call(func=ast.Attribute(attr=kind) | ast.Name(id=kind), args=args, keywords=keywords),
        ) if kind in _FIELDS:
            named = {keyword.arg: keyword.value for keyword in keywords}
            parent = _named_table(args[0] if args else named.get("to"), model, app, tables)
            column = named.get("db_column", ast.Constant(f"{field}_id"))
            if (
                parent
                and "to_field" not in named
                and isinstance(column, ast.Constant)
                and isinstance(column.value, str)
            ):
                child = ModelName(tables[model])
                yield ModelRelation(child, column.value, ModelName(parent), "", statement.lineno)


def _named_table(node: ast.expr | None, model: str, app: str, tables: Mapping[str, str]) -> str:
    """Return the table that the first argument of a foreign key means, or an empty text."""
    match node:
        case ast.Name(id=name):
            return tables.get(name, "")
        case ast.Constant(value="self"):
            return tables[model]
        case ast.Constant(value=str(name)):
            label, _, other = name.rpartition(".")
            return f"{label}_{other.lower()}" if label else tables.get(name, f"{app}_{name.lower()}")
    return ""

"""Find the statements of a Python module that only the target executes."""

from __future__ import annotations

import ast
import posixpath
from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.python_values import ConstantValues
from sqlite_consolidate.engine.code.scopes import FUNCTIONS, bound_names, nodes_inside, nodes_of
from sqlite_consolidate.engine.code.source_files import is_python
from sqlite_consolidate.engine.code.syntax import parse_tree
from sqlite_consolidate.engine.code.tables.sql_texts import statements_in, value_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_EXECUTES = frozenset({"execute", "executemany", "executescript"})


def statements_of_target(file: str, text: str, target: str, others: Collection[str]) -> frozenset[str]:
    """Return the statements that a module executes by connections to the target alone.

    Such a connection is made in the same function from a constant path, and nothing can attach another database to it.
    A statement that occurs elsewhere as well is none of them.

    Args:
        file: Path of the module.
        text: Its source.
        target: Path of the target.
        others: Paths of the other databases.
    """
    name = posixpath.basename(target)
    if not is_python(file) or name not in text or name in map(posixpath.basename, others):
        return frozenset()
    try:
        module = parse_tree(text)
        reader = _ConnectionReader(module, file, name)
        executed = Counter(reader.statements())
        every = Counter(statement for statement, _, _ in statements_in(file, text))
    except (SyntaxError, RecursionError):
        return frozenset()
    return frozenset(statement for statement, number in executed.items() if number == every[statement])


class _ConnectionReader:
    """Read what a module executes by connections to one database."""

    def __init__(self, module: ast.Module, file: str, name: str) -> None:
        """Take the module, and the file name of the database."""
        self._nodes = nodes_of(module)
        self._scopes: list[ast.AST] = [module, *(node for node in self._nodes if isinstance(node, FUNCTIONS))]
        self._values = ConstantValues(module, file=file)
        self._name = name
        self._changed = {name for node in self._nodes if isinstance(node, ast.Global) for name in node.names}

    def statements(self) -> Iterator[str]:
        """Yield the text of each statement that only the database executes."""
        for scope in self._scopes:
            local = bound_names(scope) if isinstance(scope, FUNCTIONS) else set()
            nodes = [*nodes_inside(scope)]
            connections = self._connections(nodes_of(scope), nodes, local)
            for node in nodes:
                match node:
                    case ast.Call(func=ast.Attribute(attr=method, value=by), args=[sql, *_]) if method in _EXECUTES:
                        by = _without_cursor(by)
                        is_known = isinstance(by, ast.Name) and by.id in connections
                        if (is_known or self._opens(by, local)) and (statement := value_of(sql)):
                            yield statement

    def _connections(
        self, all_nodes: Sequence[ast.AST], nodes: Sequence[ast.AST], local: Collection[str]
    ) -> frozenset[str]:
        """Return the variables of a scope that hold nothing but a connection to the database.

        Args:
            all_nodes: The nodes of the scope and of the scopes inside it.
            nodes: The nodes of the scope alone.
            local: The names that it binds.
        """
        made: Counter[str] = Counter()
        for node in nodes:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.withitem(context_expr=value, optional_vars=ast.Name(id=name))
                ) if self._opens(_without_closing(value), local):
                    made[name] += 1
        bound = Counter(node.id for node in all_nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        bound.update(node.arg for node in all_nodes if isinstance(node, ast.arg))
        if any(isinstance(node, ast.Constant) and "attach" in str(node.value).lower() for node in all_nodes):
            return frozenset()
        passed = {each.id for node in all_nodes for each in _arguments(node) if isinstance(each, ast.Name)}
        return frozenset(name for name, number in made.items() if number == bound[name]) - passed

    def _opens(self, node: ast.expr, local: Collection[str]) -> bool:
        """Return whether an expression is a new connection to the database.

        A path that the function computes or takes can be any.
        """
        match node:
            case ast.Call(func=ast.Attribute(attr="connect") | ast.Name(id="connect"), args=[path, *_]):
                names = {each.id for each in nodes_of(path) if isinstance(each, ast.Name)}
                if isinstance(path, ast.Attribute | ast.Subscript) or not names.isdisjoint({*local, *self._changed}):
                    return False
                texts = self._values.possible_texts(path)
                return bool(texts) and all(posixpath.basename(text) == self._name for text in texts)
        return False


def _without_cursor(node: ast.expr) -> ast.expr:
    match node:
        case ast.Call(func=ast.Attribute(attr="cursor", value=connection), args=[]):
            return connection
    return node


def _without_closing(node: ast.expr) -> ast.expr:
    match node:
        case ast.Call(func=ast.Attribute(attr="closing") | ast.Name(id="closing"), args=[connection]):
            return connection
    return node


def _arguments(node: ast.AST) -> list[ast.expr]:
    """Return what a call gives to other code, which may attach a database."""
    if isinstance(node, ast.Call) and _without_closing(node) is node:
        return [*node.args, *(keyword.value for keyword in node.keywords)]
    return []

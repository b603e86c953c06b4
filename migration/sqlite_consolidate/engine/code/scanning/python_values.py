"""Find the possible texts of an expression of a Python module."""

from __future__ import annotations

import ast
import re
from itertools import islice, product
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.name_patterns import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Texts = frozenset[str]
Bindings = dict[str, list[ast.expr]]

_MAX_TEXTS = 100
"""Largest number of texts, and of name look-ups, of one expression.

Beyond it, texts are left out and names count as unknown.
"""
_ANY_TEXT: Texts = frozenset({UNKNOWN})
_PATH_CALLS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath", "join", "joinpath"})
_SAME_FILE = frozenset({"str", "fspath", "abspath", "expanduser", "realpath", "normpath"})
_SEARCHES = frozenset({"glob", "iglob", "rglob"})
_SAME_FILE_METHODS = frozenset({"resolve", "absolute", "expanduser", "as_posix"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class ConstantValues:
    """Resolve names to the constants of a module, its classes and the enclosing function.

    Args:
        module: Its tree.
    """

    def __init__(self, module: ast.Module) -> None:
        self._scopes: list[Bindings] = [{}]
        self._of_function: dict[ast.AST, Bindings] = {}
        self._attributes: Bindings = {}
        self._collect(module, self._scopes[0], in_class=False)
        self._in_progress: set[int] = set()
        self._lookups_left = _MAX_TEXTS

    def enter_function(self, function: ast.AST) -> None:
        """Look names up in this function first from now on."""
        self._scopes.append(self._of_function[function])

    def leave_function(self) -> None:
        """Stop looking names up in the function entered last."""
        self._scopes.pop()

    def possible_texts(self, node: ast.expr) -> Texts:
        """Return the possible texts of an expression, with ``UNKNOWN`` for each unknown part."""
        match node:
            case ast.Constant(value=str() | bytes() as value):
                return frozenset({value if isinstance(value, str) else value.decode("latin-1")})
            case ast.JoinedStr(values=parts):
                return self._joined_texts("", parts)
            case ast.FormattedValue(value=value, conversion=-1 | 115, format_spec=None):  # 115: !s
                return self.possible_texts(value)
            case ast.BinOp():
                return self._operator_texts(node)
            case ast.IfExp(body=first, orelse=other):
                return self.possible_texts(first) | self.possible_texts(other)
            case ast.BoolOp(values=values):
                return frozenset().union(*map(self.possible_texts, values))
            case ast.Name(id=name):
                return self._name_texts(name)
            case ast.Attribute(attr=name):
                return self._bound_texts(self._attributes.get(name, []))
            case ast.Call():
                return self._call_texts(node)
        return _ANY_TEXT

    def _collect(self, node: ast.AST, scope: Bindings, *, in_class: bool) -> None:
        """Record what each name and attribute below the node is bound to.

        Names belong to their function or to the module.
        """
        for child in ast.iter_child_nodes(node):
            for target, value in _bindings(child):
                match target:
                    case ast.Name(id=name) | ast.arg(arg=name):
                        scope.setdefault(name, []).append(value)
                        if in_class:
                            self._attributes.setdefault(name, []).append(value)
                    case ast.Attribute(attr=name):
                        self._attributes.setdefault(name, []).append(value)
            if isinstance(child, FUNCTIONS):
                self._collect(child, self._of_function.setdefault(child, {}), in_class=False)
            else:
                self._collect(child, scope, in_class=in_class or isinstance(child, ast.ClassDef))

    def _operator_texts(self, node: ast.BinOp) -> Texts:
        match node.op:
            case ast.Add():
                return self._joined_texts("", [node.left, node.right])
            case ast.Div():
                return self._joined_texts("/", [node.left, node.right])
            case ast.Mod():
                values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
                return self._formatted_texts(r"%(?:\(\w+\))?[-+#0-9. ]*[a-zA-Z]", node.left, values)
        return _ANY_TEXT

    def _name_texts(self, name: str) -> Texts:
        return self._bound_texts(next((scope[name] for scope in reversed(self._scopes) if name in scope), []))

    def _bound_texts(self, values: list[ast.expr]) -> Texts:
        """Return the possible texts of all values that a name is bound to.

        A value that refers to itself is not followed again.
        """
        if not self._in_progress:
            self._lookups_left = _MAX_TEXTS
        self._lookups_left -= 1
        if self._lookups_left < 0:  # nested names have too many possible texts
            return _ANY_TEXT
        fresh = [value for value in values if id(value) not in self._in_progress]
        self._in_progress |= {id(value) for value in fresh}
        try:
            return frozenset().union(*map(self.possible_texts, fresh)) or _ANY_TEXT
        finally:
            self._in_progress -= {id(value) for value in fresh}

    def _joined_texts(self, separator: str, parts: Iterable[ast.expr]) -> Texts:
        return frozenset(
            separator.join(texts) for texts in islice(product(*map(self.possible_texts, parts)), _MAX_TEXTS)
        )

    def _call_texts(self, call: ast.Call) -> Texts:
        """Return the path or text that a call builds, or unknown for other calls."""
        match call.func:
            case ast.Attribute(value=value, attr="with_suffix") if call.args:
                stems = {re.sub(r"\.[^./]*$", "", text) for text in self.possible_texts(value)}
                return frozenset(stem + suffix for stem in stems for suffix in self.possible_texts(call.args[0]))
            case ast.Attribute(value=value, attr="joinpath"):
                return self._joined_texts("/", [value, *call.args])
            case ast.Attribute(value=ast.Constant(value=str() as separator), attr="join") if call.args:
                parts = call.args[0]
                return (
                    self._joined_texts(separator, parts.elts) if isinstance(parts, ast.List | ast.Tuple) else _ANY_TEXT
                )
            case ast.Attribute(value=value, attr="format"):
                return self._formatted_texts(
                    r"\{[^{}]*\}", value, call.args or [keyword.value for keyword in call.keywords]
                )
            case ast.Attribute(value=value, attr=name) if name in _SAME_FILE_METHODS:
                return self.possible_texts(value)
            case ast.Attribute(attr="get" | "getenv") if len(call.args) > 1:
                return self.possible_texts(call.args[1]) | _ANY_TEXT
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _PATH_CALLS or name in _SAME_FILE:
                return self._joined_texts("/", call.args)
        return self._templated_texts(call)

    def _templated_texts(self, call: ast.Call) -> Texts:
        """Return the text that a call makes of a template, or for which it searches."""
        match call.func:
            case ast.Attribute(value=value, attr="format_map"):
                return self._formatted_texts(r"\{[^{}]*\}", value, [])
            case ast.Attribute(
                value=ast.Call(func=ast.Name(id="Template") | ast.Attribute(attr="Template"), args=[template]),
                attr="substitute" | "safe_substitute",
            ):
                return self._formatted_texts(r"\$\{?\w+\}?", template, [])
            case ast.Attribute(attr="strftime") | ast.Name(id="glob" | "iglob" | "strftime") if call.args:
                return self.possible_texts(call.args[0])
            case ast.Attribute(value=value, attr=name) if name in _SEARCHES and call.args:
                folder = [] if isinstance(value, ast.Name) and value.id == "glob" else [value]
                return self._joined_texts("/", [*folder, call.args[0]])
        return _ANY_TEXT

    def _formatted_texts(self, place: str, template: ast.expr, values: list[ast.expr]) -> Texts:
        """Return the template with the values in its placeholders, in order."""

        def _filled(texts: tuple[str, ...]) -> str:
            left = iter(texts[1:])
            return re.sub(place, lambda _: next(left, UNKNOWN), texts[0])

        return frozenset(map(_filled, islice(product(*map(self.possible_texts, [template, *values])), _MAX_TEXTS)))


def _bindings(node: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Yield what one node binds by assignment, default, or loop over a literal collection."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.For(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values)) | (
            ast.comprehension(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values))
        ):
            yield from ((target, value) for value in values)
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            yield from zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
            yield from ((arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value)

"""Find expressions of a Python file that name an old database or build its name."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.old_names import Mention, MentionKind, OldNames, excerpt
from sqlite_consolidate.engine.code.scanning.prose import is_sentence
from sqlite_consolidate.engine.code.source_files import LINE_END
from sqlite_consolidate.engine.code.syntax import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


UNKNOWN = "\0"  # a part that is known only at run time; no file name contains this character

Texts = frozenset[str]
Bindings = dict[str, list[ast.expr]]

_MAX_TEXTS = 100
"""Largest number of texts, and of name look-ups, of one expression.

Beyond it, texts are left out and names count as unknown.
"""
_ANY_TEXT: Texts = frozenset({UNKNOWN})
_PATH_CALLS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath", "join", "joinpath"})
_SAME_FILE = frozenset({"str", "fspath", "abspath", "expanduser", "realpath", "normpath"})
_SAME_FILE_METHODS = frozenset({"resolve", "absolute", "expanduser", "as_posix"})
_EXECUTE = frozenset(
    {"system", "popen", "Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}
    | {"execute", "executemany", "executescript"}
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


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
            if isinstance(child, _FUNCTIONS):
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
                return self._formatted_texts(r"%[-+#0-9. ]*[a-z]", node.left, values)
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
                    r"\{\w*\}", value, call.args or [keyword.value for keyword in call.keywords]
                )
            case ast.Attribute(value=value, attr=name) if name in _SAME_FILE_METHODS:
                return self.possible_texts(value)
            case ast.Attribute(attr="get" | "getenv") if len(call.args) > 1:
                return self.possible_texts(call.args[1]) | _ANY_TEXT
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _PATH_CALLS or name in _SAME_FILE:
                return self._joined_texts("/", call.args)
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


class NamingExpression(NamedTuple):
    """Hold the smallest expression that names an old database."""

    node: ast.expr
    name: str
    kind: MentionKind


def find_naming_expressions(module: ast.Module, names: OldNames) -> list[NamingExpression]:
    """Return the smallest expressions of a module that name an old database.

    An expression is returned where it builds the name, and not where the code uses the result.

    Raises:
        RecursionError: The module is nested too deeply.
    """
    return _Finder(module, names).expressions


def python_mentions(file: str, text: str, names: OldNames) -> list[Mention]:
    """Return every mention in Python source, ordered by line.

    A line that has a name twice counts once. Strings count as code, also if they are built by f-strings, ``+``, ``%``,
    ``format``, ``/`` between paths, ``join``, ``Path``, ``with_suffix`` or constants of the same module. A string in
    which the name is a word among others counts as a sentence, unless a call executes it. Comments, and strings that
    stand alone (docstrings), count as documentation.

    Raises:
        SyntaxError: The text is not Python, or nested too deeply.
    """
    lines = LINE_END.split(text)
    mentions: dict[tuple[int, str], Mention] = {}
    try:
        for node, name, kind in find_naming_expressions(parse_tree(text), names):
            number = line_of_name(node, name, lines, names)
            mentions.setdefault((number, name), Mention(file, number, excerpt(lines[number - 1], name), name, kind))
    except RecursionError:
        raise SyntaxError("too deeply nested") from None
    for number, name in _comments(text, lines, names):
        comment = Mention(file, number, excerpt(lines[number - 1], name), name, "documentation")
        mentions.setdefault((number, name), comment)
    return sorted(mentions.values(), key=lambda mention: mention.line)


class _Finder:
    """Visit the nodes of a module once, inner expressions first."""

    def __init__(self, module: ast.Module, names: OldNames) -> None:
        self.expressions: list[NamingExpression] = []
        self._names = names
        self._values = ConstantValues(module)
        self._record_names(module, _Place())

    def _record_names(self, node: ast.AST, place: _Place) -> set[str]:
        """Record the names that a node builds and return all names in it.

        A name that a part of the node already builds is not recorded again.
        """
        if isinstance(node, _FUNCTIONS):
            self._values.enter_function(node)
        inside = place.inside(node)
        names_in_parts = {name for child in ast.iter_child_nodes(node) for name in self._record_names(child, inside)}
        if isinstance(node, _FUNCTIONS):
            self._values.leave_function()
        if not isinstance(node, ast.expr):
            return names_in_parts
        names_in_node = sorted(
            {name for text in self._values.possible_texts(node) for _, name in self._names.find(text)}
        )
        if not isinstance(node, (ast.Name, ast.Attribute)):  # a constant is recorded where it is defined
            self.expressions += [
                NamingExpression(node, name, self._kind(node, name, place))
                for name in names_in_node
                if name not in names_in_parts
            ]
        return names_in_parts | set(names_in_node)

    def _kind(self, node: ast.expr, name: str, place: _Place) -> MentionKind:
        if place.kind == "documentation" or place.is_executed:
            return place.kind
        texts = self._values.possible_texts(place.text or node)
        return "sentence" if all(is_sentence(text, name) for text in texts) else place.kind


class _Place(NamedTuple):
    """Describe where in a module an expression stands.

    Attributes:
        kind: What a mention in it is, unless it is a sentence.
        text: The f-string to which it belongs.
        is_executed: Whether it belongs to an argument of a call that executes a command or a statement of SQL.
    """

    kind: MentionKind = "code"
    text: ast.JoinedStr | None = None
    is_executed: bool = False

    def inside(self, node: ast.AST) -> _Place:
        """Return the place of what a node consists of."""
        match node:
            case ast.Expr(value=ast.Constant() | ast.JoinedStr()):
                return self._replace(kind="documentation")
            case ast.JoinedStr():
                return self._replace(text=node)
            case ast.Constant() | ast.FormattedValue():
                return self
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _EXECUTE:
                return self._replace(text=None, is_executed=True)
        return self._replace(text=None)


def line_of_name(node: ast.expr, name: str, lines: list[str], names: OldNames) -> int:
    """Return the line on which the name is written, or else the expression's first line."""
    for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        if any(other == name for _, other in names.find(lines[number - 1])):
            return number
    return node.lineno


def _comments(text: str, lines: list[str], names: OldNames) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every mention in a comment."""
    if not any("#" in line and any(names.find(line)) for line in lines):
        return  # tokenizing a file takes longer than everything else
    for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
        if token.type == tokenize.COMMENT:
            for _, name in names.find(token.string):
                yield token.start[0], name

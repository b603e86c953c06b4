"""Find the possible texts of an expression of a Python module."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable
from itertools import count, islice, product
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.name_patterns import TEMPORARY, UNKNOWN, WORKSPACE
from sqlite_consolidate.engine.code.scopes import child_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Texts = frozenset[str]
Lookup = Callable[[str, int, tuple[str, ...]], Texts]
"""Find the possible texts of a name of a module, whose import has a number of dots."""
Value = ast.expr | ast.AugAssign
Bindings = dict[str, list[Value]]

_MAX_TEXTS = 100
"""Largest number of texts, and of name look-ups, of one expression.

Beyond it, texts are left out and names count as unknown.
"""
_ANY_TEXT: Texts = frozenset({UNKNOWN})
_PATH_CALLS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath", "join", "joinpath"})
_SAME_FILE = frozenset({"str", "fspath", "abspath", "expanduser", "realpath", "normpath"})
_BRACES = re.compile(r"\{(?P<name>[^{}:!]*)[^{}]*\}")
_DOLLAR = re.compile(r"\$(?P<brace>\{)?(?P<name>\w+)(?(brace)\})")
_PERCENT = re.compile(r"%(?:\((?P<name>\w+)\))?[-+#0-9. ]*[a-zA-Z]")
_SEARCHES = frozenset({"glob", "iglob", "rglob"})
_SAME_FILE_METHODS = frozenset({"resolve", "absolute", "expanduser", "as_posix"})
_TEMPORARY_FOLDER = frozenset({f"{UNKNOWN}{TEMPORARY}"})
_TEMPORARY_CALLS = frozenset({"TemporaryDirectory", "gettempdir", "mkdtemp", "mktemp"})
_FIXTURES = {name: ast.Call(ast.Name("mkdtemp"), [], []) for name in ("tmp_path", "tmpdir")}
"""Arguments for which pytest makes a folder, with an expression of the same meaning."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class ConstantValues:
    """Resolve names to the constants of a module, its classes and the enclosing function.

    Args:
        module: Its tree.
        lookup: Finds what it imports from other modules of the workspace.
        file: Its path relative to the workspace; empty if nothing is to be computed from it.
    """

    def __init__(self, module: ast.Module, lookup: Lookup | None = None, file: str = "") -> None:
        self._lookup = lookup
        self._own_path = frozenset({f"{WORKSPACE}/{file}", UNKNOWN}) if file else _ANY_TEXT
        self._imports: dict[str, tuple[str, int, tuple[str, ...]]] = {}
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

    def texts_of_module(self, names: tuple[str, ...]) -> Texts:
        """Return the possible texts of a name of the module or of its attribute, or nothing."""
        if names[0] in self._imports:
            return self._imported_texts(*names)
        values = self._scopes[0].get(names[0], []) if len(names) == 1 else self._attributes.get(names[-1], [])
        return self._bound_texts(values) if values else frozenset()

    def possible_texts(self, node: Value) -> Texts:
        """Return the possible texts of an expression, with ``UNKNOWN`` for each unknown part."""
        match node:
            case ast.Constant(value=str() | bytes() as value):
                return frozenset({value if isinstance(value, str) else value.decode("latin-1")})
            case ast.JoinedStr(values=parts):
                return self._joined_texts("", parts)
            case ast.FormattedValue(value=value, conversion=-1 | 115, format_spec=None):  # 115: !s
                return self.possible_texts(value)
            case ast.BinOp() | ast.AugAssign():
                return self._operator_texts(node)
            case ast.IfExp(body=first, orelse=other):
                return self.possible_texts(first) | self.possible_texts(other)
            case ast.BoolOp(values=values):
                return frozenset().union(*map(self.possible_texts, values))
            case ast.Name(id=name):
                return self._name_texts(name)
            case ast.Attribute() | ast.Subscript():
                return self._attribute_texts(node)
            case ast.Call():
                return self._call_texts(node)
        return _ANY_TEXT

    def added_texts(self, node: ast.AugAssign) -> Texts:
        """Return the possible texts of a name after ``+=``."""
        if not isinstance(node.op, ast.Add):
            return _ANY_TEXT
        is_outermost = id(node) not in self._in_progress
        self._in_progress.add(id(node))
        try:
            return self._joined_texts("", [node.target, node.value])
        finally:
            if is_outermost:
                self._in_progress.discard(id(node))

    def _collect(self, node: ast.AST, scope: Bindings, *, in_class: bool) -> None:
        """Record what each name and attribute below the node is bound to.

        Names belong to their function or to the module.
        """
        for child in child_nodes(node):
            for target, value in _bindings(child):
                match target:
                    case ast.Name(id=name) | ast.arg(arg=name):
                        scope.setdefault(name, []).append(value)
                        if in_class:
                            self._attributes.setdefault(name, []).append(value)
                    case ast.Attribute(attr=name):
                        self._attributes.setdefault(name, []).append(value)
            if self._lookup:
                self._imports |= _imported_names(child)
            if isinstance(child, FUNCTIONS):
                self._collect(child, self._of_function.setdefault(child, {}), in_class=False)
            else:
                self._collect(child, scope, in_class=in_class or isinstance(child, ast.ClassDef))

    def _operator_texts(self, node: ast.BinOp | ast.AugAssign) -> Texts:
        if isinstance(node, ast.AugAssign):
            return self.added_texts(node)
        match node.op:
            case ast.Add():
                return self._joined_texts("", [node.left, node.right])
            case ast.Div():
                return self._joined_texts("/", [node.left, node.right])
            case ast.Mod():
                values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
                return self._formatted_texts(_PERCENT, node.left, values, _named_values(node.right))
        return _ANY_TEXT

    def _attribute_texts(self, node: ast.Attribute | ast.Subscript) -> Texts:
        if isinstance(node, ast.Subscript):
            return self._element_texts(node)
        if node.attr == "sep" and isinstance(node.value, ast.Name) and node.value.id in {"os", "path"}:
            return frozenset({"/"})
        imported = _dotted_name(node)
        if imported[:1] and (texts := self._imported_texts(*imported)):
            return texts
        if node.attr == "name" and self._is_temporary(node.value):  # of a TemporaryDirectory
            return self.possible_texts(node.value)
        if node.attr == "parent" and (folders := _folders_of(self.possible_texts(node.value))) != _ANY_TEXT:
            return folders
        return self._bound_texts(self._attributes.get(node.attr, []))

    def _element_texts(self, node: ast.Subscript) -> Texts:
        match node:
            case ast.Subscript(value=ast.Attribute(value=path, attr="parents"), slice=ast.Constant(int() as number)):
                return _folders_of(self.possible_texts(path), number + 1)
        return _ANY_TEXT

    def _imported_texts(self, *names: str) -> Texts:
        """Return the possible texts of an imported name or of its attribute, or nothing."""
        if self._lookup is None or names[0] not in self._imports:
            return frozenset()
        module, level, path = self._imports[names[0]]
        wanted = (*path, *names[1:])
        if not wanted or not wanted[-1].isupper():  # a constant is in capitals, and what is not is mostly none
            return frozenset()
        if not path and module.startswith(f"{names[0]}."):  # import a.b binds a
            return frozenset().union(
                *(self._lookup(".".join(wanted[:end]), 0, wanted[end:]) for end in range(1, len(wanted)))
            )
        return self._lookup(module, level, wanted)

    def _name_texts(self, name: str) -> Texts:
        values = next((scope[name] for scope in reversed(self._scopes) if name in scope), [])
        if name == "__file__" and not values:
            return self._own_path
        return (self._imported_texts(name) if not values else frozenset()) or self._bound_texts(values)

    def _bound_texts(self, values: Sequence[Value]) -> Texts:
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

    def _elements(self, node: ast.expr) -> list[ast.expr] | None:
        """Return the elements of a list that is written there, or to which a name is bound."""
        if isinstance(node, ast.Name):
            bound = next((scope[node.id] for scope in reversed(self._scopes) if node.id in scope), [])
            return self._elements_of(bound[0]) if len(bound) == 1 else None
        return self._elements_of(node)

    @staticmethod
    def _elements_of(node: Value) -> list[ast.expr] | None:
        return node.elts if isinstance(node, ast.List | ast.Tuple) else None

    def _joined_texts(self, separator: str, parts: Iterable[ast.expr]) -> Texts:
        return frozenset(
            _without_climbing(separator.join(texts))
            for texts in islice(product(*map(self.possible_texts, parts)), _MAX_TEXTS)
        )

    def _call_texts(self, call: ast.Call) -> Texts:
        """Return the path or text that a call builds, or unknown for other calls."""
        match call.func:
            case ast.Attribute(value=value, attr="with_suffix") if call.args:
                stems = {re.sub(r"\.[^./]*$", "", text) for text in self.possible_texts(value)}
                return frozenset(stem + suffix for stem in stems for suffix in self.possible_texts(call.args[0]))
            case ast.Attribute(value=value, attr="with_name" | "with_stem" as method) if call.args:
                paths, names = self.possible_texts(value), self.possible_texts(call.args[0])
                return frozenset(_renamed(path, name, method) for path in paths for name in names)
            case ast.Attribute(value=value, attr="joinpath" | "join" as name) if name != "join" or self._is_temporary(
                value
            ):
                return self._joined_texts("/", [value, *call.args])
            case ast.Attribute(value=value, attr="join") if len(call.args) == 1 and self._is_separator(value):
                elements = self._elements(call.args[0])
                separators = self.possible_texts(value)
                return (
                    frozenset().union(*(self._joined_texts(separator, elements) for separator in separators))
                    if elements
                    else _ANY_TEXT
                )
            case ast.Attribute(value=ast.Name(id="str"), attr="format") if call.args:
                return self._formatted_texts(_BRACES, call.args[0], call.args[1:], _keywords(call))
            case ast.Attribute(value=value, attr="format"):
                return self._formatted_texts(_BRACES, value, call.args, _keywords(call))
            case ast.Attribute(value=value, attr=name) if name in _SAME_FILE_METHODS:
                return self.possible_texts(value)
            case ast.Attribute(attr="get" | "getenv") if len(call.args) > 1:
                return self.possible_texts(call.args[1]) | _ANY_TEXT
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _PATH_CALLS or name in _SAME_FILE:
                return self._joined_texts("/", call.args)
        return self._templated_texts(call)

    def _templated_texts(self, call: ast.Call) -> Texts:
        """Return the text that a call makes of a template or a path, or for which it searches."""
        match call.func:
            case ast.Attribute(attr="dirname") | ast.Name(id="dirname") if len(call.args) == 1:
                return _folders_of(self.possible_texts(call.args[0]))
            case ast.Attribute(value=value, attr="format_map") if call.args:
                return self._formatted_texts(_BRACES, value, [], _named_values(call.args[0]))
            case ast.Name(id="Template") | ast.Attribute(attr="Template") if call.args:
                return self._formatted_texts(_DOLLAR, call.args[0])
            case ast.Attribute(value=value, attr="substitute" | "safe_substitute"):
                named = _keywords(call) | (_named_values(call.args[0]) if call.args else {})
                match value:
                    case ast.Call(func=ast.Name(id="Template") | ast.Attribute(attr="Template"), args=[template]):
                        return self._formatted_texts(_DOLLAR, template, [], named)
                return self.possible_texts(value)
            case ast.Attribute(attr="strftime") | ast.Name(id="glob" | "iglob" | "strftime") if call.args:
                return self.possible_texts(call.args[0])
            case ast.Attribute(value=value, attr=name) if name in _SEARCHES and call.args:
                folder = [] if isinstance(value, ast.Name) and value.id == "glob" else [value]
                return self._joined_texts("/", [*folder, call.args[0]])
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _TEMPORARY_CALLS:
                return _TEMPORARY_FOLDER
        return _ANY_TEXT

    def _is_temporary(self, node: ast.expr) -> bool:
        """Return whether an expression is a folder for temporary files, or is below one."""
        return any(TEMPORARY in text for text in self.possible_texts(node))

    def _is_separator(self, node: ast.expr) -> bool:
        """Return whether the method ``join`` of an expression is that of a text."""
        return isinstance(node, ast.Constant) or self.possible_texts(node) != _ANY_TEXT

    def _formatted_texts(
        self,
        place: re.Pattern[str],
        template: ast.expr,
        values: Sequence[ast.expr] = (),
        named: Mapping[str, ast.expr] = MappingProxyType({}),
    ) -> Texts:
        """Return the template with the values in its placeholders."""
        keys = [*range(len(values)), *named]
        parts = map(self.possible_texts, [template, *values, *named.values()])

        def _filled(text: str, *known: str) -> str:
            by_key: dict[object, str] = dict(zip(keys, known, strict=True))
            numbers = count()

            def _value(match: re.Match[str]) -> str:
                name = match["name"] or ""
                key: object = next(numbers) if not name else int(name) if name.isdecimal() else name
                return by_key.get(key, UNKNOWN)

            return place.sub(_value, text)

        return frozenset(_filled(*texts) for texts in islice(product(*parts), _MAX_TEXTS))


def _imported_names(node: ast.AST) -> dict[str, tuple[str, int, tuple[str, ...]]]:
    """Return the module, its dots and the name behind each name that a node imports."""
    match node:
        case ast.ImportFrom(module=module, names=names, level=level):
            return {alias.asname or alias.name: (module or "", level, (alias.name,)) for alias in names}
        case ast.Import(names=names):
            return {alias.asname or alias.name.partition(".")[0]: (alias.name, 0, ()) for alias in names}
    return {}


def _dotted_name(node: ast.expr) -> tuple[str, ...]:
    """Return the parts of a name such as ``settings.Names.EXT``, or nothing."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute) and (before := _dotted_name(node.value)):
        return (*before, node.attr)
    return ()


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _named_values(node: ast.expr) -> dict[str, ast.expr]:
    """Return the values of a dictionary that is written there."""
    pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def _folders_of(paths: Texts, steps: int = 1) -> Texts:
    """Return the folders some steps above the paths of modules, and an unknown one."""
    folders = {path for path in paths if path.startswith(WORKSPACE)}
    for _ in range(steps):
        folders = {posixpath.dirname(folder) for folder in folders} - {""}
    return frozenset(folders) | _ANY_TEXT


def _without_climbing(text: str) -> str:
    """Return a text in which no path from the workspace has a step out of a folder.

    A path that leads out of the workspace is unknown.
    """
    before, mark, path = text.rpartition(WORKSPACE)
    if not mark or ".." not in path or UNKNOWN in path:
        return text
    whole = posixpath.normpath(mark + path)
    return before + (whole if whole.startswith(mark) else f"{UNKNOWN}/{posixpath.basename(path)}")


def _renamed(path: str, name: str, method: str) -> str:
    """Return the path that ``with_name`` or ``with_stem`` makes of another."""
    folder, slash, file = path.rpartition("/")
    if UNKNOWN in file and not slash:
        folder, slash = UNKNOWN, "/"
    suffix = re.search(rf"\.[^.{UNKNOWN}]*$|{UNKNOWN}$|$", file) if method == "with_stem" else None
    return folder + slash + name + (suffix.group() if suffix else "")


def _bindings(node: ast.AST) -> Iterator[tuple[ast.AST, Value]]:
    """Yield what one node binds by assignment, default, or loop over a literal collection."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.AugAssign(target=target, op=ast.Add()):
            yield target, node
        case ast.withitem(context_expr=ast.Call(func=called) as value, optional_vars=ast.expr() as target) if (
            _dotted_name(called)[-1:] == ("TemporaryDirectory",)
        ):
            yield target, value
        case ast.For(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values)) | (
            ast.comprehension(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values))
        ):
            yield from ((target, value) for value in values)
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            yield from ((arg, _FIXTURES[arg.arg]) for arg in (*positional, *node.kwonlyargs) if arg.arg in _FIXTURES)
            yield from zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
            yield from ((arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value)

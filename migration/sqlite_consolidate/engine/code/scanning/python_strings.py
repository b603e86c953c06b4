"""Find expressions of a Python file that name an old database or build its name."""

from __future__ import annotations

import ast
import io
import posixpath
import tokenize
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.name_patterns import TEMPORARY, WORKSPACE
from sqlite_consolidate.engine.code.scanning.old_names import (
    COPY_PROGRAMS,
    KINDS_IN_USE,
    Mention,
    MentionKind,
    MentionUse,
    OldNames,
    excerpt,
)
from sqlite_consolidate.engine.code.scanning.prose import is_sentence
from sqlite_consolidate.engine.code.scanning.python_patterns import find_pattern_expressions
from sqlite_consolidate.engine.code.scanning.python_values import FUNCTIONS, ConstantValues
from sqlite_consolidate.engine.code.scopes import child_nodes
from sqlite_consolidate.engine.code.source_files import LINE_END
from sqlite_consolidate.engine.code.syntax import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.code.scanning.python_values import Lookup, Texts


_EXECUTE = frozenset(
    {"system", "popen", "Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}
    | {"execute", "executemany", "executescript"}
)
_COPY_FILE = frozenset({"copy2", "copyfile"})
_COPY = _COPY_FILE | {"copy", "move"}


class NamingExpression(NamedTuple):
    """Hold the smallest expression that names an old database.

    Attributes:
        path: Path of the database, if an expression around this one computes it from the path of the module.
        use: What the code around the expression does with the file.
    """

    node: ast.expr
    name: str
    kind: MentionKind
    path: str = ""
    use: MentionUse = "any"


def find_naming_expressions(module: ast.Module, names: OldNames, values: ConstantValues) -> list[NamingExpression]:
    """Return the smallest expressions of a module that name an old database.

    An expression is returned where it builds the name, and not where the code uses the result.

    Raises:
        RecursionError: The module is nested too deeply.
    """
    return _Finder(module, names, values).expressions


def python_mentions(file: str, text: str, names: OldNames, lookup: Lookup | None = None) -> list[Mention]:
    """Return every mention in Python source, ordered by line.

    A line that has a name twice counts once, as code if it is that in one place. Strings count as code, also if they
    are built by f-strings, ``+``, ``%``, ``format``, ``/`` between paths, ``join``, ``Path``, ``with_suffix`` or
    constants of the same module, or of those that ``lookup`` finds. A string in which the name is a word among others
    counts as a sentence, unless a call executes it. Comments, and strings that stand alone (docstrings), count as
    documentation.

    Raises:
        SyntaxError: The text is not Python, or nested too deeply.
    """
    lines = LINE_END.split(text)
    mentions: dict[tuple[int, str], Mention] = {}
    try:
        module = parse_tree(text)
        values = ConstantValues(module, lookup, file)
        expressions = find_naming_expressions(module, names, values)
        for node, name, kind, path, use in sorted(expressions, key=_lack_of_use):
            number = line_of_name(node, name, lines, names)
            mention = Mention(file, number, excerpt(lines[number - 1], name, file), name, kind, path=path, use=use)
            mentions.setdefault((number, name), mention)
        for mention in _computed_mentions(file, module, lines, names, values):
            mentions.setdefault((mention.line, f"{mention.pattern}: {mention.database}"), mention)
    except RecursionError:
        raise SyntaxError("too deeply nested") from None
    for number, name in _comments(text, lines, names):
        comment = Mention(file, number, excerpt(lines[number - 1], name, file), name, "documentation")
        mentions.setdefault((number, name), comment)
    return sorted(mentions.values(), key=lambda mention: mention.line)


def _lack_of_use(naming: NamingExpression) -> tuple[bool, bool]:
    return naming.kind not in KINDS_IN_USE, naming.use != "any"


def _computed_mentions(
    file: str, module: ast.Module, lines: list[str], names: OldNames, values: ConstantValues
) -> Iterator[Mention]:
    """Yield a mention for each database that a computed name can be.

    An open pattern is one mention.
    """
    for node, pattern, kind in find_pattern_expressions(module, names, values):
        numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        number = next((line for line in numbers if names.patterns.is_end_of(lines[line - 1])), node.lineno)
        text = excerpt(lines[number - 1], "", file)
        for database in pattern.databases:
            yield Mention(file, number, text, database, kind, pattern=pattern.shown)
        if not pattern.databases:
            yield Mention(file, number, text, "", "open pattern", pattern=pattern.shown)


class _Finder:
    """Visit the nodes of a module once, inner expressions first."""

    def __init__(self, module: ast.Module, names: OldNames, values: ConstantValues) -> None:
        self.expressions: list[NamingExpression] = []
        self._names = names
        self._values = values
        self._record_names(module, _Place())

    def _record_names(self, node: ast.AST, place: _Place) -> set[str]:
        """Record the names that a node builds and return all names in it.

        A name that a part of the node already builds is not recorded again.
        """
        if isinstance(node, FUNCTIONS):
            self._values.enter_function(node)
        inside, first = place.inside(node), len(self.expressions)
        names_in_parts = {name for child in child_nodes(node) for name in self._record_names(child, inside)}
        if isinstance(node, FUNCTIONS):
            self._values.leave_function()
        if isinstance(node, ast.AugAssign):
            texts, recorded = self._values.added_texts(node), node.value
        elif isinstance(node, ast.expr):
            texts, recorded = self._values.possible_texts(node), node
        else:
            return names_in_parts
        names_in_node = sorted({name for text in texts for _, name in self._names.find(text)})
        if not isinstance(node, (ast.Name, ast.Attribute)):  # a constant is recorded where it is defined
            self.expressions += [
                NamingExpression(recorded, name, self._kind(recorded, name, place))
                for name in names_in_node
                if name not in names_in_parts
            ]
        self.expressions[first:] = [self._within(node, texts, each) for each in self.expressions[first:]]
        return names_in_parts | set(names_in_node)

    def _within(self, node: ast.expr | ast.AugAssign, texts: Texts, part: NamingExpression) -> NamingExpression:
        """Return a part of a node with what the node states about its database."""
        if any(WORKSPACE in text for text in texts):
            part = part._replace(path=part.path or self._names.path_in(texts, part.name))
        if any(TEMPORARY in text for text in texts) and self._names.is_temporary(texts, part.name):
            return part._replace(use="temporary")
        return part._replace(use="copied") if part.use == "any" and _only_copies(node) else part

    def _kind(self, node: ast.expr, name: str, place: _Place) -> MentionKind:
        if place.kind == "documentation" or place.is_executed:
            return place.kind
        texts = self._values.possible_texts(place.text or node)
        return "sentence" if all(is_sentence(text, name) for text in texts) else place.kind


def _only_copies(node: ast.AST) -> bool:
    """Return whether a call copies a file and reads no row of it."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in _COPY_FILE
        case ast.Call(func=ast.Attribute(value=ast.Name(id="shutil"), attr=name)):
            return name in _COPY
        case ast.Call(func=ast.Attribute(attr=name), args=[ast.List(elts=[ast.Constant(str() as program), *_]), *_]):
            return name in _EXECUTE and posixpath.basename(program) in COPY_PROGRAMS
    return False


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
    """Return the line with the name, or else the line with its last part.

    If neither is written, it is the first line of the expression.
    """
    numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    whole = (number for number in numbers if any(other == name for _, other in names.find(lines[number - 1])))
    parts = (number for number in numbers if posixpath.basename(name) in lines[number - 1])
    return next(whole, 0) or next(parts, node.lineno)


def _comments(text: str, lines: list[str], names: OldNames) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every mention in a comment."""
    if not any("#" in line and any(names.find(line)) for line in lines):
        return  # tokenizing a file takes longer than everything else
    for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
        if token.type == tokenize.COMMENT:
            for _, name in names.find(token.string):
                yield token.start[0], name

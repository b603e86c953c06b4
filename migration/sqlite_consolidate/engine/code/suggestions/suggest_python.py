"""Propose code in which the path of the target replaces that of an old database."""

from __future__ import annotations

import ast
import posixpath
import re
from copy import deepcopy
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.scanning.python_strings import find_naming_expressions, line_of_name
from sqlite_consolidate.engine.code.scanning.python_values import ConstantValues
from sqlite_consolidate.engine.code.scopes import child_nodes, nodes_of
from sqlite_consolidate.engine.code.source_files import LINE_END, find_line, line_starts
from sqlite_consolidate.engine.code.suggestions.database_paths import DatabasePaths
from sqlite_consolidate.engine.code.suggestions.path_places import (
    can_climb_from,
    can_resolve,
    may_be_a_path,
    why_by_hand,
)
from sqlite_consolidate.engine.code.syntax import PythonCode, normalized_dump, parse_tree
from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.code.scanning.old_names import OldNames
    from sqlite_consolidate.engine.code.source_files import CodeFile, Span
    from sqlite_consolidate.engine.code.suggestions.path_places import Parents


SIDECAR = re.compile(rf"({SIDECAR_PATTERN})\b")

_SCHEME = re.compile(r"\b[a-z][a-z0-9+]*:\Z")
_CLIMBING = re.compile(r"(?:\.{1,2}/)*")
_END_OF_VARIABLE = tuple("}])\"'%")


class MentionChange(NamedTuple):
    """Hold the replacement of one mention.

    Attributes:
        line: Line of the mention, from 1.
        name: Name by which the database is recognised.
        find: Text or expression to replace; empty if the mention is not understood.
        replace: The replacement.
        reason: Why the replacement is correct, or why the mention is not understood.
        places: Number of places with the expression, which are all replaced.
        names_several: Whether the expression leads to another old database from another folder.
    """

    line: int
    name: str
    find: str
    replace: str
    reason: str
    places: int = 1
    names_several: bool = False


def text_changes(code: CodeFile, names: OldNames, target: str) -> list[MentionChange]:
    """Return a change for each mention in a text other than Python.

    The text that each change finds occurs only once.
    """
    text = code.text
    replacements: list[tuple[int, str, DatabasePaths, PathReplacement | None]] = []
    for _, end, name, path in names.find_in_file(code.file, text):
        place = DatabasePaths((path,), target) if path else DatabasePaths.of(name, names, target)
        replacement = None if SIDECAR.match(text, end) else replace_path_end(text[:end], place)
        replacements.append((end, name, place, replacement))
    pieces = [
        _Piece(end - len(replacement.old), end, replacement.new)
        for end, _, _, replacement in replacements
        if replacement
    ]
    changes = []
    for end, name, place, replacement in replacements:
        find = new = ""
        reason = f"{place.path_at_end(text[:end])} may be another file than {place.names}."
        if replacement:
            find, new = _unique(text, _Piece(end - len(replacement.old), end, replacement.new), pieces)
            reason = replacement.reason if find else "the same text occurs in several places."
        several = bool(replacement and replacement.names_several)
        changes.append(MentionChange(find_line(text, end - 1), name, find, new, reason, names_several=several))
    return changes


class PathReplacement(NamedTuple):
    """Hold the end of a text, ``old``, and its replacement."""

    old: str
    new: str
    reason: str
    names_several: bool


def replace_path_end(text: str, place: DatabasePaths) -> PathReplacement | None:
    """Return the replacement of the old database's path at the end of a text.

    The text before the written path is a variable, or the folder that a program runs in. It must be the folder from
    which the written path leads to the old database. The new path leads from the same folder to the target. None means
    that the text may be the path of another file.

    Args:
        text: Text that ends with the path, such as ``sqlite:///logs/tasks.db``.
        place: Paths of the database that is named.
    """
    path = _relative_path_at_end(text, place)
    ups, written = _without_climbing(path)
    if not (way := place.way_of(written)):
        return None
    reason = f"{written} leads to {way.old}, from {_folder_name(way.folder)}."
    return PathReplacement(path, ups + place.path_to_target(way.folder), reason, way.leads_to_several)


def _without_climbing(path: str) -> tuple[str, str]:
    """Return the steps out of a folder with which a path begins, and the rest."""
    climbing = _CLIMBING.match(path)
    ups = climbing.group() if climbing else ""
    return ups, path[len(ups) :]


def _folder_name(folder: str) -> str:
    return "the workspace" if folder == "." else folder


def _relative_path_at_end(text: str, place: DatabasePaths) -> str:
    """Return the relative path at the end of a text.

    It begins after a variable, or after the slashes of a URL.
    """
    path = place.path_at_end(text)
    before = text[: len(text) - len(path)]
    if path.startswith("///") and _SCHEME.search(before):
        return path[3:]  # sqlite:///relative, and sqlite:////absolute
    if before.endswith("$"):
        return path.partition("/")[2]
    return path[1:] if before.endswith(_END_OF_VARIABLE) and path.startswith("/") else path


class _Piece(NamedTuple):
    start: int
    end: int
    new: str


def _unique(text: str, piece: _Piece, others: Sequence[_Piece]) -> tuple[str, str]:
    """Return a text that occurs only once, and its replacement.

    It is the path, or its whole line with all paths.
    """
    starts = [*line_starts(text), len(text)]
    number = find_line(text, piece.start)
    first, last = starts[number - 1], starts[number]
    line_pieces = [other for other in others if first <= other.start < last]
    if all(text.count(text[other.start : other.end]) == 1 for other in line_pieces):
        return text[piece.start : piece.end], piece.new
    line = new = text[first:last].rstrip("\r\n")
    for other in sorted(line_pieces, reverse=True):
        new = new[: other.start - first] + other.new + new[other.end - first :]
    return (line, new) if text.count(line) == 1 else ("", "")


_NO_EXPRESSION_ALONE = (ast.FormattedValue, ast.Starred, ast.Slice)
_NEEDS_NO_PARENTHESES = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


class _Exchange(NamedTuple):
    """Hold an expression, the source of its replacement, and the reason for it."""

    node: ast.expr
    new: str
    reason: str
    names_several: bool


def python_changes(code: CodeFile, names: OldNames, target: str) -> list[MentionChange]:
    """Return a change for each mention in a module, or none if it cannot be parsed."""
    try:
        module = parse_tree(code.text)
        source = PythonCode(code.text, code.file)
        expressions = find_naming_expressions(module, names, ConstantValues(module, file=code.file))
        parents = {child: node for node in nodes_of(module) for child in child_nodes(node)}
        lines = LINE_END.split(code.text)
        changes = []
        for node, name, kind, path, _ in expressions:
            if kind == "code":
                line = line_of_name(node, name, lines, names)
                place = DatabasePaths((path,), target) if path else DatabasePaths.of(name, names, target)
                changes.append(_change(MentionChange(line, name, "", "", ""), node, parents, source, place))
    except (SyntaxError, RecursionError, ProblemError):
        return []
    return _choose(changes)


class _Options(NamedTuple):
    """Hold the change of one place alone, and that of all places with the same expression."""

    alone: MentionChange
    together: MentionChange | None = None


def _choose(options: Sequence[_Options]) -> list[MentionChange]:
    """Return the change of each mention.

    Places with the same expression are changed together if one of them cannot be changed alone, and if each of them is
    a mention.
    """
    groups: dict[tuple[str, str], list[_Options]] = {}
    for option in options:
        if option.together:
            groups.setdefault((option.together.find, option.together.replace), []).append(option)
    together = {
        id(option): option.together
        for group in groups.values()
        for option in group
        if option.together and option.together.places == len(group) and not all(other.alone.find for other in group)
    }
    return [together.get(id(option)) or option.alone for option in options]


def _change(
    mention: MentionChange, node: ast.expr, parents: Parents, source: PythonCode, place: DatabasePaths
) -> _Options:
    """Return the changes of a mention.

    If the mention is not understood, ``find`` is empty.
    """
    if not may_be_a_path(node, parents):
        return _Options(mention._replace(reason="the code takes only a name there, and no path."))
    path = _whole_path(node, parents)
    exchange = replace_joined_path(path, place)
    if path is node and exchange is None:
        exchange = replace_text(node, mention.name, parents, place)
    if exchange and ".resolve()" in exchange.new and not can_resolve(source.text, path):
        exchange = None
    if exchange is None:
        return _Options(mention._replace(reason=why_by_hand(path, parents, place)))
    mention, together = mention._replace(names_several=exchange.names_several), None
    for find, new in _enclosing_expressions(exchange, parents):
        change = change_as_written(mention._replace(find=find, replace=new, reason=exchange.reason), source)
        if change.places == 1:
            return _Options(change, together)
        together = together or (change if change.find else None)
    return _Options(mention._replace(reason="the same expression occurs in several places."), together)


def change_as_written(change: MentionChange, source: PythonCode) -> MentionChange:
    """Return a change as it is to be written, with the number of its places."""
    spans = source.spans(change.find)
    if not spans:
        return change._replace(find="", places=0)
    code = source.text[spans[0].start : spans[0].end]
    fitting = _with_fitting_quotes(source, spans[0], change.replace)
    if not fitting:
        reason = "the quotation marks around it would have to change."
        return change._replace(find="", replace="", reason=reason, places=len(spans))
    as_written = change.find if LINE_END.search(code) else code
    return change._replace(find=as_written, replace=fitting, places=len(spans))


def _whole_path(node: ast.expr, parents: Parents) -> ast.expr:
    """Return the path expression that ends with the node, or the node itself.

    Such expressions are ``folder / "x.db"`` and ``join(folder, "x.db")``.
    """
    match parents[node]:
        case ast.BinOp(op=ast.Div(), right=right) as division if right is node:
            return division
        case ast.Call(func=ast.Attribute(attr="join" | "joinpath"), args=[*_, last], keywords=[]) as call if (
            last is node
        ):
            return call
        case ast.Call(func=ast.Attribute(attr="with_name"), args=[_], keywords=[]) as call:
            return call
    return node


def replace_joined_path(node: ast.expr, place: DatabasePaths) -> _Exchange | None:
    """Return the replacement of a path that is joined from a folder and constant parts.

    The parts can begin with ``..``, as the new ones then do.
    """
    base, parts = _split(node)
    ups, written = _without_climbing("/".join(parts))
    way = place.way_of(written)
    if base is None or way is None:
        return None
    steps = PurePosixPath(ups + place.path_to_target(way.folder)).parts
    if ".." in steps and not can_climb_from(base):
        return None
    reason = f"{ast.unparse(base)} is the folder that leads to {way.old}."
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        joined = f"{ast.unparse(node.func)}({', '.join([ast.unparse(base), *map(repr, steps)])})"
        joined = f"os.path.normpath({joined})" if joined.startswith("os.path.join") else joined
        return _Exchange(node, joined, reason, way.leads_to_several)
    parent_count = steps.count("..")
    base_code = ast.unparse(base) if isinstance(base, _NEEDS_NO_PARENTHESES) else f"({ast.unparse(base)})"
    if parent_count:  # resolved, because a relative path such as Path("logs") has no parent but "."
        base_code += f".resolve().{'parent' if parent_count == 1 else f'parents[{parent_count - 1}]'}"
    return _Exchange(node, f"{base_code} / {'/'.join(steps[parent_count:])!r}", reason, way.leads_to_several)


def _split(node: ast.expr) -> tuple[ast.expr | None, list[str]]:
    """Return the expression that a path begins with, and its constant parts.

    None means that the node is no such path.
    """
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str() as part)):
            base, parts = _split(left)
            return (base or left), [*parts, part.strip("/")]
        case ast.Call(func=ast.Attribute(value=value, attr="with_name"), args=[ast.Constant(value=str() as part)]):
            return ast.Attribute(value, "parent", ast.Load()), [part]
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args):
            first, *others = args if attr == "join" else [value, *args]
            written = [_part(argument) for argument in others]
            if attr in ("join", "joinpath") and written and all(written):
                return first, [part.strip("/") for part in written]
    return None, []


def _part(node: ast.expr) -> str:
    """Return the constant part of a path that an expression is, or an empty text."""
    match node:
        case ast.Constant(value=str() as part):
            return part
        case ast.Attribute(attr="pardir"):
            return ".."
    return ""


def replace_text(node: ast.expr, name: str, parents: Parents, place: DatabasePaths) -> _Exchange | None:
    """Return the replacement of a string that is a path or a URL."""
    node = around if isinstance(around := parents[node], ast.JoinedStr) else node
    if not isinstance(node, ast.Constant | ast.JoinedStr):
        return None
    source = ast.unparse(node)
    name = name if name in source else posixpath.basename(name)
    prefix = len(source) - len(source.lstrip("rbfuRBFU"))
    quotes = 3 if source[prefix : prefix + 3] in ("'''", '"""') else 1
    end = source.find(name) + len(name)
    in_a_sentence = any(map(str.isspace, source)) if isinstance(node, ast.Constant) else False
    if in_a_sentence or source.count(name) != 1 or SIDECAR.match(source, end):
        return None
    base: ast.expr = node
    match parents[node]:
        case ast.BinOp(left=left, op=ast.Add(), right=right) if right is node:
            base = left
            variable = "}"  # folder + "/x.db" is as f"{folder}/x.db"
        case _:
            variable = ""
    replacement = replace_path_end(variable + source[prefix + quotes : end], place)
    if replacement and replacement.new.count("..") > replacement.old.count("..") and not can_climb_from(base):
        return None
    if replacement is None:
        return None
    new = source[: end - len(replacement.old)] + replacement.new + source[end:]
    return _Exchange(node, new, replacement.reason, replacement.names_several)


def _enclosing_expressions(exchange: _Exchange, parents: Parents) -> Iterator[tuple[str, str]]:
    """Yield the expression and each enclosing one, with the replacement inside."""
    yield ast.unparse(exchange.node), exchange.new
    new = parse_tree(exchange.new, "eval").body
    around = parents[exchange.node]
    while isinstance(around, ast.expr | ast.keyword | ast.FormattedValue):
        if isinstance(around, ast.expr) and not isinstance(around, _NO_EXPRESSION_ALONE):
            yield ast.unparse(around), ast.unparse(deepcopy(around, {id(exchange.node): new}))
        around = parents[around]


def _with_fitting_quotes(source: PythonCode, span: Span, new: str) -> str:
    """Return the replacement with quotes that are valid in its place, or nothing.

    The quotes of the present code are preferred.
    """
    intended = normalized_dump(parse_tree(new, "eval"))
    present_code = source.text[span.start : span.end]
    preferred = ("'", '"') if "'" in present_code and '"' not in present_code else ('"', "'")
    for quote in preferred:
        quoted_code = new.replace('"', quote).replace("'", quote)
        try:
            if normalized_dump(parse_tree(quoted_code, "eval")) == intended:
                source.replace_span(source.text, span, quoted_code)
                return quoted_code
        except (SyntaxError, ProblemError):
            continue
    return ""

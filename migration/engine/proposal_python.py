"""One answer: which expression of a module names an old database, and which one names the target in its place."""

from __future__ import annotations

import ast
from copy import deepcopy
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from migration.engine.code_files import LINE_END
from migration.engine.proposal_text import SIDECAR, Change, Place, moved
from migration.engine.scan_python import line_of_name, named
from migration.engine.syntax import PythonCode, meaning, tree
from migration.plan.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.engine.code_files import Span
    from migration.engine.mention import OldNames

_NEEDS_NO_PARENTHESES = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)

Parents = dict[ast.AST, ast.AST]


class _Exchange(NamedTuple):
    """An expression, the source of what takes its place, and what that rests on."""

    node: ast.expr
    new: str
    why: str


def python_changes(text: str, names: OldNames, places: Mapping[str, Place]) -> list[Change]:
    """Return a change for every mention in the code of a module; none if it cannot be read."""
    try:
        module = tree(text)
        source = PythonCode(text)
        found = named(module, names)
    except (SyntaxError, RecursionError, ProblemError):
        return []
    parents = {child: node for node in ast.walk(module) for child in ast.iter_child_nodes(node)}
    lines = LINE_END.split(text)
    changes = []
    for node, name, kind in found:
        if kind == "code":
            find, new, why = _change(node, name, parents, source, places[name])
            changes.append(Change(line_of_name(node, name, lines, names), name, find, new, why))
    return changes


def _change(node: ast.expr, name: str, parents: Parents, source: PythonCode, place: Place) -> tuple[str, str, str]:
    """Return what to find, what takes its place, and why; nothing to find, and why, where it is not understood."""
    path = _whole_path(node, parents)
    made = _of_text(node, name, parents, place) if path is node else _of_path(path, place)
    if made is None:
        return "", "", f"it is put together from parts, or does not lead to {place.old} for certain."
    for find, new in _wider(made, parents):
        spans = source.spans(find)
        if len(spans) == 1:
            there = source.text[spans[0].start : spans[0].end]
            fitting = _fitting(source, spans[0], new)
            as_written = find if LINE_END.search(there) else there
            return (as_written, fitting, made.why) if fitting else ("", "", "quotes would have to change around it.")
    return "", "", "the same expression stands in several places."


def _whole_path(node: ast.expr, parents: Parents) -> ast.expr:
    """Return the path that ends with the node: ``folder / "x.db"``, ``join(folder, "x.db")``; or the node itself."""
    match parents[node]:
        case ast.BinOp(op=ast.Div(), right=right) as division if right is node:
            return division
        case ast.Call(func=ast.Attribute(attr="join" | "joinpath"), args=[*_, last], keywords=[]) as call if (
            last is node
        ):
            return call
    return node


def _of_path(node: ast.expr, place: Place) -> _Exchange | None:
    """Return a path joined from a folder and parts, and the path from the same folder to the target."""
    base, parts = _split(node)
    folder = place.folder("/".join(parts)) if parts else None
    if base is None or folder is None:
        return None
    way = PurePosixPath(place.way(folder)).parts
    why = f"{ast.unparse(base)} is the folder that leads to {place.old}."
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        joined = f"{ast.unparse(node.func)}({', '.join([ast.unparse(base), *map(repr, way)])})"
        return _Exchange(node, f"os.path.normpath({joined})" if joined.startswith("os.path.join") else joined, why)
    ups = way.count("..")
    start = ast.unparse(base) if isinstance(base, _NEEDS_NO_PARENTHESES) else f"({ast.unparse(base)})"
    if ups:  # resolved, because the parents of a relative path such as Path("logs") end with itself
        start += f".resolve().{'parent' if ups == 1 else f'parents[{ups - 1}]'}"
    return _Exchange(node, f"{start} / {'/'.join(way[ups:])!r}", why)


def _split(node: ast.expr) -> tuple[ast.expr | None, list[str]]:
    """Return what a path begins with, and the parts behind it that are written out; None if it is no such path."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str() as part)):
            base, parts = _split(left)
            return (base or left), [*parts, part.strip("/")]
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args):
            first, *others = args if attr == "join" else [value, *args]
            written = [one.value for one in others if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if attr in ("join", "joinpath") and written and len(written) == len(others):
                return first, [part.strip("/") for part in written]
    return None, []


def _of_text(node: ast.expr, name: str, parents: Parents, place: Place) -> _Exchange | None:
    """Return a string that is a path or a URL, no sentence, and the same with the way to the target."""
    node = around if isinstance(around := parents[node], ast.JoinedStr) else node
    if not isinstance(node, ast.Constant | ast.JoinedStr):
        return None
    source = ast.unparse(node)
    prefix = len(source) - len(source.lstrip("rbfuRBFU"))
    quotes = 3 if source[prefix : prefix + 3] in ("'''", '"""') else 1
    end = source.find(name) + len(name)
    in_a_sentence = any(map(str.isspace, source)) if isinstance(node, ast.Constant) else False
    if in_a_sentence or source.count(name) != 1 or SIDECAR.match(source, end):
        return None
    match parents[node]:
        case ast.BinOp(op=ast.Add(), right=right) if right is node:
            variable = "}"  # folder + "/x.db" is as f"{folder}/x.db"
        case _:
            variable = ""
    made = moved(variable + source[prefix + quotes : end], place)
    return made and _Exchange(node, source[: end - len(made.old)] + made.new + source[end:], made.why)


def _wider(made: _Exchange, parents: Parents) -> Iterator[tuple[str, str]]:
    """Yield the expression and its replacement, then those around it, each with the replacement inside."""
    yield ast.unparse(made.node), made.new
    new = tree(made.new, "eval").body
    around = parents[made.node]
    while isinstance(around, ast.expr | ast.keyword | ast.FormattedValue):
        if isinstance(around, ast.expr) and not isinstance(around, ast.FormattedValue):
            yield ast.unparse(around), ast.unparse(deepcopy(around, {id(made.node): new}))
        around = parents[around]


def _fitting(source: PythonCode, span: Span, new: str) -> str:
    """Return the replacement in such quotes that it can stand in its place, if possible in those there; or nothing."""
    intended = meaning(tree(new, "eval"))
    there = source.text[span.start : span.end]
    preferred = ("'", '"') if "'" in there and '"' not in there else ('"', "'")
    for quote in preferred:
        spelt = new.replace('"', quote).replace("'", quote)
        try:
            if meaning(tree(spelt, "eval")) == intended:
                source.put(source.text, span, spelt)
                return spelt
        except (SyntaxError, ProblemError):
            continue
    return ""

"""One answer: what a module's text is with a definition added that it does not have yet."""

from __future__ import annotations

import ast
import symtable

from migration.engine.code_files import LINE_END, newline_of
from migration.engine.syntax import Unfit, meaning, tree

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(code: str) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, str]]:
    """Return each function or class that a plan states, as tree and as text, its decorators and comments included.

    Raises:
        Unfit: It is something else.
    """
    todo = "Give nothing but functions or classes; what they import can be imported inside them."
    try:
        body = tree(code).body
    except SyntaxError as error:
        where = f"line {error.lineno} of it: " if error.lineno else ""
        raise Unfit(f"is not a definition ({where}{error.msg}).", todo) from None
    lines = LINE_END.split(code)
    found: list[tuple[_Definition, str]] = []
    start = 0
    for node in body:
        if not isinstance(node, _Definition):
            raise Unfit(f"has something else than a definition in line {node.lineno}.", todo)
        found.append((node, "\n".join(lines[start : node.end_lineno]).strip("\n")))
        start = node.end_lineno or 0
    if not found:
        raise Unfit("defines nothing.", todo)
    return found


def with_definitions(text: str, code: str) -> str:
    """Return the module's text with every definition of ``code`` that it lacks at its end; unchanged if it lacks none.

    Args:
        text: Source of a module that parses.
        code: Top-level functions or classes.

    Raises:
        Unfit: ``code`` is something else, or the module uses one of the names otherwise.
    """
    for node, source in definitions(code):
        same = [one for one in tree(text).body if isinstance(one, _Definition) and one.name == node.name]
        if not same and _is_bound(text, node.name):
            raise Unfit(f'the name "{node.name}" already stands for something else.', "Give the new code another name.")
        different = [one for one in same if meaning(one) != meaning(node)]
        if different:
            what = f'"{node.name}" is already defined, with other code.'
            raise Unfit(what, "Give the new code another name, or take the entry out.", different[0].lineno)
        if not same:
            text = _appended(text, source)
    return text


def _is_bound(text: str, name: str) -> bool:
    """Tell whether the module assigns or imports the name anywhere at its top level."""
    try:
        symbol = symtable.symtable(text, "<code>", "exec").lookup(name)
    except KeyError:
        return False
    return symbol.is_assigned() or symbol.is_imported()


def _appended(text: str, source: str) -> str:
    """Return the text with the source after two blank lines; the last line ends, or does not, as it did before."""
    newline = newline_of(text)
    content = text.rstrip()
    present = len(LINE_END.findall(text, len(content)))
    gap = newline * max(0, 3 - present) if content else ""
    end = newline if not text or text.endswith(("\n", "\r")) else ""
    return text + gap + LINE_END.sub(newline, source) + end

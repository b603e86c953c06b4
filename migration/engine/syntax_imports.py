"""One answer: what a module's text is with an import added, once and in the right place."""

from __future__ import annotations

import ast
import re

from migration.engine.code_files import Span, line_of, line_starts, newline_of
from migration.engine.syntax import PlainText, tree, unfit

_Import = ast.Import | ast.ImportFrom
_Part = tuple[str, int, str, str | None]


def import_statement(code: str) -> ast.Import | ast.ImportFrom:
    """Return the tree of the one import statement that a plan states.

    Raises:
        ProblemError: It is something else, or imports everything (``*``).
    """
    todo = 'Write it like "from package.module import name".'
    try:
        body = tree(code.strip()).body
    except SyntaxError as error:
        raise unfit("bad-import", f"is not an import statement ({error.msg}): {code.strip()}", todo) from None
    if len(body) != 1 or not isinstance(body[0], _Import) or body[0].names[0].name == "*":
        raise unfit("bad-import", f"is not one import of named things: {code.strip()}", todo)
    return body[0]


def with_import(text: str, statement: str, before: int) -> str:
    """Return the module's text with everything imported that ``statement`` imports; unchanged if it is already.

    Names join an import from the same module; otherwise the statement gets a line of its own after the last import.
    Either lies above ``before``: further down it would come too late for code that runs while the module is loaded.

    Args:
        text: Source of a module that parses.
        statement: One import statement.
        before: Offset of the first place that needs it.

    Raises:
        ProblemError: ``statement`` is not an import statement.
    """
    wanted = import_statement(statement)
    imports = [one for one in tree(text).body if isinstance(one, _Import)]
    present = {part for one in imports for part in _parts(one)}
    wanted.names = [name for name, part in zip(wanted.names, _parts(wanted), strict=True) if part not in present]
    if not wanted.names:
        return text
    above = [one for one in imports if one.lineno < line_of(text, before)]
    for one in reversed(above):
        joined = _joined(text, one, wanted)
        if joined:
            return joined
    return _with_line(text, ast.unparse(wanted), above)


def _parts(statement: _Import) -> list[_Part]:
    """Return what each name of a statement imports, in a form that is equal for equal imports."""
    module, level = (statement.module or "", statement.level) if isinstance(statement, ast.ImportFrom) else ("", -1)
    return [(module, level, name.name, name.asname) for name in statement.names]


def _joined(text: str, one: _Import, wanted: _Import) -> str | None:
    """Return the text with the wanted names at the end of the import ``one``; None if they do not belong there."""
    if not isinstance(one, ast.ImportFrom) or not isinstance(wanted, ast.ImportFrom) or one.names[0].name == "*":
        return None
    if (one.module, one.level) != (wanted.module, wanted.level):
        return None
    whole = _span(text, one)
    names = [_span(text, name) for name in one.names]
    last = names[-1]
    if "#" in text[last.end : whole.end]:
        return None  # a comment on the last name would become one on the new name
    if len(names) > 1:
        between = text[names[-2].end : last.start]
    else:
        opening = text[whole.start : last.start].partition("(")[2]
        between = "," + (opening if "\n" in opening or "\r" in opening else " ")
    between = re.sub(r"[ \t]*#[^\r\n]*", "", between)
    added = "".join(between + ast.unparse(name) for name in wanted.names)
    return PlainText.put(text, Span(last.end, last.end), added)


def _with_line(text: str, statement: str, above: list[_Import]) -> str:
    """Return the text with the statement on a line of its own: below imports, docstring, or the comments at the top."""
    newline = newline_of(text)
    body = tree(text).body
    starts = [*line_starts(text), len(text)]
    if not above and not _is_docstring(body[0]):
        decorators = getattr(body[0], "decorator_list", [])
        first = starts[min(node.lineno for node in (body[0], *decorators)) - 1]
        return PlainText.put(text, Span(first, first), statement + newline * 2)
    last = above[-1] if above else body[0]
    # The line may go on behind a semicolon, with a statement that spans several lines.
    end = max(one.end_lineno or 0 for one in body if one.lineno <= (last.end_lineno or 0))
    at = starts[min(end, len(starts) - 1)]
    blank = "" if above else newline
    added = blank + statement + newline if text[:at].endswith(("\n", "\r")) else newline + blank + statement
    return PlainText.put(text, Span(at, at), added)


def _is_docstring(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _span(text: str, node: ast.stmt | ast.alias) -> Span:
    """Return the place of a node of the text's tree."""
    lines = line_starts(text)

    def offset(line: int, column: int) -> int:
        start = lines[line - 1]
        return start + len(text[start : start + column].encode()[:column].decode())

    return Span(offset(node.lineno, node.col_offset), offset(node.end_lineno or 0, node.end_col_offset or 0))

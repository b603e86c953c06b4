"""Add definitions and imports to the text of a Python module."""

from __future__ import annotations

import ast
import re
import symtable
from copy import copy
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scopes import FUNCTIONS, enclosing_scopes, span_of
from sqlite_consolidate.engine.code.source_files import LINE_END, Span, find_line, first_line_ending, line_starts
from sqlite_consolidate.engine.code.syntax import PlainText, code_problem, normalized_dump, parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator


_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def parse_definitions(code: str) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, str]]:
    """Return each function or class of the plan's code, as tree and as text with comments.

    Raises:
        ProblemError: It is something else.
    """
    hint = "Give nothing but functions or classes; what they import can be imported inside them."
    try:
        body = parse_tree(code).body
    except SyntaxError as error:
        location = f"line {error.lineno} of it: " if error.lineno else ""
        raise code_problem("bad-insert", f"is not a definition ({location}{error.msg}).", hint) from None
    lines = LINE_END.split(code)
    parsed: list[tuple[_Definition, str]] = []
    start = 0
    for node in body:
        if not isinstance(node, _Definition):
            raise code_problem("bad-insert", f"has something else than a definition in line {node.lineno}.", hint)
        parsed.append((node, "\n".join(lines[start : node.end_lineno]).strip("\n")))
        start = node.end_lineno or 0
    if not parsed:
        raise code_problem("bad-insert", "defines nothing.", hint)
    return parsed


def add_definitions(text: str, code: str, file: str = "") -> str:
    """Return the module's text with every definition of ``code`` that it does not have.

    They come at its end, or before the first statement that may need them while the module is loaded or run: one that
    uses the new name, that calls what the module defines, or the guard ``if __name__ == "__main__"``.

    Args:
        text: Source of a module that parses.
        code: Top-level functions or classes.
        file: The module's path, for the problem that is raised.

    Raises:
        ProblemError: ``code`` is something else, or the module uses one of the names otherwise.
    """
    for node, source in parse_definitions(code):
        same = [
            statement
            for statement in parse_tree(text).body
            if isinstance(statement, _Definition) and statement.name == node.name
        ]
        if not same and _is_bound(text, node.name):
            raise code_problem(
                "name-in-code-taken",
                f'the name "{node.name}" already stands for something else.',
                "Give the new code another name.",
            )
        different = [statement for statement in same if normalized_dump(statement) != normalized_dump(node)]
        if different:
            fact = f'"{node.name}" is already defined, with other code.'
            raise code_problem(
                "name-in-code-taken",
                fact,
                "Give the new code another name, or take the entry out.",
                file,
                different[0].lineno,
            )
        if not same:
            offset = _first_use(text, node.name)
            text = _append(text, source) if offset is None else _insert_before(text, source, offset)
    return text


def _is_bound(text: str, name: str) -> bool:
    """Return whether the module assigns or imports the name at its top level."""
    try:
        symbol = symtable.symtable(text, "<code>", "exec").lookup(name)
    except KeyError:
        return False
    return symbol.is_assigned() or symbol.is_imported()


def _first_use(text: str, name: str) -> int | None:
    """Return the offset of the first statement that may run the definition, or None.

    Comments directly above the statement belong to it.
    """
    body = parse_tree(text).body
    module_names = {name} | {node.name for node in body if isinstance(node, _Definition)}
    for node in body:
        if any(_may_run(part, name, module_names) for part in _evaluated_on_load(node)):
            line: int = min(part.lineno for part in [node, *getattr(node, "decorator_list", [])])
            lines = LINE_END.split(text)
            while line > 1 and lines[line - 2].startswith("#"):
                line -= 1
            return line_starts(text)[line - 1]
    return None


def _evaluated_on_load(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what Python evaluates when it loads the statement.

    Of a function that is only its decorators and defaults.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        yield from getattr(node, "decorator_list", [])
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                yield from _evaluated_on_load(default)
        return
    yield node
    skipped = {id(base) for base in getattr(node, "bases", [])} | {id(getattr(node, "annotation", None))}
    for child in ast.iter_child_nodes(node):
        if id(child) not in skipped:
            yield from _evaluated_on_load(child)


def _may_run(node: ast.AST, name: str, module_names: set[str]) -> bool:
    names = (
        {name_node.id for name_node in ast.walk(node) if isinstance(name_node, ast.Name)}
        if isinstance(node, ast.expr)
        else set()
    )
    is_guard = isinstance(node, ast.If) and "__name__" in {
        getattr(name_node, "id", "") for name_node in ast.walk(node.test)
    }
    return is_guard or name in names or (isinstance(node, ast.Call) and bool(names & module_names))


def _insert_before(text: str, source: str, at: int) -> str:
    """Return the text with the source before the line at ``at``, between two blank lines."""
    newline = first_line_ending(text)
    content = text[:at].rstrip()
    present = len(LINE_END.findall(text, len(content), at))
    gap = newline * max(0, 3 - present) if content else ""
    return text[:at] + gap + LINE_END.sub(newline, source) + newline * 3 + text[at:]


def _append(text: str, source: str) -> str:
    """Return the text with the source after two blank lines.

    The text ends with a line feed only if it did before.
    """
    newline = first_line_ending(text)
    content = text.rstrip()
    present = len(LINE_END.findall(text, len(content)))
    gap = newline * max(0, 3 - present) if content else ""
    end = newline if not text or text.endswith(("\n", "\r")) else ""
    return text + gap + LINE_END.sub(newline, source) + end


_Import = ast.Import | ast.ImportFrom
_Part = tuple[str, int, str, str | None]


def parse_import(code: str) -> ast.Import | ast.ImportFrom:
    """Return the tree of the one import statement that a plan states.

    Raises:
        ProblemError: It is something else, or imports everything (``*``).
    """
    hint = 'Write it like "from package.module import name".'
    try:
        body = parse_tree(code.strip()).body
    except SyntaxError as error:
        raise code_problem("bad-import", f"is not an import statement ({error.msg}): {code.strip()}", hint) from None
    if len(body) != 1 or not isinstance(body[0], _Import) or body[0].names[0].name == "*":
        raise code_problem("bad-import", f"is not one import of named things: {code.strip()}", hint)
    return body[0]


def add_import(text: str, statement: str, before: int) -> str:
    """Return the module's text with everything imported that ``statement`` imports.

    Names join an import from the same module; otherwise the statement gets a line of its own after the last import.
    Either lies above ``before``: further down it would come too late for code that runs while the module is loaded. An
    import that is further down counts only if ``before`` is in the body of a function.

    Args:
        text: Source of a module that parses.
        statement: One import statement.
        before: Offset of the first place that needs it.

    Raises:
        ProblemError: ``statement`` is not an import statement, or the module uses a name of it otherwise.
    """
    wanted = copy(parse_import(statement))
    module = parse_tree(text)
    imports = [earlier for earlier in module.body if isinstance(earlier, _Import)]
    is_late = any(isinstance(scope, FUNCTIONS) for scope in enclosing_scopes(text, module, before))
    line = find_line(text, before)
    present = {part for earlier in imports if is_late or earlier.lineno < line for part in _parts(earlier)}
    for part in _parts(wanted):
        if part not in present and (other := _other_binding(module, part)):
            fact = f'the name "{_bound_name(part)}" already stands for something else, in line {other}.'
            raise code_problem("name-in-code-taken", fact, "Import it under another name, by `as`.")
    wanted.names = [name for name, part in zip(wanted.names, _parts(wanted), strict=True) if part not in present]
    if not wanted.names:
        return text
    above = [earlier for earlier in imports if earlier.lineno < line]
    for earlier in reversed(above):
        joined = _extend_import(text, earlier, wanted)
        if joined:
            return joined
    return _add_import_line(text, ast.unparse(wanted), above)


def _parts(statement: _Import) -> list[_Part]:
    """Return what each name of a statement imports, equal for equal imports."""
    module, level = (statement.module or "", statement.level) if isinstance(statement, ast.ImportFrom) else ("", -1)
    return [(module, level, name.name, name.asname) for name in statement.names]


def imported_names(statement: str) -> set[str]:
    """Return the names that an import statement binds.

    Raises:
        ProblemError: It is not one.
    """
    return set(map(_bound_name, _parts(parse_import(statement))))


def _bound_name(part: _Part) -> str:
    module, _, name, alias = part
    return alias or (name if module else name.partition(".")[0])


def _other_binding(module: ast.Module, wanted: _Part) -> int:
    """Return the line of a statement that binds the name of an import otherwise, or 0."""
    name = _bound_name(wanted)
    for node in module.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names = {node.name}
            case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
                names = {target}
            case ast.Import() | ast.ImportFrom():
                names = {_bound_name(part) for part in _parts(node) if not _binds_the_same(part, wanted)}
            case _:
                continue
        if name in names:
            return node.lineno
    return 0


def _binds_the_same(part: _Part, wanted: _Part) -> bool:
    """Return whether two imports of one name bind the same thing, as ``a.b`` and ``a.c`` do."""
    return part[:3] == wanted[:3] or (part[1] == wanted[1] == -1 and part[3] is wanted[3] is None)


def _extend_import(text: str, statement: _Import, wanted: _Import) -> str | None:
    """Return the text with the wanted names added to an import statement, or None.

    None means that the names belong to another module or form of import.
    """
    if (
        not isinstance(statement, ast.ImportFrom)
        or not isinstance(wanted, ast.ImportFrom)
        or statement.names[0].name == "*"
    ):
        return None
    if (statement.module, statement.level) != (wanted.module, wanted.level):
        return None
    whole = span_of(text, statement)
    names = [span_of(text, name) for name in statement.names]
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
    return PlainText.replace_span(text, Span(last.end, last.end), added)


def _add_import_line(text: str, statement: str, above: list[_Import]) -> str:
    """Return the text with the import statement on a line of its own.

    The line follows the imports, the docstring, or the comments at the top.
    """
    newline = first_line_ending(text)
    body = parse_tree(text).body
    starts = [*line_starts(text), len(text)]
    if not above and not _is_docstring(body[0]):
        decorators = getattr(body[0], "decorator_list", [])
        first = starts[min(node.lineno for node in (body[0], *decorators)) - 1]
        return PlainText.replace_span(text, Span(first, first), statement + newline * 2)
    last = above[-1] if above else body[0]
    # The line may go on behind a semicolon, with a statement that spans several lines.
    end = max(statement.end_lineno or 0 for statement in body if statement.lineno <= (last.end_lineno or 0))
    offset = starts[min(end, len(starts) - 1)]
    blank = "" if above else newline
    added = blank + statement + newline if text[:offset].endswith(("\n", "\r")) else newline + blank + statement
    return PlainText.replace_span(text, Span(offset, offset), added)


def _is_docstring(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)

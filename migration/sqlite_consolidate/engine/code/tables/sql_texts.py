"""Find the tables that code names, in statements of SQL and as tables of its classes."""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.text_patterns import is_yaml
from sqlite_consolidate.engine.code.scopes import child_nodes, nodes_of
from sqlite_consolidate.engine.code.source_files import LINE_END, find_line, is_python
from sqlite_consolidate.engine.code.syntax import parse_tree
from sqlite_consolidate.engine.code.tables.comments import without_comments
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_VERB = r"(?:select|insert|update|delete|replace|with|create|alter|drop|attach|pragma|begin|explain)\b"
_COMMENTS = r"\s*(?:(?:--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)\s*)*"
_COMMENTS_IN_QUOTES = r"\s*(?:(?:--(?:(?!\1)[^\n])*\n|/\*(?:(?!\1)[^*]|\*(?!/))*\*/)\s*)*"
_MOST_LINES = 200  # of a here-document, because each << of C++ may begin one that has no end
_STARTS = re.compile(rf"{_COMMENTS}{_VERB}", re.IGNORECASE)
_LITERAL = re.compile(
    rf"""("{{3}}|'{{3}}|["'`])(?P<text>{_COMMENTS_IN_QUOTES}{_VERB}(?:\\.|(?!\1).)*)\1"""
    rf"""|<<[<~-]?[ \t]*["']?(\w+)["']?[^\n]*\n(?P<document>(?:[^\n]*\n){{0,{_MOST_LINES}}}?)[ \t]*\3\b"""
    rf"""|\bqq?\{{(?P<braces>\s*{_VERB}[^{{}}]*)\}}|\[\[(?P<brackets>\s*{_VERB}(?:(?!\[\[|\]\]).)*)\]\]""",
    re.IGNORECASE | re.DOTALL,
)
"""A text in quotes that begins like a statement, or a here-document. Perl has braces, and Lua brackets, for quotes."""
_NEXT = re.compile(
    r"""\s*(?:\.\.|<>|[+.&])\s*(?:(?P<value>[\w$.]+)\s*(?:\.\.|<>|[+.&])\s*)?"""
    r"""(?P<mark>["'])(?P<text>(?:\\.|(?!(?P=mark)).)*)(?P=mark)""",
    re.DOTALL,
)
"""A text that a program joins to the one before it, with a value between them."""
_MOST_JOINED = 200
_ESCAPED = re.compile(r"""\\(?:[nrt]|(["'`\n]))""")
_COMMAND = re.compile(r"^\.[a-z][^\n]*\n", re.MULTILINE)
"""A command of the program sqlite3."""
_BLOCK = re.compile(r"(?P<indent>[ \t]*)(?:\S.*)?[:-][ \t]+[|>][+-]?[ \t]*")
"""The line of YAML before a text of several lines."""
_MAY_BEGIN = re.compile(
    rf"""["'`](?:\s|\\.)*(?:{_VERB}|--[^\n"'`]*\n|/\*)|<<|(?:\bqq?\{{|\[\[)\s*{_VERB}""", re.IGNORECASE
)
"""What each program with such a text has, so that most programs are not parsed."""
_HAS_A_TABLE = re.compile(r"\b(?:from|into|join|table|update|view)\s", re.IGNORECASE)
_NAMES_A_TABLE = {  # a word before a table or view, to the words of which a statement with it has one
    "from": {"select", "delete"},
    "into": {"insert", "replace"},
    "join": {"select", "update", "delete"},
    "table": {"create", "alter", "drop"},
    "update": {"set"},
    "view": {"create", "drop"},
}
_BEFORE_A_NAME = {"abort", "exists", "fail", "if", "ignore", "not", "or", "replace", "rollback"}
_ATTRIBUTES = ("__tablename__", "_table_", "db_table", "table_name", "tableName", "table")
"""What holds the table of a class: SQLAlchemy, Pony, Django, Peewee and Rails, Room and Sequelize, Laravel."""
_FUNCTIONS = ("Entity", "Table", "ToTable", "table")
"""What takes the name of a table first: TypeORM, SQLAlchemy and JPA, Entity Framework, sqlite-utils."""
_MAPS = re.compile(
    rf"""(?:\b(?:{"|".join(_ATTRIBUTES[:-1])})|\$table)\b\s*[=:]\s*(?P<quote>["'`])(?P<attribute>\w+)(?P=quote)"""
    rf"""|\b(?:{"|".join(_FUNCTIONS)})\(\s*(?:name\s*=\s*)?(?P<mark>["'`])(?P<argument>\w+)(?P=mark)"""
)
_MAY_MAP = re.compile(rf"{'|'.join(_ATTRIBUTES[:-1])}|\b(?:{'|'.join(_FUNCTIONS)})\(|sqlite_utils")
"""What each Python program that maps a table has."""
_VALUE = " ? "
"""Stands for a value that code puts into a statement."""


def begins_like_sql(text: str) -> bool:
    """Return whether a text begins like a statement."""
    return _STARTS.match(text) is not None


def tables_named_in(
    file: str, text: str, names: Collection[str], without: Collection[str] = ()
) -> list[tuple[int, str]]:
    """Return each place of a program that names one of some tables or views.

    A place is the number of a line and the folded name. A statement is the value of a text, so that comments do not
    count. A text that begins with no word of SQL is none. The table of a class, such as ``__tablename__ = "run"``, is
    named as well.

    Args:
        file: Path of the program, whose ending tells the language.
        text: Its source.
        names: Folded names of tables and views.
        without: Statements that do not count.
    """
    places = {place for place in _mapped_tables(file, text) if place[1] in names}
    statements = [each for each in statements_in(file, text) if each[0] not in without]
    lines = LINE_END.split(text) if statements else []
    places |= {
        (_line_of(name, lines, first, last), name)
        for statement, first, last in statements
        for name in _tables_of(words_of(statement)) & set(names)
    }
    return sorted(places)


def _mapped_tables(file: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield line and folded name of each table that a library has by its name."""
    if is_python(file):
        with contextlib.suppress(SyntaxError, RecursionError):
            for node in nodes_of(parse_tree(text)) if _MAY_MAP.search(text) else ():
                for named in _mapped_in(node, has_rows="sqlite_utils" in text):
                    if isinstance(named, ast.Constant) and isinstance(named.value, str):
                        yield named.lineno, folded(named.value)
        return
    for match in _MAPS.finditer(text) if not _is_sql(file) else ():
        yield find_line(text, match.start()), folded(match["attribute"] or match["argument"])


def _mapped_in(node: ast.AST, *, has_rows: bool) -> Iterator[ast.expr]:
    """Yield each expression that names a table for a library.

    Args:
        node: A node of a module.
        has_rows: Whether the module uses sqlite-utils, which has a table by ``db["run"]``.
    """
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ) if name in _ATTRIBUTES[:-1]:
            yield value
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if name in _FUNCTIONS:
            yield first
        case ast.Subscript(value=ast.Name(id="db" | "database") | ast.Attribute(attr="db"), slice=key) if has_rows:
            yield key


def _is_sql(file: str) -> bool:
    return file.lower().endswith(".sql")


def statements_in(file: str, text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each text of a program that begins like SQL, with its first and its last line.

    A file of SQL is one text.

    Args:
        file: Path of the program, whose ending tells the language.
        text: Its source.
    """
    if _is_sql(file):
        yield text, 1, find_line(text, len(text))
    elif is_yaml(file):
        yield from (block for block in _blocks(text) if _STARTS.match(block[0]))
    if not _is_sql(file) and _MAY_BEGIN.search(text):
        yield from _statements(file, text)


def _statements(file: str, text: str) -> Iterator[tuple[str, int, int]]:
    if is_python(file):
        try:
            tree = parse_tree(text)
            yield from _python_statements(tree)
            yield from _extended_statements(tree) if "+=" in text else ()
        except (SyntaxError, RecursionError):
            pass
        else:
            return
    if not any(_HAS_A_TABLE.search(match[0]) for match in _LITERAL.finditer(text)):
        return  # a language is read by its lexer, which takes a second for a megabyte
    code = without_comments(file, text)
    for match in _LITERAL.finditer(code):
        statement = _COMMAND.sub("\n", f"{match['document']}\n") if match["document"] else _joined_text(code, match)
        if begins_like_sql(statement):
            yield statement, find_line(text, match.start()), find_line(text, match.end())


def _joined_text(code: str, match: re.Match[str]) -> str:
    """Return a text in quotes with those that the program joins to it."""
    parts = [match["text"] or match["braces"] or match["brackets"] or ""]
    end = match.end()
    while len(parts) < _MOST_JOINED and (following := _NEXT.match(code, end)):
        parts += [_VALUE if following["value"] else "", following["text"]]
        end = following.end()
    return _ESCAPED.sub(lambda escaped: escaped[1] or " ", "".join(parts))


def _blocks(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each text of several lines in YAML, with its first and its last line."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if begin := _BLOCK.fullmatch(line):
            indent, last = f"{begin['indent']} ", number + 1
            while last < len(lines) and (lines[last].startswith(indent) or not lines[last].strip()):
                last += 1
            yield "\n".join(lines[number + 1 : last]), number + 2, last


def _python_statements(node: ast.AST) -> Iterator[tuple[str, int, int]]:
    value = value_of(node) if isinstance(node, ast.expr) else None
    if value is not None and isinstance(node, ast.expr):
        if begins_like_sql(value):
            yield value, node.lineno, node.end_lineno or node.lineno
        return
    for child in child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):  # a docstring
            yield from _python_statements(child)


def _extended_statements(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Yield each statement to which a module adds text, as if all of it were added."""
    built: dict[str, str] = {}
    lines: dict[str, tuple[int, int]] = {}
    changes = [node for node in nodes_of(tree) if isinstance(node, ast.Assign | ast.AugAssign)]
    for node in sorted(changes, key=lambda node: node.lineno):
        text, last = value_of(node.value), node.end_lineno or node.lineno
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                if name in lines:
                    yield built.pop(name), *lines.pop(name)
                built[name] = text or ""
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add()) if begins_like_sql(built.get(name, "")):
                built[name] += text or _VALUE
                lines[name] = lines.get(name, (node.lineno, last))[0], last
    yield from ((built[name], *lines[name]) for name in lines)


def value_of(node: ast.expr) -> str | None:
    """Return the text that an expression builds, as far as it is known, or None."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr():
            return "".join(value_of(part) or _VALUE for part in node.values)
        case ast.BinOp(op=ast.Add()):
            parts = [value_of(node.left), value_of(node.right)]
            return None if parts == [None, None] else "".join(part or _VALUE for part in parts)
    return None


def _tables_of(words: Sequence[str]) -> set[str]:
    """Return the folded names that stand where a statement names a table."""
    tables: set[str] = set()
    known = set(words)
    for number, word in enumerate(words):
        at = number + 1
        while not known.isdisjoint(_NAMES_A_TABLE.get(word, ())) and at < len(words):
            while words[at : at + 1] and words[at] in _BEFORE_A_NAME:
                at += 1
            at += 2 * (words[at + 1 : at + 2] == ["."])  # after the name of its database
            tables.update(words[at : at + 1])
            comma = next((place for place in range(at + 1, min(at + 4, len(words))) if words[place] == ","), 0)
            if word != "from" or not comma:
                break
            at = comma + 1
    return tables


def _line_of(name: str, lines: Sequence[str], first: int, last: int) -> int:
    """Return the first of some lines with a name, or the first of all."""
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return next((line for line in range(first, last + 1) if pattern.search(lines[line - 1])), first)

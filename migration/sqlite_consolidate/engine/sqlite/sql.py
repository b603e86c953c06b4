"""Quote, compare and rename identifiers in SQL, and remove what is not code from it."""

from __future__ import annotations

import re
from sys import intern

# An identifier as SQLite accepts it (https://sqlite.org/lang_keywords.html): "a", [a], `a`, 'a' or a bare word.
_IDENTIFIER = r"""(?:"(?:[^"]|"")*"|\[[^\]]*\]|`(?:[^`]|``)*`|'(?:[^']|'')*'|(?:[A-Za-z0-9_$]|[^\x00-\x7f])+)"""
_GAP = r"(?>\s|--[^\n]*\n|/\*.*?\*/)"
_CREATE_NAME = re.compile(
    rf"(?P<head>\s*CREATE\s+(?:UNIQUE\s+)?(?:INDEX|TRIGGER|VIEW)\s+)(?P<name>{_IDENTIFIER})", re.IGNORECASE | re.DOTALL
)

_MODULE = re.compile(
    rf"CREATE VIRTUAL TABLE {_GAP}*+{_IDENTIFIER}{_GAP}*+(?P<using>USING{_GAP}*+(?P<name>{_IDENTIFIER}))",
    re.IGNORECASE | re.DOTALL,
)
# Comments (the last one may be open), strings and quoted identifiers.
_NOT_CODE = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]""", re.DOTALL
)


def quoted(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier. It may have any characters."""
    return '"' + name.replace('"', '""') + '"'


def identifier_list(names: tuple[str, ...] | list[str]) -> str:
    """Return names as a comma-separated list of quoted SQL identifiers."""
    return ", ".join(quoted(name) for name in names)


def folded(name: str) -> str:
    """Return ``name`` in the form in which SQLite compares names.

    SQLite ignores the case of ASCII letters only. Equal names are one object, because thousands of files have the same.
    """
    if name.isascii():
        return intern(name.lower())
    return intern("".join(char.lower() if char.isascii() else char for char in name))


def strip_literals(sql: str) -> str:
    """Return ``sql`` in lower case without its comments, strings and quoted identifiers."""
    return folded(_NOT_CODE.sub(" ", sql))


def quoted_names(sql: str) -> list[str]:
    """Return the names in double quotes, brackets or backquotes that a text of SQL has."""
    tokens = (match[0] for match in _NOT_CODE.finditer(sql))
    ends = {'"': '"', "`": "`", "[": "]"}
    return [t[1:-1].replace(ends[t[0]] * 2, ends[t[0]]) for t in tokens if t[0] in ends]


def strip_trailing_comments(sql: str) -> str:
    """Return ``sql`` without white space and comments after its last word.

    SQLite keeps only some of them in sqlite_schema.
    """
    end = len(sql.rstrip())
    for match in reversed(list(_NOT_CODE.finditer(sql))):
        if match[0][0] in "-/" and match.end() >= end:
            end = len(sql[: match.start()].rstrip())
    return sql[:end]


def virtual_table_module(create: str) -> str:
    """Return the case-folded module of a CREATE VIRTUAL TABLE statement of sqlite_schema.

    Any other statement returns an empty text.
    """
    match = _MODULE.match(create)
    if not match:
        return ""
    name = match["name"]
    if name[0] not in "\"'`[":
        return folded(name)
    return folded(name[1:-1].replace(name[-1] * 2, name[-1]))


def virtual_table_statement(create: str, name: str) -> str:
    """Return a CREATE VIRTUAL TABLE statement of sqlite_schema for another table.

    Args:
        create: The statement.
        name: SQL of the other name, which may name a database as well.

    Raises:
        ValueError: The text does not begin like such a statement.
    """
    match = _MODULE.match(create)
    if not match:
        raise ValueError(f"not a CREATE VIRTUAL TABLE statement: {create[:60]!r}")
    return f"CREATE VIRTUAL TABLE {name} {create[match.start('using') :]}"


def rename_in_statement(create: str, name: str) -> str:
    """Return a CREATE INDEX, TRIGGER or VIEW statement of sqlite_schema with another name.

    Raises:
        ValueError: The text does not begin like such a statement.
    """
    match = _CREATE_NAME.match(create)
    if not match:
        raise ValueError(f"not a CREATE INDEX, TRIGGER or VIEW statement: {create[:60]!r}")
    return create[: match.start("name")] + quoted(name) + create[match.end("name") :]

"""Names in SQL: the one quoting function, and the few texts that every room needs."""

from __future__ import annotations

import re

# An identifier as SQLite accepts it (https://sqlite.org/lang_keywords.html): "a", [a], `a`, 'a' or a bare word.
_IDENTIFIER = r"""(?:"(?:[^"]|"")*"|\[[^\]]*\]|`(?:[^`]|``)*`|'(?:[^']|'')*'|[^\s("'\[`]+)"""
_NAMED = re.compile(
    rf"(?P<head>\s*CREATE\s+(?:UNIQUE\s+)?(?:INDEX|TRIGGER)\s+)(?P<name>{_IDENTIFIER})", re.IGNORECASE | re.DOTALL
)


def quoted(name: str) -> str:
    """Return ``name`` as an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Return names as a comma-separated list of SQL identifiers."""
    return ", ".join(quoted(name) for name in names)


def folded(name: str) -> str:
    """Return ``name`` as SQLite compares names: ASCII letters without case, all others as they are."""
    return "".join(char.lower() if char.isascii() else char for char in name)


def with_name(create: str, name: str) -> str:
    """Return a CREATE INDEX or CREATE TRIGGER statement, as sqlite_schema holds it, under another name.

    Raises:
        ValueError: The text does not begin like such a statement.
    """
    found = _NAMED.match(create)
    if not found:
        raise ValueError(f"not a CREATE INDEX or CREATE TRIGGER statement: {create[:60]!r}")
    return create[: found.start("name")] + quoted(name) + create[found.end("name") :]

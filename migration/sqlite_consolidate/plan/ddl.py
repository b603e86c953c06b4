"""Split the ``create`` text of a plan into statements, and try them in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.plan.mistakes import in_quotes, shortened

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_SPACE = r"(?>\s|--[^\n]*(?:\n|\Z)|/\*(?>[^*]|\*(?!/))*(?:\*/|\Z))"
_EMPTY = re.compile(rf"(?>{_SPACE}|;)*+")
_LACKING = re.compile(r"no such (?:collation sequence|function|module|tokenizer)|unknown (?:function|tokenizer)")
_CREATES = re.compile(
    rf"{_SPACE}*+CREATE{_SPACE}++(?:UNIQUE{_SPACE}++INDEX|VIRTUAL{_SPACE}++TABLE|TABLE|INDEX|TRIGGER|VIEW)\b",
    re.IGNORECASE,
)
_VIRTUAL = re.compile(rf"{_SPACE}*+CREATE{_SPACE}++VIRTUAL\b", re.IGNORECASE)
_SEARCH_INDEX = re.compile(r"\bUSING\s+fts[45]\s*\(.*[(,]\s*content\s*=", re.IGNORECASE | re.DOTALL)
_WORDS = re.compile(rf"{_SPACE}*+(\w+(?:\s+\w+)?)")


def statements(text: str) -> list[str]:
    """Return the SQL statements of ``text`` in order, as written, without surrounding space.

    SQLite decides where a statement ends, so semicolons in strings, comments and trigger bodies do not split it. A
    comment stays with the statement that follows it. A comment after the last statement is dropped. The last statement
    needs no semicolon.
    """
    complete = []
    begun = ""
    for piece in re.findall(r"[^;]*;|[^;]+\Z", text):
        begun += piece
        # complete_statement() stops reading at a NUL. SQLite refuses such a text later, when it is executed.
        if piece.endswith(";") and sqlite3.complete_statement(begun.replace("\0", " ")):
            complete.append(begun)
            begun = ""
    return [statement.strip() for statement in (*complete, begun) if not _EMPTY.fullmatch(statement)]


def validate_create(text: str, table: str, *, has_setup: bool = False) -> str:
    """Create ``table`` with ``text`` in an empty database in memory, and return the mistake.

    Args:
        text: One CREATE TABLE, and the indexes, triggers and views that belong to it.
        table: Name that the plan gives to the table, spelled as in the schema.
        has_setup: Whether a function of the plan adds what this process lacks. The preflight then tries the SQL.

    Returns:
        One sentence, or an empty text if the SQL has no mistake.
    """
    parts = statements(text)
    for statement in parts:
        if not _CREATES.match(statement):
            return f"the statement begins with {_beginning(statement)}; only CREATE TABLE, INDEX, TRIGGER and VIEW may."
        if _VIRTUAL.match(statement) and not _SEARCH_INDEX.search(statement):
            return (
                "the only virtual tables that a plan creates are FTS4 and FTS5 tables with content=, for [[rebuild]]."
            )
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
    try:
        for statement in parts:
            # FTS reads its own new tables while it is created.
            connection.set_authorizer(None if _VIRTUAL.match(statement) else without_rows)
            connection.execute(statement)
        connection.set_authorizer(None)
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')"
        )
        created = [str(name) for (name,) in tables]
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return "" if has_setup and _LACKING.search(str(error)) else _refusal(error)
    finally:
        connection.close()
    if created == [table]:
        return ""
    return (
        f"the SQL creates {' and '.join(map(in_quotes, created)) or 'no table'}, but the table is {in_quotes(table)}."
    )


def without_rows(action: int, *_names: str | None) -> int:
    """Deny CREATE TABLE ... AS SELECT as an authorizer of SQLite.

    Rows may only come from the sources.
    """
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_SELECT else sqlite3.SQLITE_OK


def _refusal(error: Exception) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        return "CREATE TABLE ... AS SELECT adds rows and has no constraints."
    return f"SQLite refuses the SQL: {shortened(str(error))}."


def _beginning(statement: str) -> str:
    words = _WORDS.match(statement)
    return in_quotes(words.group(1) if words else statement[:20])

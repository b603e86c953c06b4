"""Stand in for what only an application defines, in databases in memory that hold no row."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import Connection
from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN, Statement, schema_statements, words_of
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_MISSING = re.compile(
    r"(?:error in .*?: )?(?:no such|unknown) (?P<kind>function|collation sequence): (?P<name>.+)", re.DOTALL
)
_AGGREGATE = re.compile(
    r".* may not be used with non-aggregate (\S+)\(\)|(?:.*: )?(\S+)\(\) may not be used as a window function",
    re.DOTALL,
)
MOST_STAND_INS = 200
"""Functions and collations of one statement."""


def define_stand_in(con: sqlite3.Connection, error: str) -> bool:
    """Define the function or collation that an error names, and return whether there is one.

    Args:
        con: A database in memory, in which statements are compiled only. Nothing is defined for any other.
        error: Message of SQLite about a statement.
    """
    if not isinstance(con, Connection) or not con.is_in_memory:
        return False
    if match := _AGGREGATE.match(error):
        con.create_window_function(match[1] or match[2], -1, _Aggregate)
        return True
    match = _MISSING.match(error)
    if not match:
        return False
    name, kind = match["name"].removesuffix("()"), match["kind"].removesuffix(" sequence")
    if kind == "function":
        con.create_function(name, -1, _nothing, deterministic=True)
        con.execute("PRAGMA trusted_schema=1")  # otherwise no view may use it; it does nothing
    else:
        con.create_collation(name, _equal)
    con.stand_ins[folded(name)] = f"the {kind} {name}"
    return True


def execute_with_stand_ins(con: sqlite3.Connection, sql: str) -> sqlite3.Cursor:
    """Execute a statement, and define what it needs if ``con`` is in memory.

    Raises:
        sqlite3.Error: SQLite cannot execute it for another reason.
    """
    for _ in range(MOST_STAND_INS):
        try:
            return con.execute(sql)
        except sqlite3.Error as error:
            if not define_stand_in(con, str(error)):
                raise
    return con.execute(sql)


def stand_ins_in(con: sqlite3.Connection, sql: str) -> list[str]:
    """Return the functions and collations that a text names and that were defined for ``con``.

    Each is described, such as ``the function twice``.
    """
    defined = con.stand_ins if isinstance(con, Connection) and con.is_in_memory else {}
    words = set(words_of(sql))
    return sorted(text for name, text in defined.items() if name in words)


def create_schema_in_memory(
    con: sqlite3.Connection, schema: Schema, report: Callable[[Statement, sqlite3.Error], None] | None = None
) -> None:
    """Create the objects of a schema in memory.

    Tables stand in for virtual tables that SQLite cannot create.

    Args:
        con: An empty database in memory.
        schema: The schema.
        report: Receives each statement that SQLite cannot execute, with its error.
    """
    for table in schema.tables.values():
        if table.lacks:
            with contextlib.suppress(sqlite3.Error):  # a shadow table that its virtual table has created
                execute_with_stand_ins(con, stand_in_statement(table))
    for index in (index for table in schema.lacking for index in table.indexes if index.sql):
        execute_with_stand_ins(con, index.sql)
    for statement in schema_statements(schema):
        try:
            execute_with_stand_ins(con, statement.sql)
        except sqlite3.Error as error:
            if report:
                report(statement, error)


def stand_in_statement(table: Table) -> str:
    """Return a statement that creates a table without its module or tokenizer."""
    if table.kind != "virtual":
        return table.sql
    if table.lacks.startswith("the tokenizer "):
        return _without_tokenizer(table.sql)
    names = dict.fromkeys(folded(_first_name(argument)) for argument in _arguments(table.sql)[1])
    columns = [column.name for column in table.columns if not column.hidden] or [name for name in names if name]
    return f"CREATE TABLE {quoted(table.name)}({identifier_list(columns or ['value'])})"


def _without_tokenizer(sql: str) -> str:
    head, arguments, tail = _arguments(sql)
    return head + ",".join(each for each in arguments if _first_name(each) != "tokenize") + tail


def _arguments(sql: str) -> tuple[str, list[str], str]:
    """Divide the statement of a virtual table into head, arguments and tail."""
    head, arguments, depth, tail = "", [""], 0, ""
    for token in TOKEN.finditer(sql):
        word, text = token["word"] or "", token[0]
        depth += (word == "(") - (word == ")")
        if not depth:
            head, tail = (head + text, "") if arguments == [""] and not tail else (head, tail + text)
        elif depth == 1 and word == "(":
            head += text
        elif depth == 1 and word == ",":
            arguments.append("")
        else:
            arguments[-1] += text
    return head, arguments, tail


def _first_name(argument: str) -> str:
    """Return the first name of an argument, without quotes."""
    tokens = (token for token in TOKEN.finditer(argument) if not token["gap"] and token["word"] != "+")
    token = next(tokens, None)
    return "" if token is None else token["word"] or (token["name"] or token["text"])[1:-1]


class _Aggregate:
    """Stand in for an aggregate function of the application."""

    def step(self, *_: object) -> None:
        """Take a row."""

    def inverse(self, *_: object) -> None:
        """Leave a row."""

    def value(self) -> None:
        """Return NULL."""

    def finalize(self) -> None:
        """Return NULL."""


def _nothing(*_: object) -> None:
    """Stand in for a function of the application."""


def _equal(_: str, __: str) -> int:
    """Stand in for a collation of the application."""
    return 0

"""Estimate what reading a database costs, and measure it in a second process.

The measurement is needed only where the schema does not limit the cost.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import threading
import time
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import limits_of, open_existing, open_memory
from sqlite_consolidate.engine.sqlite.files import size_with_sidecars
from sqlite_consolidate.engine.sqlite.integrity import integrity_lines
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.schema.dependencies import trigger_dependencies
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import schema_statements
from sqlite_consolidate.engine.sqlite.sql import quoted, strip_literals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_MAX_LINEAR_COUNT = 2  # two expressions cannot multiply their results; a third can multiply the result of the second
# Built-in functions whose time and result are at most proportional to their arguments.
_LINEAR_FUNCTIONS = frozenset(
    {"abs", "coalesce", "date", "datetime", "ifnull", "iif", "json_valid", "julianday", "length", "lower", "max", "min"}
    | {"nullif", "octet_length", "round", "sign", "time", "typeof", "unicode", "unixepoch", "upper"}
)


def has_linear_cost(con: sqlite3.Connection) -> bool:
    """Return whether reading, checking and copying a database is linear in its size.

    Only the statements of the schema are examined, as text and by SQLite's compiler in memory. False if in doubt.
    """
    objects = con.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema").fetchall()
    statements = [strip_literals(sql) for kind, *_, sql in objects if kind in ("view", "trigger")]
    if sum(kind == "view" for kind, *_ in objects) > _MAX_LINEAR_COUNT or any(
        re.search(r"\bwith\b", words) for words in statements
    ):
        return False
    tables, indexes = ([row for row in objects if row[0] == kind] for kind in ("table", "index"))
    computing = {table for _, _, table, sql in (*tables, *indexes) if _may_compute(strip_literals(sql))}
    return _calls_only_linear_functions(
        [sql for _, _, table, sql in (*tables, *indexes) if sql and table in computing], limits_of(con)
    )


def _may_compute(words: str) -> bool:
    """Return whether a statement may hold an expression.

    It does so in a CHECK, a generated column, or an index on an expression or with WHERE.
    """
    if re.match(r"create\s+(?:unique\s+)?index", words):
        return bool(re.search(r"\(.*\(|\bwhere\b", words, re.DOTALL))
    return bool(re.search(r"\b(?:check|as)\b", words)) and not words.startswith("create virtual")


def _calls_only_linear_functions(statements: list[str], limits: Limits) -> bool:
    """Return whether expressions of tables and indexes call only functions of linear cost."""
    called: set[str | None] = set()

    def record_call(action: int, _: str | None, function: str | None, *__: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION:
            called.add(function)
        return sqlite3.SQLITE_OK

    if any(
        "||" in (words := strip_literals(sql)) or len(re.findall(r"\bas\b", words)) > _MAX_LINEAR_COUNT
        for sql in statements
    ):
        return False
    con = open_memory(limits)
    try:
        con.set_authorizer(record_call)
        for sql in statements:
            con.execute(sql)
    except sqlite3.Error:  # an index without its table, or a function of the application
        return False
    finally:
        con.close()
    return called <= _LINEAR_FUNCTIONS


_ALL_LINES, _MAX_LINES = 2_147_483_647, 5  # lines of integrity_check, which stops reading at its limit of lines
_REPORT_SECONDS = 0.2  # seconds before the deadline, to report the current step
_HEAP_BYTES, _HEAP_BYTES_PER_BYTE = 512_000_000, 4  # bytes of memory that SQLite gets; a value and copies of it fit in
_GENERATED_BYTES, _GENERATED_BYTES_PER_BYTE = (
    100_000_000,
    10,
)  # bytes of all values that a table's generated columns may have


def examine_database(path: Path, until: float, report_late: Callable[[str], None]) -> dict[str, object]:
    """Read, compile and evaluate everything in a database.

    Args:
        path: The database. It is only read.
        until: When this process has to end, as :func:`time.monotonic` counts. Every process counts the same.
        report_late: Takes the step that is under way just before that, in another thread, because this one may be
            inside of one instruction of SQLite. It ends the process.

    Returns:
        ``damage``: the lines of integrity_check, none if the database is intact. Or ``excess``: what took more memory
        or space than the size of the file allows.

    Raises:
        sqlite3.Error: SQLite cannot read the database.
    """
    limits = Limits()  # without a deadline, because the timer ends this process even inside of one SQLite instruction
    if not math.isinf(until):
        seconds = until - _REPORT_SECONDS - time.monotonic()
        timer = threading.Timer(seconds, lambda: report_late(limits.deadline.step))
        timer.daemon = True
        timer.start()
    size = size_with_sidecars(path)
    heap = _HEAP_BYTES + _HEAP_BYTES_PER_BYTE * size
    try:
        # SQLite does not evaluate CHECKs on a read-only connection. This one is writable, but query_only.
        with contextlib.closing(open_existing(path, limits)) as con:
            con.execute("PRAGMA query_only=ON")
            con.execute(f"PRAGMA hard_heap_limit={heap}")
            _compile_views(con)
            schema = read_schema(con)
            _compile_triggers_and_tables(con, schema)
            lines = _damage(con)
            return (
                {"damage": lines}
                if lines
                else _check_generated_columns(con, schema, _GENERATED_BYTES + _GENERATED_BYTES_PER_BYTE * size)
            )
    except MemoryError:
        return {"excess": f"needs more than {heap // 1_000_000} MB of memory, at {limits.deadline.step}."}


def _damage(con: sqlite3.Connection) -> list[str]:
    """Return the damage that integrity_check finds in all rows.

    A violated CHECK is no damage, because a row may be older than its CHECK.
    """
    limits_of(con).deadline.start_step("integrity_check")
    lines = integrity_lines(con, _ALL_LINES)
    damage = (line for line in lines if not line.startswith("CHECK constraint failed in "))
    return list(itertools.islice(damage, _MAX_LINES))


def _compile_views(con: sqlite3.Connection) -> None:
    """Let SQLite compile each view and record which one.

    PRAGMA table_list compiles them as well, but the step would not name the view.
    """
    limits_of(con).deadline.start_step("its schema")
    for (view,) in con.execute("SELECT name FROM main.sqlite_schema WHERE type = 'view'").fetchall():
        limits_of(con).deadline.start_step(f"view {view}")
        with contextlib.suppress(sqlite3.Error):  # the survey reports what is wrong with it
            con.execute(f"EXPLAIN SELECT * FROM main.{quoted(view)}")


def _compile_triggers_and_tables(con: sqlite3.Connection, schema: Schema) -> None:
    """Let SQLite compile each trigger, and create each table and index again in memory."""
    limits = limits_of(con)
    memory = open_memory(limits)
    try:
        for statement in schema_statements(schema):
            limits.deadline.start_step(f"{statement.kind} {statement.name}")
            if statement.kind == "trigger":
                trigger_dependencies(con, statement.name, statement.table)
            elif statement.kind != "view":
                with contextlib.suppress(sqlite3.Error):
                    memory.execute(statement.sql)
    finally:
        memory.close()


def _check_generated_columns(con: sqlite3.Connection, schema: Schema, most: int) -> dict[str, object]:
    """Evaluate every generated column of every row and compare their size with a limit."""
    for table in schema.movable:
        names = [quoted(column.name) for column in table.columns if column.generated]
        if not names:
            continue
        limits_of(con).deadline.start_step(f"the generated columns of {table.name}")
        total = " + ".join(f"total(length(CAST({name} AS BLOB)))" for name in names)
        size = con.execute(f"SELECT {total} FROM main.{quoted(table.name)} NOT INDEXED").fetchone()[0]
        if size > most:
            megabytes = f"{size / 1e6:.0f} MB; the limit for this file is {most // 1_000_000} MB"
            return {"excess": f"has generated columns in {table.name} that expand to {megabytes}."}
    return {"damage": []}

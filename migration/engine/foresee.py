"""Foresee: does reading a database cost what its bytes cost, or could its schema make much of little?

An expression that calls a function, a view of views, a generated column of generated columns: a few words of them can
keep SQLite busy for years, inside of one instruction or before the first, where nothing in the process can end it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.engine.connections import limits_of, open_memory
from migration.engine.sql import keywords

if TYPE_CHECKING:
    import sqlite3

    from migration.engine.limits import Limits
else:
    from sqlite_utils.utils import sqlite3

_FEW = 2  # so many cannot multiply: what the third makes of the second is the second times the first
# Built-in functions whose time and result are no more than in proportion to what they get.
_LINEAR = frozenset(
    {"abs", "coalesce", "date", "datetime", "ifnull", "iif", "json_valid", "julianday", "length", "lower", "max", "min"}
    | {"nullif", "octet_length", "round", "sign", "time", "typeof", "unicode", "unixepoch", "upper"}
)


def is_foreseeable(con: sqlite3.Connection) -> bool:
    """Tell whether reading, checking and copying the database of ``con`` costs what its rows cost, and little more.

    Only statements of its schema are looked at, as text and by SQLite's own compiler in memory; False where in doubt.
    """
    objects = con.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema").fetchall()
    read = [keywords(sql) for kind, *_, sql in objects if kind in ("view", "trigger")]
    if sum(kind == "view" for kind, *_ in objects) > _FEW or any(re.search(r"\bwith\b", words) for words in read):
        return False
    tables, indexes = ([one for one in objects if one[0] == kind] for kind in ("table", "index"))
    computing = {table for _, _, table, sql in (*tables, *indexes) if _may_compute(keywords(sql))}
    return _calls_little(
        [sql for _, _, table, sql in (*tables, *indexes) if sql and table in computing], limits_of(con)
    )


def _may_compute(words: str) -> bool:
    """Whether a statement may hold an expression: a CHECK, a generated column, or an index on more than columns."""
    if re.match(r"create\s+(?:unique\s+)?index", words):
        return bool(re.search(r"\(.*\(|\bwhere\b", words, re.DOTALL))
    return bool(re.search(r"\b(?:check|as)\b", words)) and not words.startswith("create virtual")


def _calls_little(statements: list[str], limits: Limits) -> bool:
    """Whether the expressions in statements that make tables and indexes call nothing but what is linear."""
    called: set[str | None] = set()

    def note(action: int, _: str | None, function: str | None, *__: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION:
            called.add(function)
        return sqlite3.SQLITE_OK

    if any("||" in (words := keywords(sql)) or len(re.findall(r"\bas\b", words)) > _FEW for sql in statements):
        return False
    con = open_memory(limits)
    try:
        con.set_authorizer(note)
        for sql in statements:
            con.execute(sql)
    except sqlite3.Error:  # an index without its table, a function of the application: a closer look will say
        return False
    finally:
        con.close()
    return called <= _LINEAR

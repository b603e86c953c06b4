"""Bind an SQL condition of the plan to single rows of a table.

The condition may read columns of its own row only. SQLite's authorizer reports what a statement reads and calls.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.errors import is_refused_value
from sqlite_consolidate.engine.sqlite.schema.declarations import column_collation
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, quoted_names, strip_literals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_CLOCK = {"current_date", "current_time", "current_timestamp", "date", "datetime", "julianday", "strftime", "time"}
_CLOCK |= {"timediff", "unixepoch"}
_CHANGING = {"changes", "last_insert_rowid", "load_extension", "random", "randomblob", "total_changes"}
EVALUABLE = (
    "Correct the condition, or these rows. CASE WHEN ... THEN ... END evaluates the second part only for rows for which"
    " the first one holds."
)
"""Advice on a condition that SQLite cannot evaluate for each row."""

_SELECT = re.compile(r"(?<![\w$])(?:select|values|with)(?![\w$])")


@dataclass(frozen=True)
class RowCondition:
    """Hold an SQL condition on a row. NULL counts as no.

    Attributes:
        text: The condition, as the plan states it.
        table: Name of the table by which the condition may qualify its columns.
        columns: The columns that the condition reads, as the table spells them.
        stored: Names that these columns have where the rows are read. Empty if they are the same.
        collations: How the table compares each of these columns. A copy of its rows may have no collations.
    """

    text: str
    table: str
    columns: tuple[str, ...]
    stored: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()

    def renamed(self, names: Mapping[str, str]) -> RowCondition:
        """Return the condition on rows whose columns have other names.

        Args:
            names: Each column of the table to the other name.
        """
        return replace(self, stored=tuple(names.get(name, name) for name in self.columns))

    def over(self, row: str) -> str:
        """Return the SQL of the condition for a row of any query.

        Names of the condition mean its own columns, whatever other tables the query reads.

        Args:
            row: Name of the row in the query.
        """
        collations = self.collations or ("BINARY",) * len(self.columns)
        values = [
            f"{row}.{quoted(stored)}{'' if folded(coll) == 'binary' else f' COLLATE {quoted(coll)}'} AS {quoted(name)}"
            for stored, name, coll in zip(self.stored or self.columns, self.columns, collations, strict=True)
        ]
        return f"(SELECT ({self.text}\n) FROM (SELECT {', '.join(values) or '1'}) AS {quoted(self.table)})"

    def as_json(self) -> dict[str, Any]:
        """Return the condition as the ledger keeps it."""
        return {"text": self.text, "table": self.table, "columns": self.columns, "collations": self.collations}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RowCondition:
        """Return the condition that the ledger keeps."""
        collations = tuple(value["collations"])
        return cls(value["text"], value["table"], tuple(value["columns"]), collations=collations)


def row_condition(con: sqlite3.Connection, table: Table, text: str) -> RowCondition | str:
    """Return a condition on the rows of a table, or the reason why it is none.

    Args:
        con: Connection to the database of the table. Nothing is read.
        table: The table.
        text: The condition.
    """
    if _SELECT.search(strip_literals(text)):
        return "it has a subquery"
    names = {folded(name) for name in (table.name, *(column.name for column in table.columns))}
    for name in quoted_names(text):
        if folded(name) not in names:  # SQLite would take it for a text
            return f"{table.name} has no column {name}"
    calls = _Calls(table)
    try:
        with calls.recorded(con):
            con.execute(f"EXPLAIN SELECT ({text}\n) FROM main.{quoted(table.name)}").close()
            # One whole expression that is no aggregate needs no parentheses around it.
            con.execute(f"EXPLAIN SELECT 1 FROM main.{quoted(table.name)} WHERE {text}").close()
            collations = tuple(column_collation(table, name) for name in calls.columns)
            condition = RowCondition(text, table.name, calls.columns, collations=collations)
            row = ", ".join(f"NULL AS {quoted(name)}" for name in calls.columns) or "1"
            con.execute(f"EXPLAIN SELECT {condition.over('s')} FROM (SELECT {row}) AS s").close()
    except sqlite3.Error as error:
        return calls.reason or f"SQLite does not accept it: {error}"
    return calls.reason or condition


def evaluation_error(con: sqlite3.Connection, table: str, condition: RowCondition) -> str:
    """Return why SQLite cannot evaluate a condition on a row of a table, or an empty text.

    Raises:
        sqlite3.Error: SQLite cannot read the rows.
    """
    try:
        con.execute(f"SELECT count({condition.over('s')}) FROM main.{quoted(table)} AS s").fetchone()
    except sqlite3.Error as error:
        if not is_refused_value(error):
            raise
        return str(error)
    return ""


@dataclass
class _Calls:
    """Record which columns of a table SQLite would read, and why it must not run a condition."""

    table: Table
    reason: str = ""
    _names: set[str] = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that are read, in declared order."""
        return tuple(column.name for column in self.table.columns if folded(column.name) in self._names)

    @contextmanager
    def recorded(self, con: sqlite3.Connection) -> Iterator[None]:
        """Record what the statements of this block read and call."""
        con.set_authorizer(self._judge)
        try:
            yield
        finally:
            con.set_authorizer(None)

    def _judge(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION and second:
            name = folded(second)
            if name in _CLOCK:
                self.reason = self.reason or f"it calls {name}(), and a clock gives another answer each time"
            elif name in _CHANGING or name.startswith("sqlite_"):
                self.reason = self.reason or f"it calls {name}(), whose result does not depend on the row alone"
        elif action == sqlite3.SQLITE_READ and first and second:
            if folded(first) == folded(self.table.name):
                self._names.add(folded(second))
            else:
                self.reason = self.reason or f"it reads {first}, and may read columns of {self.table.name} only"
        elif action not in (sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION):
            self.reason = self.reason or "it does more than compare values"
        return sqlite3.SQLITE_OK

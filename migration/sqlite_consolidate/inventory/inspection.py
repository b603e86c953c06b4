"""Look: what one database file holds, read through a connection that cannot write."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.content.cost import has_linear_cost
from sqlite_consolidate.engine.content.inspection import examine_in_worker
from sqlite_consolidate.engine.sqlite.connections import looking
from sqlite_consolidate.engine.sqlite.dependencies import of_trigger
from sqlite_consolidate.engine.sqlite.files import has_hot_journal, size_with_sidecars
from sqlite_consolidate.engine.sqlite.limits import Limits, seconds_for
from sqlite_consolidate.engine.sqlite.schema import Schema, Table, read
from sqlite_consolidate.engine.sqlite.sidecars import WAL, beside
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.inventory.discovery import Candidate
else:
    from sqlite_utils.utils import sqlite3

Kind = Literal["database", "empty", "encrypted", "unreadable", "no database", "link"]

COUNTED = 1_000_000
"""Rows up to which a table is counted; beyond, "more than" is all that is known."""

_PATIENCE_MS = 300  # for a lock; whoever writes just now goes first
_SECONDS = 10.0  # beside one for each MB, that looking into a database may take
_NOISE = 7.2  # bits a byte; 4096 random bytes have 7.95, 1024 have 7.8, text and code below 6
_SMALLEST_PAGE = 512


@dataclass(frozen=True)
class TableSeen:
    """One table that holds a user's rows.

    Attributes:
        rows: Number of rows, at most ``COUNTED``; None when they could not be counted.
        more: True when there are more than ``rows``.
        needs: Names, folded, of the tables that its foreign keys and triggers cannot do without.
        why: Why its rows could not be counted, in SQLite's words; else empty.
    """

    table: Table
    rows: int | None
    more: bool
    needs: frozenset[str]
    why: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return self.table.name

    @property
    def counted(self) -> str:
        """Its rows in words: ``85``, ``more than 1000000``, ``?``."""
        return "?" if self.rows is None else f"more than {self.rows}" if self.more else str(self.rows)


@dataclass(frozen=True)
class Database:
    """One file, as it was found.

    Attributes:
        kind: ``database``: it could be read. ``empty``: 0 bytes. ``encrypted``: noise where the header should be.
        size: Bytes, ``-wal`` included.
        changed: UTC, ISO 8601: the later of the file's and its ``-wal``'s last change.
        why: What kept it from being read, for all kinds but ``database`` and ``empty``.
    """

    file: str
    kind: Kind
    size: int
    changed: str
    schema: Schema = Schema({}, (), ())  # noqa: RUF009 -- frozen, and never filled
    tables: tuple[TableSeen, ...] = ()
    why: str = ""

    @property
    def filled(self) -> tuple[TableSeen, ...]:
        """The tables that have rows, or may have."""
        return tuple(table for table in self.tables if table.rows != 0)

    @property
    def rows(self) -> int:
        """Rows of all tables, as far as they were counted."""
        return sum(table.rows or 0 for table in self.tables)

    @property
    def features(self) -> list[str]:
        """What is not everyday about it: ``WAL``, ``UTF-16le``, ``STRICT``, ``WITHOUT ROWID``, ``fts5``, ..."""
        encoding = self.schema.header.get("encoding", "UTF-8")
        found = ["WAL"] if self.schema.header.get("journal_mode") == "wal" else []
        found += [encoding] if encoding != "UTF-8" else []
        found += ["STRICT"] if any(one.table.strict for one in self.tables) else []
        found += ["WITHOUT ROWID"] if any(one.table.without_rowid for one in self.tables) else []
        return found + sorted({one.table.module for one in self.tables if one.table.module})

    def table(self, name: str) -> TableSeen | None:
        """The table of that name as SQLite compares names, or None."""
        return next((table for table in self.tables if folded(table.name) == folded(name)), None)


def look(root: Path, one: Candidate, limits: Limits | None = None) -> Database:
    """Look into a file; nothing of it changes, and nothing lies beside it afterwards that did not before.

    A database with a hot journal is not opened: SQLite would have to write to it before anybody can read it.
    """
    path, limits = root / one.file, limits or Limits()
    if one.why:
        return _seen(path, one, "link" if one.is_link else "unreadable", one.why)
    if not _is_utf8(one.file):
        return _seen(path, one, "unreadable", "its path is not UTF-8, so that no plan can name it")
    if not one.size:
        return _seen(path, one, "empty")
    if not one.is_database:
        if _is_noise(one):
            return _seen(path, one, "encrypted", "it has no SQLite header, and its bytes look encrypted")
        return _seen(path, one, "no database", "it is named like a database, and has no SQLite header")
    if has_hot_journal(path):
        return _seen(path, one, "unreadable", "a process died, or is still busy, in the middle of a transaction")
    try:
        with limits.deadline.within(seconds_for(one.size, _SECONDS), one.file), looking(path, limits) as con:
            con.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
            if not has_linear_cost(con):
                examine_in_worker(path, limits)
            schema = read(con)
            tables = tuple(_table(con, schema, table) for table in schema.movable)
    except ProblemError as error:
        return _seen(path, one, "unreadable", " ".join(f"it {problem.what}" for problem in error.problems))
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        return _seen(path, one, "unreadable", str(error))
    seen = _seen(path, one, "database")
    return Database(seen.file, "database", seen.size, seen.changed, schema, tables)


def _is_utf8(file: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in file)


def _seen(path: Path, one: Candidate, kind: Kind, why: str = "") -> Database:
    wal = beside(path, WAL)
    modified = max(one.modified, wal.stat().st_mtime if wal.is_file() else 0)
    changed = datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds")
    size = one.size if kind == "link" else size_with_sidecars(path)
    return Database(one.file, kind, size, changed, why=why)


def _is_noise(one: Candidate) -> bool:
    """Tell encrypted pages from text and other formats: whole pages, and as many different bytes as chance gives."""
    if one.size % _SMALLEST_PAGE:
        return False
    share = (count / len(one.head) for count in Counter(one.head).values())
    return -sum(part * math.log2(part) for part in share) > _NOISE


def _table(con: sqlite3.Connection, schema: Schema, table: Table) -> TableSeen:
    needs = _needs(con, schema, table)
    query = f"SELECT count(*) FROM (SELECT 1 FROM main.{quoted(table.name)} LIMIT {COUNTED + 1})"
    try:
        rows = int(con.execute(query).fetchone()[0])
    except sqlite3.Error as error:  # a virtual table whose module, or whose content, is not here
        return TableSeen(table, None, more=False, needs=needs, why=str(error))
    return TableSeen(table, min(rows, COUNTED), rows > COUNTED, needs)


def _needs(con: sqlite3.Connection, schema: Schema, table: Table) -> frozenset[str]:
    parents = {str(row[2]) for row in con.execute(f"PRAGMA main.foreign_key_list({quoted(table.name)})")}
    found = frozenset(folded(parent) for parent in parents)
    for trigger in schema.triggers:
        if folded(trigger.table) == folded(table.name):
            found |= of_trigger(con, trigger.name, table.name).tables
    return found - {folded(table.name)}

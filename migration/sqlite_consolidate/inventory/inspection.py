"""Read what one database file holds, through a connection that cannot write.

Nothing in the workspace changes.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import read_stamp
from sqlite_consolidate.engine.checks.merged_files.setting_names import name_of_settings
from sqlite_consolidate.engine.content.cost import has_linear_cost
from sqlite_consolidate.engine.content.inspection import examine_in_worker
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, open_unchanging
from sqlite_consolidate.engine.sqlite.files import file_status, has_hot_journal, size_with_sidecars, uses_wal
from sqlite_consolidate.engine.sqlite.limits import Limits, reading_seconds
from sqlite_consolidate.engine.sqlite.schema.dependencies import trigger_dependencies, view_dependencies
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, read_schema
from sqlite_consolidate.engine.sqlite.sidecars import SHM, WAL, sidecar_path
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.references.column_statistics import count_values
from sqlite_consolidate.inventory.references.text_parents import find_text_parents
from sqlite_consolidate.inventory.references.written_keys import find_all_references
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.sqlite_library import with_sqlite_utils

if TYPE_CHECKING:
    import sqlite3
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlite_consolidate.engine.checks.merged_files.migration_stamps import Stamp
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.engine.sqlite.connections import Connection
    from sqlite_consolidate.inventory.discovery import Candidate
    from sqlite_consolidate.inventory.references.column_statistics import ColumnStatistics
    from sqlite_consolidate.inventory.references.unstated_references import UnstatedReference
else:
    from sqlite_consolidate.sqlite_library import sqlite3

Kind = Literal["database", "empty", "encrypted", "unreadable", "no database", "link"]

MAX_COUNTED_ROWS = 1_000_000
"""Rows up to which a table is counted. Of a larger table only "more than" is known."""

_BUSY_MS = 300  # time that SQLite waits for the lock of another process
_SECONDS = 10.0  # limit for reading a database, plus one second for each MB
_RANDOM_BITS = 7.2  # bits a byte; 4096 random bytes have 7.95, 1024 have 7.8, text and code below 6
_SMALLEST_PAGE = 512


@dataclass(frozen=True)
class CountedTable:
    """Hold one table with rows of a user.

    Attributes:
        rows: Number of rows, at most ``MAX_COUNTED_ROWS``; None when they could not be counted.
        has_more: True when there are more than ``rows``.
        needs: Names, folded, of the tables that its foreign keys and triggers use.
        appended: Those into which its triggers only write new rows, as into a log.
        error: SQLite's message when the rows could not be counted; else empty.
        stamp: Rows of a table of migrations; None for any other table.
        setting: Column whose texts name its settings, if its keys are numbers; else empty.
    """

    table: Table
    rows: int | None
    has_more: bool
    needs: frozenset[str]
    error: str = ""
    stamp: Stamp | None = None
    appended: frozenset[str] = frozenset()
    setting: str = ""

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return self.table.name

    @property
    def rows_text(self) -> str:
        """Return the number of rows as text, such as ``85``, ``more than 1000000`` or ``?``."""
        return "?" if self.rows is None else f"more than {self.rows}" if self.has_more else str(self.rows)


@dataclass(frozen=True)
class Database:
    """Hold the content of one file of the inventory.

    Attributes:
        kind: ``database`` is a file that was read, ``empty`` one of 0 bytes. ``encrypted`` means random bytes in place
            of a header.
        size: Bytes, ``-wal`` included.
        changed: Time of the last change of the file or its ``-wal``, UTC, ISO 8601.
        unread_reason: Why the file was not read, for all kinds but ``database`` and ``empty``.
        joined: Folded names of the tables that each view reads, with those that its INSTEAD OF triggers use.
        unstated: Columns that look like references, and are no declared ones.
        text_parents: Folded name of each table with that of a table whose texts it has.
        statistics: Numbers of values of the columns that can match rows or that look like references.
    """

    file: str
    kind: Kind
    size: int
    changed: str
    schema: Schema = Schema({}, (), ())  # noqa: RUF009 -- frozen, and never filled
    tables: tuple[CountedTable, ...] = ()
    unread_reason: str = ""
    joined: tuple[frozenset[str], ...] = ()
    unstated: tuple[UnstatedReference, ...] = ()
    text_parents: frozenset[tuple[str, str]] = frozenset()
    statistics: tuple[ColumnStatistics, ...] = ()

    @property
    def tables_with_rows(self) -> tuple[CountedTable, ...]:
        """Return the tables that have rows, and those that could not be counted."""
        return tuple(table for table in self.tables if table.rows != 0)

    @property
    def rows(self) -> int:
        """Return the number of rows of all tables, as far as they were counted."""
        return sum(table.rows or 0 for table in self.tables)

    @property
    def features(self) -> list[str]:
        """Return the unusual features, such as ``WAL``, ``UTF-16le``, ``STRICT`` or ``fts5``."""
        encoding = self.schema.header.get("encoding", "UTF-8")
        names = ["WAL"] if self.schema.header.get("journal_mode") == "wal" else []
        names += [encoding] if encoding != "UTF-8" else []
        names += ["STRICT"] if any(table.table.strict for table in self.tables) else []
        names += ["WITHOUT ROWID"] if any(table.table.without_rowid for table in self.tables) else []
        names += sorted({table.table.module for table in self.tables if table.table.module})
        return names + sorted({f"needs {lacks}" for each in self.tables if (lacks := each.table.lacks_for_writing)})

    def table(self, name: str) -> CountedTable | None:
        """Return the table with a name that SQLite takes for the same, or None."""
        return self._tables_by_name.get(folded(name))

    def unstated_of(self, table: str) -> list[UnstatedReference]:
        """Return the columns of a table that look like references, and are no declared ones."""
        return self._unstated_by_table.get(table, [])

    def statistics_of(self, table: str) -> list[ColumnStatistics]:
        """Return the numbers of values of the columns of a table."""
        return self._statistics_by_table.get(table, [])

    @cached_property
    def _unstated_by_table(self) -> dict[str, list[UnstatedReference]]:
        by_table: dict[str, list[UnstatedReference]] = {}
        for each in self.unstated:
            by_table.setdefault(each.table, []).append(each)
        return by_table

    @cached_property
    def _statistics_by_table(self) -> dict[str, list[ColumnStatistics]]:
        by_table: dict[str, list[ColumnStatistics]] = {}
        for each in self.statistics:
            by_table.setdefault(each.table, []).append(each)
        return by_table

    @cached_property
    def _tables_by_name(self) -> dict[str, CountedTable]:
        return {folded(table.name): table for table in reversed(self.tables)}


def inspect_file(
    root: Path, candidate: Candidate, limits: Limits | None = None, joins: CodeJoins | None = None
) -> Database:
    """Return what a file holds.

    The file is not changed and no sidecar file is left beside it.
    A database with a hot journal is not opened, because SQLite would write to it before it can be read.

    Args:
        root: The workspace.
        candidate: The file.
        limits: Limits of time and size for reading.
        joins: The columns that code compares. None if no code was read.
    """
    path, limits = root / candidate.file, limits or Limits()
    if candidate.unread_reason:
        return _database(path, candidate, "link" if candidate.is_link else "unreadable", candidate.unread_reason)
    if not _is_utf8(candidate.file):
        return _database(path, candidate, "unreadable", "its path is not UTF-8, so that no plan can name it")
    if not candidate.size:
        return _database(path, candidate, "empty")
    if not candidate.is_database:
        if _looks_encrypted(candidate):
            return _database(path, candidate, "encrypted", "it has no SQLite header, and its bytes look encrypted")
        return _database(path, candidate, "no database", "it is named like a database, and has no SQLite header")
    if has_hot_journal(path):
        return _database(path, candidate, "unreadable", "another process is in a transaction, or died in one")
    try:
        with (
            limits.deadline.within(reading_seconds(candidate.size, _SECONDS), candidate.file),
            _open(path, candidate, limits) as con,
        ):
            con.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            if not has_linear_cost(con):
                examine_in_worker(path, limits)
            schema = read_schema(con)
            names = {table.name for table in (*schema.movable, *schema.lacking)}
            tables = tuple(_table(con, schema, table) for name, table in schema.tables.items() if name in names)
            joined = tuple(_joined(con, schema, view.name) for view in schema.views)
            moved = [table.table for table in tables]
            unstated = find_all_references(con, schema, moved, joins.keys_in(schema, candidate.file) if joins else ())
            text_parents = find_text_parents(con, moved, joins.columns_in(schema) if joins else ())
            counts = [(table.table, table.rows or 0) for table in tables if not table.has_more]
            statistics = count_values(with_sqlite_utils(con), counts, unstated)
    except ProblemError as error:
        return _database(path, candidate, "unreadable", " ".join(f"it {problem.what}" for problem in error.problems))
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        return _database(path, candidate, "unreadable", str(error))
    readable = _database(path, candidate, "database")
    known = replace(readable, schema=schema, tables=tables, joined=joined, statistics=statistics)
    return replace(known, unstated=unstated, text_parents=text_parents)


def read_file_schema(root: Path, candidate: Candidate, limits: Limits | None = None) -> Schema | None:
    """Return the schema of a file, or None if it cannot be read.

    The file is not changed.
    """
    path, limits = root / candidate.file, limits or Limits()
    is_unread = candidate.unread_reason or not candidate.is_database or not _is_utf8(candidate.file)
    if is_unread or has_hot_journal(path):
        return None
    try:
        with limits.deadline.within(_SECONDS, candidate.file), _open(path, candidate, limits) as con:
            con.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            return read_schema(con)
    except (ProblemError, sqlite3.Error, UnicodeDecodeError, OSError):
        return None


def _is_utf8(file: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in file)


def _database(path: Path, candidate: Candidate, kind: Kind, reason: str = "") -> Database:
    wal = file_status(sidecar_path(path, WAL))
    modified = max(candidate.modified, wal.st_mtime if wal else 0)
    size = candidate.size if kind == "link" else size_with_sidecars(path)
    changed = datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds")
    return Database(candidate.file, kind, size, changed, unread_reason=reason)


def _open(path: Path, candidate: Candidate, limits: Limits) -> AbstractContextManager[Connection]:
    """Open a database for reading.

    SQLite cannot read a database in WAL mode where it may not create the sidecar files. This process reads the file
    alone in that case, which is the whole database if no ``-wal`` has rows.

    Raises:
        ProblemError: The ``-wal`` has rows.
    """
    if not uses_wal(path) or os.access(path.parent, os.W_OK) or sidecar_path(path, SHM).exists():
        return open_for_inspection(path, limits)
    wal = file_status(sidecar_path(path, WAL))
    if wal and wal.st_size:
        fact = "has a -wal with rows, which SQLite reads only where this user may write to the folder."
        hint = "Run as a user who may write there."
        raise ProblemError(Problem("unreadable", candidate.file, fact, hint))
    return closing(open_unchanging(path, limits))


def _looks_encrypted(candidate: Candidate) -> bool:
    """Return whether the bytes look encrypted.

    The file consists of whole pages, and its bytes are spread as random bytes are.
    """
    if candidate.size % _SMALLEST_PAGE:
        return False
    share = (count / len(candidate.head) for count in Counter(candidate.head).values())
    return -sum(part * math.log2(part) for part in share) > _RANDOM_BITS


def _table(con: sqlite3.Connection, schema: Schema, table: Table) -> CountedTable:
    needs, appended = _needs(con, schema, table)
    query = f"SELECT count(*) FROM (SELECT 1 FROM main.{quoted(table.name)} LIMIT {MAX_COUNTED_ROWS + 1})"
    try:
        rows = int(con.execute(query).fetchone()[0])
    except sqlite3.Error as error:  # a virtual table whose module or content is missing
        return CountedTable(table, None, has_more=False, needs=needs, error=str(error), appended=appended)
    return CountedTable(
        table,
        min(rows, MAX_COUNTED_ROWS),
        rows > MAX_COUNTED_ROWS,
        needs,
        stamp=read_stamp(con, table),
        appended=appended,
        setting=name_of_settings(con, table),
    )


def _needs(con: sqlite3.Connection, schema: Schema, table: Table) -> tuple[frozenset[str], frozenset[str]]:
    """Return the tables that a table needs, and those that its triggers only append to."""
    known = [trigger_dependencies(con, trigger.name, table.name) for trigger in schema.triggers_on(table.name)]
    used = frozenset(folded(key.parent) for key in table.foreign_keys).union(
        *(each.tables - each.appended for each in known)
    )
    appended = frozenset().union(*(each.appended for each in known)) - used
    return (used | appended) - {folded(table.name)}, appended


def _joined(con: sqlite3.Connection, schema: Schema, view: str) -> frozenset[str]:
    used = [trigger_dependencies(con, trigger.name, view).tables for trigger in schema.triggers_on(view)]
    return view_dependencies(con, view).tables.union(*used)

"""Keep the history of consolidations in a table of the target.

A run writes its row in the transaction of its data. The row is therefore there exactly when the data is.
"""

from __future__ import annotations

import json
import re
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits

TABLE = "_consolidation_history"

CREATE = (
    f"CREATE TABLE {TABLE}(run TEXT NOT NULL PRIMARY KEY, plan TEXT NOT NULL, plan_sha256 TEXT NOT NULL,"
    " committed TEXT NOT NULL, backup_set TEXT NOT NULL, version TEXT NOT NULL, sources TEXT NOT NULL,"
    " tables TEXT NOT NULL)"
)


@dataclass(frozen=True)
class Row:
    """Hold one consolidation that was committed into the target.

    Attributes:
        run: Stamp of the run.
        plan: Name of the plan.
        committed: Time of the COMMIT in UTC, as ISO 8601.
        backup_set: Path of the backup set, relative to the workspace.
        sources: Source file to its content digest.
        tables: Target table to ``(rows, sha256)`` at COMMIT.
    """

    run: str
    plan: str
    plan_sha256: str
    committed: str
    backup_set: str
    version: str
    sources: dict[str, str]
    tables: dict[str, tuple[int, str]]


COLUMNS = tuple(field.name for field in fields(Row))

KEYS = "keys"
"""Column that a run adds if it gives rows new keys. NULL for a run that does not."""

_STAMP = re.compile(r"\d{8}_\d{6}")
_OF_RUN = "NOT INDEXED WHERE run = ?"  # a rollback finds the row although the index is damaged


def write(
    con: sqlite3.Connection,
    row: Row,
    keys: dict[str, Any] | None = None,
    execute: Callable[[str, Sequence[object]], object] | None = None,
) -> None:
    """Add the run's row inside the open transaction.

    The first consolidation creates the table.

    Args:
        con: The connection of the transaction.
        row: The row of the run.
        keys: How the run gave rows new keys. None if it did not. Earlier releases ignore its column.
        execute: Executes each statement. None for the connection itself.
    """
    execute = execute or con.execute
    if not _kind(con):
        execute(CREATE, ())
    if keys and KEYS not in map(folded, _columns(con)):
        execute(f"ALTER TABLE {TABLE} ADD COLUMN {KEYS} TEXT", ())
    names = (*COLUMNS, *([KEYS] if keys else []))
    values = [json.dumps(value) if isinstance(value, dict) else value for value in (*astuple(row), keys)]
    # Columns by name, because a later release may have added one.
    statement = f"INSERT INTO {TABLE}({', '.join(names)}) VALUES({', '.join('?' * len(names))})"
    execute(statement, values[: len(names)])


def keys_of_run(con: sqlite3.Connection, run: str) -> dict[str, Any]:
    """Return how a run gave rows new keys, or nothing if its row does not say it.

    Raises:
        ProblemError: What the row says cannot be read (``history-unreadable``).
    """
    if KEYS not in map(folded, _columns(con)):
        return {}
    stored = con.execute(f"SELECT {KEYS} FROM {TABLE} {_OF_RUN}", (run,)).fetchone()
    try:
        keys = json.loads(stored[0]) if stored and stored[0] else {}
    except (RecursionError, TypeError, ValueError):
        keys = None
    if not isinstance(keys, dict):
        raise ProblemError(_unreadable(TABLE, run))
    return keys


def offsets_of_plan(con: sqlite3.Connection, plan: str) -> dict[str, Any]:
    """Return the offsets of new keys that the runs of a plan state, by source.

    Raises:
        ProblemError: What a row says cannot be read (``history-unreadable``).
    """
    offsets: dict[str, Any] = {}
    for run in _runs_of_plan(con, plan):
        stated = keys_of_run(con, run).get("offsets")
        offsets |= stated if isinstance(stated, dict) else {}
    return offsets


def runs(con: sqlite3.Connection) -> list[str]:
    """Return the stamps of the runs in the order of their commits.

    The result is empty if the table does not have the columns of this tool.
    """
    if _kind(con) != "table" or not set(COLUMNS) <= set(_columns(con)):
        return []
    # By rowid, because a clock can be set back between two runs.
    return [str(row[0]) for row in _values(con, "ORDER BY rowid")]


def runs_after(con: sqlite3.Connection, run: str) -> tuple[list[str], int]:
    """Return the stamps of the runs after a run, and the number of further rows.

    Those rows have no stamp of this tool, and were written by another program or by hand.
    """
    stamps = runs(con)
    after = stamps[stamps.index(run) + 1 :] if run in stamps else []
    later = [stamp for stamp in after if _STAMP.fullmatch(stamp)]
    return later, len(after) - len(later)


def row_of(con: sqlite3.Connection, run: str) -> Row | None:
    """Return the row of one run without reading the rows of other runs.

    Raises:
        ProblemError: The row cannot be read (``history-unreadable``).
    """
    if run not in runs(con):
        return None
    row = _parse(_values(con, _OF_RUN, run)[0])
    if row is None:
        raise ProblemError(_unreadable(TABLE, run))
    return row


def last_of_plan(target: Path, plan: str, limits: Limits | None = None) -> Row | None:
    """Return the row of the last run of a plan that a target remembers, or None.

    Raises:
        ProblemError: The row cannot be read (``history-unreadable``).
        sqlite3.Error: The target cannot be read.
    """
    with open_for_inspection(target, limits) as con:
        of_plan = _runs_of_plan(con, plan)
        return row_of(con, of_plan[-1]) if of_plan else None


def _runs_of_plan(con: sqlite3.Connection, plan: str) -> list[str]:
    """Return the stamps of the runs of a plan in the order of their commits."""
    return [str(row[0]) for row in _values(con, "WHERE plan = ? ORDER BY rowid", plan)] if runs(con) else []


def is_committed(target: Path, run: str, limits: Limits | None = None) -> bool:
    """Return whether a new connection finds the run's row in a target file."""
    if not target.exists():
        return False
    with open_for_inspection(target, limits) as con:
        return run in runs(con)


def problems(con: sqlite3.Connection, file: str) -> list[Problem]:
    """Return the problems that a run would have with the history table of the target.

    The run could not write its own row, or could not read an older one.

    Args:
        con: Connection to the target.
        file: The target, relative to the workspace.
    """
    kind, subject = _kind(con), f"{file}:{TABLE}"
    if not kind:
        return []
    if kind != "table" or not _is_ours(con):
        text = f"a {kind} of this name is there, and it is not the history of consolidations."
        hint = "Rename it, because the run keeps its history under this name."
        return [Problem("history-taken", subject, text, hint, criterion="names-free")]
    if objects := _further_objects(con):
        return [_changed_by(subject, kind, name) for kind, name in objects]
    rows = _values(con, "ORDER BY rowid")
    return [_unreadable(subject, printable(str(row[0]))) for row in rows if _parse(row) is None]


def is_reserved(name: str) -> bool:
    """Return whether SQLite would take a table of this name for the history."""
    return folded(name) == TABLE


def reserved_name(subject: str) -> Problem:
    """Return the problem of a table map that uses the name of the history table."""
    text = f"{TABLE} is the name under which a run keeps its history in the target."
    hint = "Leave the table with a [[source.leave]], or give it another name with into."
    return Problem("history-taken", subject, text, hint, criterion="names-free")


def _unreadable(subject: str, run: str) -> Problem:
    text = f"the row of run {run} cannot be read: it was changed after the run wrote it."
    hint = "Restore the row from a backup of the target, or delete it if no roll-back of that run is needed."
    return Problem("history-unreadable", subject, text, hint, criterion="names-free")


def _changed_by(subject: str, kind: str, name: str) -> Problem:
    text = f"the {kind} {printable(name)} is on it. It can change or refuse the row that the run writes."
    hint = f"Drop the {kind}, because no application needs to know of this table."
    return Problem("history-changed", subject, text, hint, criterion="names-free")


def _further_objects(con: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return type and name of each trigger and unique index that a run did not make."""
    query = "SELECT type, name FROM sqlite_schema WHERE lower(tbl_name) = ? AND type = 'trigger'"
    triggers = con.execute(query, (TABLE,)).fetchall()
    listed = con.execute(f"PRAGMA index_list({TABLE})").fetchall()
    return [*triggers, *(("unique index", name) for _, name, unique, origin, *_ in listed if unique and origin != "pk")]


def _kind(con: sqlite3.Connection) -> str:
    """Return the type of the object with this name in SQLite's schema, or an empty text."""
    row = con.execute("SELECT type FROM sqlite_schema WHERE lower(name) = ?", (TABLE,)).fetchone()
    return str(row[0]) if row else ""


def _columns(con: sqlite3.Connection) -> dict[str, tuple[bool, bool]]:
    """Return each column with two facts.

    These are whether it is the whole primary key, and whether an INSERT may omit it.
    """
    listed = con.execute(f"PRAGMA table_info({TABLE})").fetchall()
    keys = [name for _, name, *_, key in listed if key]
    return {name: (keys == [name], not notnull or default is not None) for _, name, _, notnull, default, _ in listed}


def _values(con: sqlite3.Connection, clause: str, *parameters: str) -> list[tuple[Any, ...]]:
    """Return the stored values of rows.

    Bytes that are not UTF-8 are decoded as surrogates.
    """
    before = con.text_factory
    read_text_losslessly(con)
    try:
        return con.execute(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} {clause}", parameters).fetchall()
    finally:
        con.text_factory = before


def _is_ours(con: sqlite3.Connection) -> bool:
    """Return whether the table has this release's columns.

    A later release may have added columns with a default.
    """
    columns = _columns(con)
    name = con.execute("SELECT name FROM sqlite_schema WHERE lower(name) = ?", (TABLE,)).fetchone()[0]
    further = set(columns) - set(COLUMNS)
    return (
        name == TABLE
        and set(COLUMNS) <= set(columns)
        and columns[COLUMNS[0]][0]
        and all(columns[column][1] for column in further)
    )


def _parse(values: tuple[Any, ...]) -> Row | None:
    """Return the row of the stored values, or None if this tool does not write such a value."""
    texts, (sources, tables) = values[:-2], values[-2:]
    try:
        digests, counts = json.loads(sources), json.loads(tables)
        pairs = {name: (rows, sha256) for name, (rows, sha256) in counts.items()}
        "".join([*texts, *digests.values(), *(sha256 for _, sha256 in pairs.values())]).encode()
        are_counts = all(isinstance(rows, int) for rows, _ in pairs.values())
    except (AttributeError, RecursionError, TypeError, ValueError):
        return None
    run, plan, plan_sha256, committed, backup_set, version = texts
    row = Row(run, plan, plan_sha256, committed, backup_set, version, digests, pairs)
    return row if are_counts else None

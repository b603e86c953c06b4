"""History: our own table in the target; a row of it, in the data's own transaction, tells whether the data is in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import looking

if TYPE_CHECKING:
    import sqlite3
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
    """One consolidation that was committed into the target.

    Attributes:
        run: Stamp of the run; ``committed`` is the time of its COMMIT, UTC, ISO 8601.
        plan: Name of the plan.
        backup_set: Path of the backup set, relative to the workspace.
        sources: Source file to its content digest.
        tables: Target table to ``[rows, sha256]`` at COMMIT.
    """

    run: str
    plan: str
    plan_sha256: str
    committed: str
    backup_set: str
    version: str
    sources: dict[str, str]
    tables: dict[str, tuple[int, str]]


def write(con: sqlite3.Connection, row: Row) -> None:
    """Add the run's row inside the open transaction; the table is made by the first consolidation."""
    if not _exists(con):
        con.execute(CREATE)
    con.execute(
        f"INSERT INTO {TABLE} VALUES(?,?,?,?,?,?,?,?)",
        (
            row.run,
            row.plan,
            row.plan_sha256,
            row.committed,
            row.backup_set,
            row.version,
            json.dumps(row.sources),
            json.dumps(row.tables),
        ),
    )


def read(con: sqlite3.Connection) -> list[Row]:
    """Return the rows of history, oldest first; none when the target never was consolidated into."""
    if not _exists(con):
        return []
    # By rowid, the order in which they were written: a stamp is only as right as the clock was.
    rows = con.execute(f"SELECT * FROM {TABLE} ORDER BY rowid").fetchall()
    return [
        Row(run, plan, plan_sha256, committed, backup_set, version, json.loads(sources), json.loads(tables))
        for run, plan, plan_sha256, committed, backup_set, version, sources, tables in rows
    ]


def read_file(path: Path, limits: Limits | None = None) -> list[Row]:
    """Return the history of a target file through a new connection; none when there is no such file."""
    if not path.exists():
        return []
    with looking(path, limits) as con:
        return read(con)


def _exists(con: sqlite3.Connection) -> bool:
    return con.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (TABLE,)).fetchone() is not None

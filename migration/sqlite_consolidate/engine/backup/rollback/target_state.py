"""Determine whether a run's data is in the target, and what changed since its COMMIT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.backup.copy_contents import are_settled
from sqlite_consolidate.engine.backup.rollback.restore import roll_back_hot_journal
from sqlite_consolidate.engine.backup.rollback.target_objects import object_changes, objects_of
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.errors import in_use_problem, is_in_use, is_interrupted
from sqlite_consolidate.engine.sqlite.sidecars import file_states
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.sidecars import FileStates
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass(frozen=True)
class TargetState:
    """Hold the state of a run's target.

    Attributes:
        digest: Content digest, or empty if the target cannot be read.
        files: What the file system reported of its files while they were read. Empty if the target is small, was
            written meanwhile, or was written so shortly before that a change could have had the same time.
        committed: Whether the target has the run's row of history.
        later_run: Stamp of the last run that was committed after it, or empty.
        is_empty: Whether the target has no table.
        changed: One sentence for each table or object that differs from what the run committed.
        read_error: Why the target cannot be read, or empty.
    """

    digest: str = ""
    files: FileStates = ()
    committed: bool = False
    later_run: str = ""
    is_empty: bool = False
    changed: tuple[str, ...] = ()
    read_error: str = ""


def read_target_state(
    target: Path, run: str, limits: Limits | None = None, *, committed: Mapping[str, str] | None = None
) -> TargetState:
    """Return the state of a target file.

    SQLite rolls back the hot journal of a killed process first.

    Args:
        target: The target file.
        run: Stamp of the run.
        limits: Limits of reading.
        committed: Objects that the run committed, if they are known.

    Raises:
        ProblemError: The target is locked.
        sqlite3.Error: A signal has ended the reading, which shows nothing about the target.
    """
    try:
        roll_back_hot_journal(target)
        files = file_states(target) if target.stat().st_size >= PARALLEL_MIN_BYTES else ()
        is_kept = are_settled(files)
        with open_for_inspection(target, limits) as con:
            state = _read(target, con, run, committed or {})
        return replace(state, files=files) if files and is_kept and file_states(target) == files else state
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if is_in_use(error):
            raise ProblemError(in_use_problem(target.name)) from error
        if is_interrupted(error):
            raise
        return TargetState(changed=(f"the file cannot be read any more ({error})",), read_error=str(error))


def _read(target: Path, con: sqlite3.Connection, run: str, committed: Mapping[str, str]) -> TargetState:
    content = read_contents(con, file=target)
    runs = history.runs(con)
    later, foreign = history.runs_after(con, run)
    try:
        row = history.row_of(con, run)
    except ProblemError:
        row = None
    return TargetState(
        digest=content.digest,
        committed=run in runs,
        later_run=later[-1] if later else "",
        is_empty=not con.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0],
        changed=(
            *_changed(row, content.tables, committed=run in runs),
            *_changed_objects(row, committed, con),
            *([f"{history.TABLE}: {counted(foreign, 'row')} that no run wrote"] if foreign else []),
        ),
    )


def _changed(row: history.Row | None, digests: dict[str, TableDigest], *, committed: bool) -> tuple[str, ...]:
    if row is None and committed:
        return ("the run's row of history was changed and cannot be read",)
    if row is None:
        return ("the run's row of history is not in it: the file was replaced",)
    changes = []
    for name in sorted(set(row.tables) | set(digests) - {history.TABLE}):
        was = (row.tables[name][0], row.tables[name][1]) if name in row.tables else None
        now = (digests[name].rows, digests[name].sha256) if name in digests else None
        if was != now:
            changes.append(f"{name}: {_rows(was)} at the migration, {_rows(now)} now")
    return tuple(changes)


def _changed_objects(row: history.Row | None, committed: Mapping[str, str], con: sqlite3.Connection) -> list[str]:
    if row is None or not committed:
        return []
    return [f"{name} {change}" for name, change in object_changes(committed, objects_of(con)).items()]


def _rows(recorded: tuple[int, str] | None) -> str:
    if recorded is None:
        return "missing"
    rows, sha256 = recorded
    return f"{counted(rows, 'row')} ({sha256[:8]})" if rows else counted(rows, "row")

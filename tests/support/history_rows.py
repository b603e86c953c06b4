"""Read the history of a target file through a new connection."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.sqlite.connections import open_readonly

if TYPE_CHECKING:
    from pathlib import Path


def runs_of(target: Path) -> list[str]:
    """Return the stamps of the runs that were committed into the target, in order."""
    with closing(open_readonly(target)) as con:
        return history.runs(con)


def row_of(target: Path, run: str) -> history.Row | None:
    """Return the row of one run."""
    with closing(open_readonly(target)) as con:
        return history.row_of(con, run)

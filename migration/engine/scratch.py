"""Scratch: a private database to try something out in; it is gone afterwards."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.connections import looking, open_new, pragma

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from migration.engine.limits import Limits


@contextlib.contextmanager
def scratch(like: Path, limits: Limits | None = None) -> Iterator[sqlite3.Connection]:
    """Lend an empty database that ``like`` can be attached to: SQLite wants both in one text encoding."""
    with tempfile.TemporaryDirectory(prefix="consolidate-trial-") as folder:
        con = open_new(Path(folder) / "trial.db", limits)
        try:
            con.execute(f"PRAGMA encoding='{encoding_of(like, limits)}'")
            con.execute("PRAGMA synchronous=OFF")  # nothing depends on it after a crash
            yield con
        finally:
            con.close()


def encoding_of(path: Path, limits: Limits | None = None) -> str:
    """Return the text encoding of a database: ``UTF-8``, ``UTF-16le`` or ``UTF-16be``."""
    with looking(path, limits) as con:
        return str(pragma(con, "encoding"))

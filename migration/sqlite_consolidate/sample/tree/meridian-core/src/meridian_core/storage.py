"""Open a database that has to exist."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StorageMissingError(RuntimeError):
    """Raised if the database or its table does not exist. Neither is created."""


@contextmanager
def connect(path: Path, table: str) -> Iterator[sqlite3.Connection]:
    """Open ``path`` for one transaction.

    It is committed when the block ends, and rolled back when the block raises.

    Raises:
        StorageMissingError: The file or ``table`` in it does not exist. Neither is created.
    """
    if not path.is_file():
        raise StorageMissingError(f"There is no database {path}: it is not created here, check the path.")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
        wanted = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
        if connection.execute(wanted, (table,)).fetchone() is None:
            raise StorageMissingError(f"There is no table {table} in {path}: it is not created here.")
        with connection:
            yield connection

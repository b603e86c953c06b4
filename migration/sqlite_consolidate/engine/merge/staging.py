"""Copy rows that the target's connection cannot attach into one staging database.

SQLite attaches at most ten databases (https://sqlite.org/limits.html#max_attached). It detaches none that the open
transaction has read, and attaches none that has another text encoding (https://sqlite.org/lang_attach.html).
Columns of the staging tables have no type, so SQLite stores every value unchanged. Implicit rowids are kept, and so is
an INTEGER PRIMARY KEY.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.projection import Staging
from sqlite_consolidate.engine.sqlite.connections import (
    attach,
    limits_of,
    open_for_inspection,
    open_new,
    read_text_losslessly,
)
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Table

MAX_DIRECT_SOURCES = 7
"""Sources that are attached directly: ten, less their copies, the key map and the backup of the target."""

_PAGES_OF_SHARE = 128  # SQLite would cache 2 MB of each share wherever it is attached


class StagingDatabase:
    """Hold the rows of all tables that have to be staged.

    Attributes:
        path: The database file, in a private folder.
    """

    def __init__(self, path: Path, encoding: str, limits: Limits | None = None, *, is_share: bool = False) -> None:
        """Create the database.

        Args:
            path: The database file, which does not exist.
            encoding: The text encoding of the target.
            limits: Limits of the connection.
            is_share: Whether it is one of several databases that are attached together, and gets a small cache.
        """
        self.path = path
        self._con = open_new(path, limits)
        self._indexes = 0
        self._con.execute(f"PRAGMA encoding='{encoding}'")
        if is_share:
            self._con.execute(f"PRAGMA default_cache_size={_PAGES_OF_SHARE}")  # the file keeps it
        self._con.execute("PRAGMA synchronous=OFF")  # a crash ends the run, and the file is deleted with it
        self._con.execute("PRAGMA journal_mode=MEMORY")  # each of thousands of tables would write and delete a journal

    def add(
        self,
        source: Path,
        tables: Sequence[Table],
        *,
        prefix: str,
        recode: bool,
        markers: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        """Copy tables of one source.

        Args:
            source: The database file. Its write lock keeps other processes from changing it.
            tables: Tables to copy.
            prefix: What precedes the name of each table here. It is a number with a dot, another one for each source.
            recode: Whether the source has another text encoding. Its rows are then decoded and encoded by this process.
            markers: Name of a table to a further column, and the SQL of its value over the source row ``s``.

        Raises:
            ProblemError: A text cannot be expressed in the other encoding.
        """
        marked = markers or {}
        staged = [Staging(table, f"{prefix}{table.name}", marked.get(table.name, ())) for table in tables]
        if recode:
            for staging in staged:
                self._recode(source, staging)
            return
        attach(self._con, source, "src")
        for staging in staged:
            self._con.execute(staging.create)
            for statement in staging.copy("src"):
                self._con.execute(statement)
        self._con.execute("DETACH src")

    def add_index(self, table: str, columns: Sequence[str], collations: Sequence[str]) -> None:
        """Create an index on a staged table, so that SQLite finds its rows by a key.

        Args:
            table: Name of the table in this database.
            columns: Columns of the key.
            collations: Collation of each column.
        """
        self._indexes += 1
        terms = [f"{quoted(column)} COLLATE {quoted(coll)}" for column, coll in zip(columns, collations, strict=True)]
        # No staged table begins like this name.
        self._con.execute(f"CREATE INDEX {quoted(f'key {self._indexes}')} ON {quoted(table)}({', '.join(terms)})")

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the connection to this database, which is open until it is closed."""
        return self._con

    def close(self) -> None:
        """Close the connection and keep the file."""
        self._con.close()

    def _recode(self, source: Path, staging: Staging) -> None:
        self._con.execute(staging.create)
        self._con.execute("BEGIN")
        try:
            self._con.executemany(staging.insert_values, _decoded_rows(source, staging, limits_of(self._con)))
        except UnicodeError as error:
            self._con.execute("ROLLBACK")  # the problems of the other tables are reported as well
            table = staging.table.name
            text = f"its table {table} has text that is not valid in its encoding, so the copy would change it."
            hint = "Correct that text, or leave the table behind with a reason."
            raise ProblemError(Problem("invalid-text", source.name, text, hint)) from error
        self._con.execute("COMMIT")


def _decoded_rows(source: Path, staging: Staging, limits: Limits) -> Iterator[tuple[object, ...]]:
    """Yield rows with each text decoded from its stored bytes.

    SQLite would replace invalid bytes without an error.
    """
    with open_for_inspection(source, limits) as con:
        encoding = str(con.execute("PRAGMA encoding").fetchone()[0])
        read_text_losslessly(con)
        for row in fetch_rows(con, staging.select_stored):
            width = len(row) // 2
            yield tuple(
                value if stored is None else stored.decode(encoding)
                for value, stored in zip(row[:width], row[width:], strict=True)
            )

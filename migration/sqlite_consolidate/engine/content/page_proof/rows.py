"""Write the rows of a table as INSERT statements by the page reader.

Its statements are those of :mod:`sqlite_consolidate.engine.content.dump`, to the byte. Where it declines, SQLite and
Python write them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.page_proof.description import Statements, describe_rows
from sqlite_consolidate.engine.content.page_proof.proof import reason_to_decline, start_reader
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.page_reader.compilation import first_line
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table

FEWEST_ROWS = 10_000
"""Fewest rows of a table for which the start of the page reader takes less time than it saves."""

_Statement = tuple[int, bytes]
"""An INSERT statement, and before it the number of its rows."""

_Statements = Generator[_Statement, None, bool]


class PageRows:
    """Read the rows of the tables of one database file by the page reader.

    Args:
        path: The file. No process writes to it.
        rows: The number of rows of each table.

    Attributes:
        are_whole: False if the page reader has ended in the middle of a table.
    """

    def __init__(self, path: Path, rows: Mapping[str, int]) -> None:
        self._path, self._rows = path, rows
        self._is_used = not reason_to_decline(path)
        self.are_whole = True

    def statements(
        self, con: sqlite3.Connection, schema: Schema, table: Table, statements: Statements
    ) -> Generator[_Statement, None, None] | None:
        """Return the statements of the rows of a table.

        None leaves the table to SQLite and Python.

        Args:
            con: Connection that has the file open.
            schema: Schema of the database.
            table: The table.
            statements: How its rows are written.
        """
        if not self._is_used or table.kind != "table" or self._rows.get(table.name, 0) < FEWEST_ROWS:
            return None
        lines = describe_rows(con, schema, table.name, statements)
        written = self._written(con, lines)
        first = next(written, None) if lines else None
        return self._from(first, written) if first else None

    def _from(self, first: _Statement, written: _Statements) -> Generator[_Statement, None, None]:
        yield first
        if not (yield from written):
            self.are_whole = False

    def _written(self, con: sqlite3.Connection, lines: list[str]) -> _Statements:
        try:
            with start_reader(self._path, lines, limits_of(con)) as process:
                return (yield from statements_of(process.chunks()))
        except (OSError, ProblemError):
            return False


def statements_of(chunks: Iterator[bytes]) -> _Statements:
    """Yield the statements of an answer, with the number of their rows.

    Args:
        chunks: The answer, in parts of any size.

    Returns:
        Whether the answer is yes, so that the statements have all rows.
    """
    answer = _Answer(chunks)
    if answer.line() != first_line():
        return False
    while (words := answer.line().split())[:1] == ["rows"]:
        rows, length = map(int, words[1:])
        if len(statement := answer.bytes(length)) < length:
            return False
        yield rows, statement
    while words and words[0] in ("table", "declined"):  # the rows are right where SQLite has to judge a rule
        words = answer.line().split()
    return words == ["end"]


class _Answer:
    """Divide an answer into lines and statements."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def line(self) -> str:
        """Return the next line without its end, or an empty text after the last one."""
        while b"\n" not in self._rest and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("ascii", "replace")

    def bytes(self, count: int) -> bytes:
        """Return so many bytes, or fewer after the last one."""
        parts, missing = [self._rest], count - len(self._rest)
        while missing > 0 and (chunk := next(self._chunks, b"")):
            parts.append(chunk)
            missing -= len(chunk)
        whole = b"".join(parts)
        self._rest = whole[count:]
        return whole[:count]

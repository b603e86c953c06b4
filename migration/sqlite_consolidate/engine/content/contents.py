"""Read the contents of a database file, once for each state of its bytes."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.digest import (
    TableDigest,
    digest_database,
    digest_table,
    digest_tables,
)
from sqlite_consolidate.engine.content.dump import load_dump
from sqlite_consolidate.engine.content.page_proof.known_pages import prove_known_pages
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, digest_pages, prove_pages
from sqlite_consolidate.engine.content.worker import PARALLEL_MIN_BYTES, ReadWorker
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_for_inspection, open_new, pragma
from sqlite_consolidate.engine.sqlite.errors import written_database_named
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import Schema, read_schema
from sqlite_consolidate.engine.sqlite.sidecars import WAL, content_files, file_states, sidecar_path
from sqlite_consolidate.engine.sqlite.sql import quoted
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.sidecars import FileStates
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def prove_tables(path: Path, con: sqlite3.Connection, schema: Schema) -> tuple[dict[str, TableDigest], bool]:
    """Digest every table that a content digest covers, by name.

    The page reader reads a large file, and two processes where it does not say yes. In WAL mode it reads a file whose
    ``-wal`` is empty, which no checkpoint changes while a connection reads it (https://sqlite.org/wal.html). Otherwise
    such a database is read by this process alone, because two processes could read two states of it.

    Args:
        path: The database file.
        con: Connection that has the file open and is in no transaction.
        schema: Schema of the database.

    Returns:
        The digests, and whether the page reader has proved the whole file.

    Raises:
        sqlite3.Error: The database is damaged or locked.
    """
    if path.stat().st_size < PARALLEL_MIN_BYTES:
        return digest_tables(con, schema), False
    with _unchanged(con):
        if (proof := prove_pages(path, con, schema)).has_digests:
            return proof.digests, proof.is_intact
        if pragma(con, "journal_mode") == "wal":
            return digest_tables(con, schema), False
        with ReadWorker("lower halves", path, limits=limits_of(con)) as worker:
            upper = {
                table.name: digest_table(con, table, where=_half_condition(con, table, ">"))
                for table in schema.digested
            }
            lower = worker.result()
    return {name: digest + TableDigest(*lower.get(name, (0, 0))) for name, digest in upper.items()}, False


@contextmanager
def _unchanged(con: sqlite3.Connection) -> Iterator[None]:
    """Keep other processes from changing the file that a connection has open."""
    con.execute("BEGIN")
    try:
        con.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the lock begins with the first reading
        yield
    finally:
        con.execute("ROLLBACK")


def digest_lower_halves(con: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Digest the lower half of each table that is divided.

    Returns:
        Each table to the number of its rows and the sum of their hashes.
    """
    halves = {table: _half_condition(con, table, "<=") for table in read_schema(con).digested}
    digests = {table.name: digest_table(con, table, where=where) for table, where in halves.items() if where}
    return {name: (digest.rows, digest.total) for name, digest in digests.items()}


def _half_condition(con: sqlite3.Connection, table: Table, side: str) -> str:
    """Return the SQL condition of the rows on one side of the middle rowid.

    It is empty for a table that is not divided.
    """
    if table.kind != "table" or not table.rowid:
        return ""
    least, most = rowid_range(con, table)
    return "" if least is None or most is None else f"{quoted(table.rowid)} {side} {(least + most) // 2}"


def rowid_range(con: sqlite3.Connection, table: Table) -> tuple[int | None, int | None]:
    """Return the least and the largest rowid of a table that has rowids.

    Both are None where the table has no row.
    """
    rowid = quoted(table.rowid)
    least, most = con.execute(f"SELECT min({rowid}), max({rowid}) FROM main.{quoted(table.name)}").fetchone()
    return least, most


_CHUNK = 1 << 20
_HEADER_BYTES = 100
_VOLATILE_FIELDS = ((18, 20), (24, 28), (40, 44), (92, 100))
"""Parts of the header that differ between a database and its backup (https://sqlite.org/fileformat.html).

They hold the journal mode, change counters, the schema cookie and the version of the last writer. They hold no row, no
statement and no AUTOINCREMENT mark.
"""


@dataclass(frozen=True)
class Contents:
    """Hold the content digest of a database and the digests of its tables.

    Attributes:
        digest: Content digest of the database.
        tables: Each table to its digest.
        is_proved: Whether the page reader has proved the whole file while it was read.
    """

    digest: str
    tables: dict[str, TableDigest]
    is_proved: bool = False


def read_contents(
    database: Path | sqlite3.Connection,
    limits: Limits | None = None,
    *,
    schema: Schema | None = None,
    file: Path | None = None,
    tables: dict[str, TableDigest] | None = None,
) -> Contents:
    """Read the contents of a database.

    Args:
        database: A file, which is read through a new read-only connection, or a connection that has the database open.
        limits: Limits of the new connection.
        schema: Schema of the database, if it was read already.
        file: The file that the connection, in no transaction, has open. A second process then reads half of a large
            file.
        tables: The digests of all tables, if they are known.

    Raises:
        sqlite3.Error: The file is missing, locked or not a database.
    """
    if isinstance(database, Path):
        with open_for_inspection(database, limits) as con:
            return read_contents(con, file=database)
    schema = schema or read_schema(database)
    is_proved = False
    if tables is None and file:
        tables, is_proved = prove_tables(file, database, schema)
    tables = digest_tables(database, schema) if tables is None else tables
    return Contents(digest_database(schema, tables, read_autoincrement_marks(database)), tables, is_proved)


def contents_of_known_pages(path: Path, before: PageProof | None, limits: Limits | None = None) -> Contents | None:
    """Return the proved contents of a file, or None if it may have other pages.

    Args:
        path: The file.
        before: The proof of its pages, if there is one.
        limits: Limits of reading.

    Raises:
        sqlite3.Error: The file is missing, locked or not a database.
    """
    if before is None or before.pages is None:
        return None
    with open_for_inspection(path, limits) as con:
        schema = read_schema(con)
        with _unchanged(con):
            proof = prove_known_pages(path, con, schema, before)
        if not proof.has_digests:
            return None
        digest = digest_database(schema, proof.digests, read_autoincrement_marks(con))
        return Contents(digest, proof.digests, proof.is_intact)


def digest_or_reason(path: Path, reader: Callable[[Path], Contents] = read_contents) -> str:
    """Return the content digest of a database file, or the reason why it has none.

    Args:
        path: The file.
        reader: Function that reads it.
    """
    if not os.path.lexists(path):
        return "no such file"
    try:
        return reader(path).digest
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return f"cannot be read ({error})"


def load_contents(dump: Path, limits: Limits | None = None, *, lines: Iterable[str] | None = None) -> Contents:
    """Load a dump into a scratch database and return the contents of that database.

    The scratch database is beside the dump, and is removed afterwards.

    Args:
        dump: The dump file.
        limits: Limits of the scratch database.
        lines: Lines of the dump, if another process is still writing it.

    Raises:
        sqlite3.Error: SQLite cannot load the dump.
        ProblemError: The scratch database would have the name of another file (``scratch-taken``).
    """
    if lines is None:
        with dump.open(encoding="utf-8", errors="surrogateescape", newline="\n") as text:
            return load_contents(dump, limits, lines=text)
    scratch = dump.with_name(dump.name + ".reloaded")
    try:
        con = open_new(scratch, limits)
    except FileExistsError as error:
        fact = f"exists in {dump.parent}, and {dump.name} would be loaded into a scratch database of this name."
        hint = "Find out which program has made it, move it away, and run again."
        raise ProblemError(Problem("scratch-taken", scratch.name, fact, hint)) from error
    try:
        con.execute("PRAGMA synchronous=OFF")
        con.execute("PRAGMA journal_mode=OFF").fetchone()
        with written_database_named(scratch):
            load_dump(con, lines)
        return read_contents_alone(scratch, con)
    finally:
        con.close()
        scratch.unlink()


def read_contents_alone(path: Path, con: sqlite3.Connection) -> Contents:
    """Read the contents of a database that no other process can open through SQLite.

    The page reader, which needs no lock, reads a large file, and this process where it does not say yes.
    Neither reads an index, because contents are rows.

    Args:
        path: The file.
        con: Connection that has it open.

    Raises:
        sqlite3.Error: The file is damaged.
    """
    schema = read_schema(con)
    if con.in_transaction or path.stat().st_size < PARALLEL_MIN_BYTES:
        return read_contents(con, schema=schema)
    proof = digest_pages(path, con, schema)
    return read_contents(con, schema=schema, tables=proof.digests if proof.has_digests else None)


@dataclass
class ContentsCache:
    """Read database files through new connections, and again only when their bytes change.

    The bytes are digested before each reading. If they have the same digest at a later call, and the status of no file
    has changed during the reading, the contents are those of the bytes. This process must have no connection open on
    these files, because their bytes are read as well.

    Attributes:
        limits: Limits of reading.
    """

    limits: Limits = field(default_factory=Limits)
    _committed: dict[Path, tuple[PageProof, FileStates]] = field(default_factory=dict)
    _known: dict[Path, tuple[list[str], Contents]] = field(default_factory=dict)

    def contents(self, path: Path) -> Contents:
        """Return the current contents of a file.

        Raises:
            sqlite3.Error: The file is locked or not a database.
        """
        before = self._committed[path][0] if path in self._committed else None
        if contents := contents_of_known_pages(path, before, self.limits):
            return contents
        statuses, digests = file_states(path), file_digests(path)
        if path in self._known and self._known[path][0] == digests:
            return self._known[path][1]
        contents = read_contents(path, self.limits)
        if file_states(path) == statuses:  # else another process wrote meanwhile, between two states
            self._known[path] = digests, contents
        return contents

    def note_commit(self, path: Path, before: PageProof) -> None:
        """Note that this process has just committed to a file.

        Args:
            path: The file.
            before: The proof of its pages before COMMIT. While the file has those pages, it is not read by rows.
        """
        self._committed[path] = before, file_states(path)

    def tables(self, path: Path, committed: dict[str, TableDigest]) -> dict[str, TableDigest]:
        """Return the digests of the tables of a file.

        A large file is read only if the file system reports a change since COMMIT. It does not report a change within
        one tick of its clock, which a later reading finds.

        Args:
            path: The file.
            committed: Digests of its tables at COMMIT.
        """
        is_large = path in self._committed and path.stat().st_size >= PARALLEL_MIN_BYTES
        return committed if is_large and self._committed[path][1] == file_states(path) else self.contents(path).tables


def digest_pages_of_copy(path: Path, copy: Path) -> str:
    """Return the SHA-256 that a copy of a database has if both have the same pages.

    Only the header of the copy is read. The digest is empty if the headers differ in a field that counts.

    Args:
        path: A database with an empty or no ``-wal``. Neither file is open in this process.
        copy: A copy of it.
    """
    with path.open("rb") as database, copy.open("rb") as copied:
        header = copied.read(_HEADER_BYTES)
        if _without_volatile_fields(database.read(_HEADER_BYTES)) != _without_volatile_fields(header):
            return ""
        return hashlib.file_digest(database, lambda: hashlib.sha256(header)).hexdigest()


def has_wal_frames(path: Path) -> bool:
    """Return whether a non-empty ``-wal`` is beside a database.

    The file alone then does not hold the whole database.
    """
    wal = sidecar_path(path, WAL)
    return wal.exists() and wal.stat().st_size > 0


def _without_volatile_fields(header: bytes) -> bytes:
    stable = bytearray(header)
    for start, end in _VOLATILE_FIELDS:
        stable[start:end] = bytes(end - start)
    return bytes(stable)


def file_digests(path: Path) -> list[str]:
    """Digest all files of a database.

    Two equal results mean that no process wrote to the database in between.

    Args:
        path: A database that this process does not have open.
    """
    return [part for file in content_files(path) for part in (_digest_halves(file) if file.exists() else [""])]


def _digest_halves(file: Path) -> list[str]:
    """Digest the two halves of a file, those of a large file in two threads.

    hashlib releases the interpreter lock while it computes.
    """
    size = file.stat().st_size
    halves = (0, size // 2), (size // 2, size)
    if size < PARALLEL_MIN_BYTES:
        return [_digest_part(file, half) for half in halves]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(partial(_digest_part, file), halves))


def _digest_part(file: Path, part: tuple[int, int]) -> str:
    start, end = part
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as data:
        data.seek(start)
        while chunk := data.read(min(_CHUNK, end - data.tell())):
            digest.update(chunk)
    return digest.hexdigest()

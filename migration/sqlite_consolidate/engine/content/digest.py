r"""Compute digests of tables and databases.

The digest of a table distinguishes values, storage classes, bytes and the number of equal rows. Format 1, so that
other programs can compute it:

* A row is a sequence of values, in the order of the columns sorted by name (as SQLite compares names). Generated and
  hidden columns are left out. Where the implicit rowid is the only identity of a row, it comes first.
* A row is written as ``(`` and the number of values as 4 bytes, then each value. All numbers are little-endian:
  NULL ``N``; an integer of 32 bits ``i`` and 4 bytes, a larger one ``l``, its signed number of 15-bit digits as 4 bytes
  and each digit as 2 bytes, lowest first; a real ``g`` and the 8 bytes of its IEEE 754 double (-0.0 is not 0.0); a text
  ``u``, its length in bytes as 4 bytes, and its UTF-8; a blob ``s``, its length as 4 bytes, and its bytes. In a text
  that is not UTF-8 each byte that does not decode is written as the three bytes of the code point U+DC00 + byte.
  (This is version 2 of Python's ``marshal`` for these types.) Text of a UTF-16 database counts as the UTF-8 that
  SQLite converts it to.
* The digest is the sum of the SHA-256 of all rows, each read as a little-endian number, modulo 2**256, printed as 64
  hex digits. A sum does not depend on the order in which rows are stored, and it counts equal rows separately. The
  sum over two tables is the sum of their digests, so the digest of the target after a run is its digest before the
  run plus the digests of the sources.
"""

from __future__ import annotations

import hashlib
import marshal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.content.projection import Projection
from sqlite_consolidate.engine.sqlite.connections import limits_of, pragma, read_text_losslessly
from sqlite_consolidate.engine.sqlite.errors import is_statement_error, result_code
from sqlite_consolidate.engine.sqlite.limits import PROGRESS_ROWS
from sqlite_consolidate.engine.sqlite.schema.index_content import can_be_scanned, content_kind, inner_names
from sqlite_consolidate.engine.sqlite.sql import quoted, strip_trailing_comments
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.content.page_proof.description import DigestedRows
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.wide_rows import RowQuery
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_MODULUS = 1 << 256
MARSHAL_VERSION = 2
"""Version in which equal values have equal bytes. Later versions write references to values."""


@dataclass(frozen=True, slots=True)
class TableDigest:
    """Hold the number of rows of a table and the sum of their hashes.

    Digests are added and subtracted like the multisets of rows that they represent.
    """

    rows: int = 0
    total: int = 0

    @property
    def sha256(self) -> str:
        """Return the digest as 64 hex digits."""
        return f"{self.total:064x}"

    def __add__(self, other: TableDigest) -> TableDigest:
        if other == _NO_ROWS:  # an equal digest of very many files is one object
            return self
        return TableDigest(self.rows + other.rows, (self.total + other.total) % _MODULUS)

    def __sub__(self, other: TableDigest) -> TableDigest:
        if other == _NO_ROWS:
            return self
        return TableDigest(self.rows - other.rows, (self.total - other.total) % _MODULUS)

    def __str__(self) -> str:
        return self._format(16)

    @property
    def full(self) -> str:
        """Return the number of rows and the whole digest, as evidence compares them.

        An empty table has only the number of rows.
        """
        return self._format(64)

    def _format(self, digits: int) -> str:
        rows = counted(self.rows, "row")
        return f"{rows}, {self.sha256[:digits]}" if self.rows or self.total else rows


_NO_ROWS = TableDigest()


def digest_query(con: sqlite3.Connection, query: RowQuery) -> TableDigest:
    """Digest the rows of a query. Their order does not matter.

    Raises:
        sqlite3.Error: SQLite cannot run the query, or the database is damaged where the query reads.
    """
    try:
        return _sum(con, query)
    except sqlite3.OperationalError as error:
        if result_code(error) is not None:  # else Python raised it, because a text is not UTF-8
            raise
    before = con.text_factory
    read_text_losslessly(con)
    try:
        return _sum(con, query)
    finally:
        con.text_factory = before


def _sum(con: sqlite3.Connection, query: RowQuery) -> TableDigest:
    dumps, sha256, from_bytes = marshal.dumps, hashlib.sha256, int.from_bytes
    rows, total, progress = 0, 0, limits_of(con).progress
    for row in fetch_rows(con, query):
        rows += 1
        if not rows % PROGRESS_ROWS:
            progress.counted += PROGRESS_ROWS
        total += from_bytes(sha256(dumps(row, MARSHAL_VERSION)).digest(), "little")
    return TableDigest(rows, total % _MODULUS)


def digest_rows(rows: Iterable[tuple[Any, ...]]) -> TableDigest:
    """Digest rows that were read losslessly."""
    number, total = 0, 0
    for row in rows:
        number += 1
        total += int.from_bytes(hashlib.sha256(marshal.dumps(row, MARSHAL_VERSION)).digest(), "little")
    return TableDigest(number, total % _MODULUS)


def digest_table(
    con: sqlite3.Connection,
    table: Table,
    database: str = "main",
    *,
    with_rowid: bool | None = None,
    where: str = "",
    column: str = "",
) -> TableDigest:
    """Digest the rows of a table, read from the table itself and not from an index.

    Args:
        con: Open connection. It is only read from.
        table: The table, as :func:`sqlite_consolidate.engine.sqlite.schema.objects.read_schema` returns it.
        database: ``main``, or the name under which the database is attached.
        with_rowid: Whether the implicit rowid counts. None counts it where it is the only identity of the rows.
        where: SQL condition of the rows that count. Empty counts all rows.
        column: The one column of all rows that counts. Empty counts the whole rows.
    """
    limits_of(con).deadline.start_step(f"the rows of {table.name}")
    if column:
        place = f"{quoted(database)}.{quoted(table.name)}"
        return digest_query(con, f"SELECT {quoted(column)} FROM {place} {table.by_itself}")
    if not can_be_scanned(table):
        return _digest_inner_tables(con, table, database)
    counts = table.counts_rowid if with_rowid is None else with_rowid
    rows = Projection.of_table(table, database, with_rowid=counts)
    try:
        return digest_query(con, rows.select_row(where))
    except sqlite3.OperationalError as error:
        if content_kind(table) != "external" or not is_statement_error(error):
            raise
        return _digest_inner_tables(con, table, database)  # its content is missing


def _digest_inner_tables(con: sqlite3.Connection, table: Table, database: str) -> TableDigest:
    """Digest the inner tables of a search index whose rows SQLite cannot read.

    Its rows are its documents, or else entries of its directory of terms. A table of terms has no rows.
    """
    rows, total = {}, TableDigest()
    for name in inner_names(table):
        exists = f"SELECT 1 FROM {quoted(database)}.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
        if con.execute(exists, (name,)).fetchone():
            suffix = name.rpartition("_")[2]
            inner = digest_query(con, f"SELECT '{suffix}', * FROM {quoted(database)}.{quoted(name)}")
            rows[suffix], total = inner.rows, total + inner
    return TableDigest(rows.get("docsize", max(rows.get("segdir", 0), rows.get("idx", 0))), total.total)


def digest_tables(con: sqlite3.Connection, schema: Schema, database: str = "main") -> dict[str, TableDigest]:
    """Digest every table that a content digest covers, by name."""
    return {table.name: digest_table(con, table, database) for table in schema.digested}


@dataclass
class DigestCache:
    """Digest a table, and reuse the digest until the connection changes a row or the schema.

    The connection holds the exclusive lock, so no other process can change the database. SQLite counts every change but
    a rollback to a savepoint. After the rows are copied, the run only rolls back what a proof has written.
    """

    _state: tuple[object, ...] = ()
    _digests: dict[tuple[str, bool, str], TableDigest] = field(default_factory=dict)

    def __call__(
        self, con: sqlite3.Connection, table: Table, *, with_rowid: bool | None = None, column: str = ""
    ) -> TableDigest:
        """Return the digest of a table or of its column as ``digest_table`` computes it."""
        state = (id(con), con.total_changes, pragma(con, "schema_version"))
        if state != self._state:
            self._state, self._digests = state, {}
        counts = not column and (table.counts_rowid if with_rowid is None else with_rowid)
        key = table.name, counts, column
        if key not in self._digests:
            self._digests[key] = digest_table(con, table, with_rowid=counts, column=column)
        return self._digests[key]

    def keep(
        self,
        con: sqlite3.Connection,
        tables: Iterable[Table],
        digests: Mapping[str, TableDigest],
        rows: Mapping[DigestedRows, TableDigest],
    ) -> None:
        """Keep digests of the present state that the page reader has computed.

        Args:
            con: The connection.
            tables: The tables of its database.
            digests: The digest of each table.
            rows: The digests of other rows, such as those of one column.
        """
        self._state = id(con), con.total_changes, pragma(con, "schema_version")
        columns = {(each.table, each.values[0].column): rows[each] for each in rows if len(each.values) == 1}
        self._digests = {(table, False, column): digest for (table, column), digest in columns.items()}
        self._digests |= {(table.name, table.counts_rowid, ""): digests[table.name] for table in tables}

    def forget(self) -> None:
        """Digest each table again, because SQLite does not count a rollback to a savepoint."""
        self._state, self._digests = (), {}


def digest_database(schema: Schema, tables: dict[str, TableDigest], marks: dict[str, int]) -> str:
    """Digest a whole database.

    Its statements, tables, AUTOINCREMENT marks and header versions count.

    Page layout, journal mode, free pages and the results of ANALYZE do not count, so a backup and a reloaded dump have
    the digest of their original. A vacuumed file has it as well, unless VACUUM renumbered rowids that are the only
    identity of their rows.

    Returns:
        64 hex digits.
    """
    statements = [table.sql for table in schema.tables.values() if table.kind != "shadow"]
    statements += [index.sql for table in schema.tables.values() for index in table.indexes if index.sql]
    statements += [named.sql for named in (*schema.triggers, *schema.views)]
    header = [schema.header[name] for name in ("user_version", "application_id", "encoding")]
    parts = (
        tuple(sorted(strip_trailing_comments(sql) for sql in statements)),
        tuple((name, digest.rows, digest.sha256) for name, digest in sorted(tables.items())),
        tuple(sorted(marks.items())),
        tuple(header),
    )
    # ascii() and not repr(), because versions of Python differ in the characters that repr() escapes.
    return hashlib.sha256(ascii(parts).encode("ascii")).hexdigest()


def digest_file(path: Path) -> str:
    """Digest the bytes of a file that no connection of this process has open.

    Returns:
        The SHA-256 as 64 hex digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def database_state(digest: str, tables: Mapping[str, tuple[int, str]]) -> bytes:
    """Return 16 bytes that differ for databases that differ, because there may be very many.

    Args:
        digest: Content digest of the database.
        tables: Each table to its number of rows and its digest.
    """
    return hashlib.sha256(repr((digest, sorted(tables.items()))).encode("utf-8", "surrogatepass")).digest()[:16]

"""Prove the pages that COMMIT of an open transaction would leave.

SQLite keeps changed pages in its cache, and writes one whenever it needs room. With room for one page, it has written
all of them after each row was read. The one exception is page 1, which a transaction holds until COMMIT. It has the
beginning of the schema and of the free list.

The journal is on the disk before the first page is written, so a crash meanwhile leaves a transaction that SQLite rolls
back. The page reader reads in its own process, under the exclusive lock of this one. Where SQLite reads few pages, it
may hold a changed page back, of which the file has the former content. Then the rows are not those that were copied, so
that SQLite has to read them. After COMMIT each page is compared with the proved one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.inspection import PAGES_MIN_BYTES
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages, reason_to_decline
from sqlite_consolidate.engine.sqlite.connections import limits_of, pragma
from sqlite_consolidate.engine.sqlite.sidecars import JOURNAL, sidecar_path
from sqlite_consolidate.engine.sqlite.sql import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.content.page_proof.description import DigestedRows
    from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import DatabaseLock
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema

_JOURNALS_ON_DISK = frozenset({"delete", "truncate", "persist"})
_FULL = 2  # value of PRAGMA synchronous
_MOVES_PAGES_IN_COMMIT = 1  # value of PRAGMA auto_vacuum


def prove_transaction(
    write_lock: DatabaseLock,
    con: sqlite3.Connection,
    schema: Schema,
    meanwhile: Callable[[], None] = lambda: None,
    further: Sequence[DigestedRows] = (),
) -> PageProof:
    """Let SQLite write the changed pages of a transaction, prove them, and digest the tables.

    SQLite accounts for page 1 and the free list until COMMIT, by quick_check.

    Args:
        write_lock: The exclusive lock on a database that existed before the transaction.
        con: Connection that holds it, in a transaction, without a statement that is active.
        schema: Schema of the database inside the transaction.
        meanwhile: Called while the page reader reads. It must not write.
        further: What is digested besides.

    Raises:
        sqlite3.Error: The database is damaged, the run is interrupted, or its deadline has passed.
    """
    pages, page_size = (int(str(pragma(con, name))) for name in ("page_count", "page_size"))
    reason = _reason_to_decline(con, pages * page_size) or reason_to_decline(write_lock.path, has_own_journal=True)
    if reason:
        return PageProof(unreadable=(reason,))
    _write_pages(write_lock.path, pages * page_size, con, schema)
    journal = sidecar_path(write_lock.path, JOURNAL)
    if not journal.is_file() or not journal.stat().st_size:
        return PageProof(unreadable=("the journal of the transaction is not on the disk",))
    proof = prove_pages(write_lock.path, con, schema, transaction_pages=pages, further=further, meanwhile=meanwhile)
    # The page reader opens the file by its name, which another process may have given to another file.
    return proof if write_lock.is_held else PageProof(unreadable=("the lock was lost",))


def _reason_to_decline(con: sqlite3.Connection, size: int) -> str:
    """Return why the page reader cannot, or need not, read the transaction."""
    if size < PAGES_MIN_BYTES:
        return "the database is small"
    if pragma(con, "journal_mode") not in _JOURNALS_ON_DISK:
        return "the journal of the transaction is in memory"
    if int(str(pragma(con, "synchronous"))) < _FULL:
        return "the journal of the transaction is not synced"
    if not pragma(con, "cache_spill"):
        return "SQLite writes no page before COMMIT"
    if pragma(con, "auto_vacuum") == _MOVES_PAGES_IN_COMMIT:
        return "COMMIT moves pages"
    return ""


def _write_pages(path: Path, size: int, con: sqlite3.Connection, schema: Schema) -> None:
    """Let SQLite write all changed pages to a file that will have so many bytes.

    It writes one of them for each page that it reads and has no room for. To count rows, it reads no overflow page. So
    large values leave too few pages to read, and the file is too short. quick_check then reads all pages.
    """
    limits_of(con).deadline.start_step("the pages of the transaction")
    before = pragma(con, "cache_size")
    con.execute("PRAGMA main.cache_size=1")
    try:
        for table in schema.tables.values():
            if table.kind == "table" and not table.lacks:
                con.execute(f"SELECT count(*) FROM main.{quoted(table.name)} NOT INDEXED").fetchone()
        if path.stat().st_size < size:
            con.execute("PRAGMA main.quick_check(1)").fetchall()
    finally:
        con.execute(f"PRAGMA main.cache_size={before}")

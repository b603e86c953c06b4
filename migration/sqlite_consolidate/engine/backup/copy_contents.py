"""Read what the copies and dumps of a backup set hold, or what their proof says while their bytes are the same."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.contents import (
    Contents,
    has_wal_frames,
    load_contents,
    pages_equal,
    read_contents,
)
from sqlite_consolidate.engine.content.digest import TableDigest, digest_database, digest_file
from sqlite_consolidate.engine.content.dump import load_dump
from sqlite_consolidate.engine.content.table_differences import compare_databases_or_raise, differences_or_note
from sqlite_consolidate.engine.sqlite.connections import looking, open_new
from sqlite_consolidate.engine.sqlite.schema.objects import marks, read

if TYPE_CHECKING:
    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.row_differences import RowDifferences


def contents_of_copy(copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> Contents:
    """Return what a copy in a backup set holds, as it was proved while it has the same bytes.

    Raises:
        sqlite3.Error: It is missing, or no database any more.
    """
    path = folder / copy.copy
    is_unchanged = path.is_file() and digest_file(path) == copy.sha256
    return _recorded_contents(copy) if is_unchanged else read_contents(path, limits)


def contents_of_dump(copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> Contents:
    """Return what a dump brings back into an empty database, as it was proved while it is that very dump."""
    path = folder / copy.dump
    is_unchanged = copy.dump_digest == copy.digest and digest_file(path) == copy.dump_sha256
    return _recorded_contents(copy) if is_unchanged else load_contents(path, limits)


def read_contents_using_backup(path: Path, copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> Contents:
    """Return what a database holds, as its backup was proved where every page is the same.

    It is read as well where the manifest's digests do not belong together, because the manifest was edited then.

    Args:
        path: A database that no connection of this process has open.
        copy: The backup of it, proved when it was made.
        folder: The backup set.
        limits: Of what is read.

    Raises:
        sqlite3.Error: It is missing, or no database.
    """
    both_exist = path.is_file() and (folder / copy.copy).is_file()
    if both_exist and not has_wal_frames(path) and pages_equal(path, folder / copy.copy, copy.sha256):
        recorded = _recorded_contents(copy)
        with looking(path, limits) as con:
            if digest_database(read(con), recorded.tables, marks(con)) == recorded.digest:
                return recorded
    return read_contents(path, limits)


def _recorded_contents(copy: DatabaseCopy) -> Contents:
    tables = {name: TableDigest(rows, int(sha256, 16)) for name, (rows, sha256) in copy.tables.items()}
    return Contents(copy.digest, tables)


def dump_differences(copy: DatabaseCopy, folder: Path, limits: Limits | None = None) -> RowDifferences:
    """Return in which rows the SQL dump of a backup set differs from the copy that it was made of."""
    return differences_or_note(partial(_dump_differences, copy, folder, limits))


def _dump_differences(copy: DatabaseCopy, folder: Path, limits: Limits | None) -> RowDifferences:
    with tempfile.TemporaryDirectory(prefix="consolidate-rows-") as scratch:
        dump = folder / copy.dump
        con = open_new(Path(scratch) / "reloaded.db", limits)
        try:
            con.execute("PRAGMA synchronous=OFF")
            with dump.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                load_dump(con, lines)
            return compare_databases_or_raise(folder / copy.copy, con, limits)
        finally:
            con.close()

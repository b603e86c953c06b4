"""Backup: copies of databases, SQL dumps and code files in one set, each read again before it counts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.connections import open_new, open_readonly
from migration.engine.digest import digest_database, digest_file, digest_tables
from migration.engine.dump import load_dump, marks, write_dump
from migration.engine.durable import make_private_folder, sync, sync_folder, write_new
from migration.engine.errors import EngineError
from migration.engine.guard import looking
from migration.engine.manifest import CodeCopy, DatabaseCopy
from migration.engine.schema import read

if TYPE_CHECKING:
    import sqlite3

    from migration.engine.digest import TableDigest
    from migration.engine.facts import Facts
else:
    from sqlite_utils.utils import sqlite3


@dataclass(frozen=True)
class Content:
    """What a database holds: its content digest, and that of each table that holds a user's rows."""

    digest: str
    tables: dict[str, TableDigest]


_UNFINISHED = re.compile(r"\.(?:part|sql\.reloaded)(?:-wal|-shm|-journal)?$")


def open_set(folder: Path) -> None:
    """Make the backup set's folders, private to the user; nothing of an earlier set is touched.

    Raises:
        FileExistsError: A set of that name is there already.
    """
    folder.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
    sync_folder(folder.parent.parent)
    make_private_folder(folder)
    make_private_folder(folder / "databases")
    make_private_folder(folder / "code")


def copy_database(facts: Facts, folder: Path) -> DatabaseCopy:
    """Copy one guarded database with SQLite's backup API, and read the copy again.

    The guard keeps writers out, so one pass copies one state (https://sqlite.org/backup.html). The copy is taken out of
    WAL mode: it is one file that needs nothing beside it.

    Raises:
        EngineError: The copy does not have the content of the original, or another database has its name.
    """
    final = folder / "databases" / f"{facts.name}.db"
    if final.exists():
        raise EngineError(
            f"two databases are named {facts.name!r}: the backup of one would take the place of the other's.",
            left="Nothing was changed.",
            todo=f"Give the source {facts.file} another name in the plan.",
        )
    part = final.with_name(final.name + ".part")
    con = open_new(part)
    try:
        facts.guard.reader.backup(con)
        con.execute("PRAGMA journal_mode=DELETE").fetchone()
        digest = content_digest(con)
    finally:
        con.close()
    if digest != facts.digest:
        raise EngineError(
            f"the backup of {facts.file} has another content than the database.",
            left="Nothing was changed.",
            todo="Check the disk, and run again.",
        )
    settle(part, final)
    live = facts.guard.path.stat()
    return DatabaseCopy(
        role="target" if facts.name == "target" else "source",
        name=facts.name,
        file=facts.file,
        copy=f"databases/{final.name}",
        size=final.stat().st_size,
        sha256=digest_file(final),
        digest=digest,
        tables={name: [one.rows, one.sha256] for name, one in facts.digests.items()},
        mode=live.st_mode & 0o777,
        journal_mode=facts.schema.header["journal_mode"],
    )


def dump_database(copy: DatabaseCopy, folder: Path) -> DatabaseCopy:
    """Write the SQL dump of a copy, load it into an empty database, and note the content digest of that.

    Raises:
        sqlite3.Error: The dump cannot be loaded.
    """
    path = folder / "databases" / f"{copy.name}.sql"
    part = path.with_name(path.name + ".part")
    con = open_readonly(folder / copy.copy)
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as out:
            write_dump(con, out)
    finally:
        con.close()
    settle(part, path)
    digest = reloaded_digest(path)
    return replace(copy, dump=f"databases/{path.name}", dump_sha256=digest_file(path), dump_digest=digest)


def reloaded_digest(dump: Path) -> str:
    """Load a dump into a scratch database beside it and return the content digest; the scratch is gone afterwards."""
    return reloaded_content(dump).digest


def reloaded_content(dump: Path) -> Content:
    """Load a dump into a scratch database beside it and return what that holds; the scratch is gone afterwards."""
    scratch = dump.with_name(dump.name + ".reloaded")
    con = open_new(scratch)
    try:
        con.execute("PRAGMA synchronous=OFF")
        con.execute("PRAGMA journal_mode=OFF").fetchone()
        with dump.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            load_dump(con, lines)
        return content(con)
    finally:
        con.close()
        scratch.unlink()


def copy_code(root: Path, files: list[str], folder: Path) -> tuple[CodeCopy, ...]:
    """Copy the code files that the run will rewrite, bytes and mode."""
    copies = []
    for at, file in enumerate(files):
        data = (root / file).read_bytes()
        name = f"code/{at:03d}-{Path(file).name}"
        write_new(folder / name, data)
        mode = (root / file).stat().st_mode & 0o777
        copies.append(CodeCopy(file, name, len(data), digest_file(folder / name), mode))
    return tuple(copies)


def content(con: sqlite3.Connection) -> Content:
    """Return what the database that ``con`` has open holds."""
    schema = read(con)
    tables = digest_tables(con, schema)
    return Content(digest_database(schema, tables, marks(con)), tables)


def content_digest(con: sqlite3.Connection) -> str:
    """Return the content digest of the database that ``con`` has open."""
    return content(con).digest


def file_content(path: Path) -> Content:
    """Return what a database file holds, read through a new connection that cannot write."""
    with looking(path) as con:
        return content(con)


def file_content_digest(path: Path) -> str:
    """Return the content digest of a database file, read through a new connection that cannot write."""
    return file_content(path).digest


def content_seen(path: Path) -> str:
    """Return the content digest of a database file, or in words why it has none."""
    if not os.path.lexists(path):
        return "no such file"
    try:
        return file_content_digest(path)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return f"cannot be read ({error})"


def clear_scratch(folder: Path) -> None:
    """Remove what a run that was killed had begun in a backup set and not finished: no copy, and in no manifest.

    A source's name cannot make a copy look like that: the names of copies end in ``.db`` and ``.sql``.
    """
    for path in (folder / "databases").iterdir():
        if _UNFINISHED.search(path.name):
            path.unlink()


def settle(part: Path, final: Path) -> None:
    """Give a finished file its final name; its bytes are on disk before the name is, and nothing is left beside it.

    SQLite passes over an error when it takes the sidecars away that a copy in WAL mode had; they hold nothing by now.
    """
    for suffix in ("-wal", "-shm", "-journal"):
        part.with_name(part.name + suffix).unlink(missing_ok=True)
    sync(part)
    part.rename(final)
    sync_folder(final.parent)

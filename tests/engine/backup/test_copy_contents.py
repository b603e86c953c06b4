"""What a copy, a dump or an archive holds: as it was proved while it has the very bytes of the proof, else as read."""

from __future__ import annotations

import math
import shutil
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.copies import copy_database, create_backup_set, dump_database
from sqlite_consolidate.engine.backup.copy_contents import (
    contents_of_copy,
    contents_of_dump,
    read_contents_using_backup,
)
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.content.contents import digest_or_reason, read_contents
from sqlite_consolidate.engine.sqlite.limits import Deadline, Limits
from tests.support.workspaces.two_sources import build_two_sources, execute, plan_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
else:
    from sqlite_utils.utils import sqlite3

PROVED = "f" * 64


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[InspectedDatabase]:
    """The guarded notes, with a text of several lines and one that is no UTF-8."""
    root = build_two_sources(tmp_path / "workspace")
    execute(
        root / "logs/notes.db", "INSERT INTO notes VALUES('f', 'a' || char(13, 10) || 'b'), ('g', CAST(x'ff' AS TEXT))"
    )
    with ExitStack() as write_locks:
        yield inspect_databases(plan_of(root), root, write_locks).sources["notes"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An open backup set."""
    create_backup_set(tmp_path / "backups" / "set")
    return tmp_path / "backups" / "set"


@pytest.fixture
def copy(notes: InspectedDatabase, folder: Path) -> DatabaseCopy:
    """Copy and dump of the notes; the digest is changed afterwards, so that an answer tells where it is from."""
    made = dump_database(copy_database(notes, folder), folder)
    assert made.digest == made.dump_digest == notes.digest
    return replace(made, digest=PROVED, dump_digest=PROVED)


@pytest.fixture
def archive(copy: DatabaseCopy, folder: Path) -> Path:
    """A database with the pages of the copy."""
    shutil.copyfile(folder / copy.copy, folder / "archive.db")
    return folder / "archive.db"


def test_a_copy_that_is_as_it_was_proved_is_not_read_again(
    copy: DatabaseCopy, folder: Path, notes: InspectedDatabase
) -> None:
    """The manifest says what it holds, table by table."""
    found = contents_of_copy(copy, folder)

    assert (found.digest, found.tables) == (PROVED, notes.digests)


def test_a_copy_with_other_bytes_is_read(copy: DatabaseCopy, folder: Path) -> None:
    """Or is an error, where there is nothing to be read."""
    execute(folder / copy.copy, "DELETE FROM notes")

    assert contents_of_copy(copy, folder) == read_contents(folder / copy.copy)

    (folder / copy.copy).unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        contents_of_copy(copy, folder)


def test_an_archive_with_the_pages_of_its_backup_holds_what_that_does(
    copy: DatabaseCopy, folder: Path, archive: Path, notes: InspectedDatabase
) -> None:
    """Equal pages hold equal rows."""
    found = read_contents_using_backup(archive, replace(copy, digest=notes.digest), folder)

    assert (found.digest, found.tables) == (notes.digest, notes.digests)


@pytest.mark.parametrize("change", ["a row", "a row in the -wal", "the copy", "both", "the copy is gone"])
def test_an_archive_that_is_not_like_its_backup_is_read(
    copy: DatabaseCopy, folder: Path, archive: Path, change: str
) -> None:
    """Wherever the difference is: the answer is what the archive itself holds."""
    if change == "a row":
        execute(archive, "DELETE FROM notes")
    elif change == "a row in the -wal":
        wal = written_in_the_wal(archive)
        assert wal.stat().st_size
    elif change == "both":
        execute(folder / copy.copy, "DELETE FROM notes")
        shutil.copyfile(folder / copy.copy, archive)
    elif change == "the copy":
        (folder / copy.copy).write_bytes((folder / copy.copy).read_bytes()[:-1] + b"\1")
    else:
        (folder / copy.copy).unlink()

    found = read_contents_using_backup(archive, copy, folder)

    assert found == read_contents(archive)
    assert found.digest != PROVED


def written_in_the_wal(path: Path) -> Path:
    """Leave a row in the -wal alone, as a process does that was killed; the file itself is as it was."""
    before = path.read_bytes()
    other = path.with_name("other.db")
    shutil.copyfile(path, other)
    with sqlite3.connect(other, isolation_level=None) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.execute("DELETE FROM notes")
        shutil.copyfile(f"{other}-wal", f"{path}-wal")
    con.close()
    assert path.read_bytes() == before
    return path.with_name(f"{path.name}-wal")


def test_an_archive_that_sqlite_does_not_open_is_an_error(copy: DatabaseCopy, folder: Path, archive: Path) -> None:
    """Its pages are the same, and its header asks for a version of SQLite that is still to come; or it is gone."""
    data = bytearray(archive.read_bytes())
    data[18:20] = 9, 9
    archive.write_bytes(data)

    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        read_contents_using_backup(archive, copy, folder)

    archive.unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        read_contents_using_backup(archive, copy, folder)


def test_a_dump_that_is_as_it_was_loaded_is_not_loaded_again(
    copy: DatabaseCopy, folder: Path, notes: InspectedDatabase
) -> None:
    """The manifest says what it brings back, table by table."""
    found = contents_of_dump(copy, folder)

    assert (found.digest, found.tables) == (PROVED, notes.digests)


def test_a_dump_that_was_not_proved_is_loaded(copy: DatabaseCopy, folder: Path, notes: InspectedDatabase) -> None:
    """It had brought back something else than the copy has, or has other bytes since."""
    differs = replace(copy, dump_digest="0" * 64)

    assert contents_of_dump(differs, folder).digest == notes.digest

    dump = folder / copy.dump
    dump.write_bytes(dump.read_bytes().replace(b"'first'", b"'furst'"))
    assert contents_of_dump(copy, folder).digest not in (PROVED, notes.digest)


def test_a_look_says_what_it_was_told_to_read(archive: Path, copy: DatabaseCopy, folder: Path) -> None:
    """The digest of the content as it is, unless it is told how to look."""
    assert digest_or_reason(archive) == read_contents(archive).digest
    assert digest_or_reason(archive, lambda _: contents_of_copy(copy, folder)) == PROVED
    assert digest_or_reason(archive.with_name("dangling.db")) == "no such file"


def test_copies_are_read_within_the_limits(
    copy: DatabaseCopy, folder: Path, archive: Path, notes: InspectedDatabase
) -> None:
    """Whatever has to be read because no proof holds for it, or to see whether one does."""
    over = Limits(Deadline(until=-math.inf))
    proved = replace(copy, digest=notes.digest)
    changed = replace(copy, sha256="0" * 64, dump_sha256="0" * 64)

    for read, of_set in ((contents_of_copy, changed), (contents_of_dump, changed)):
        assert read(of_set, folder).digest == notes.digest
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            read(of_set, folder, over)
    for of_set in (proved, changed):
        assert read_contents_using_backup(archive, of_set, folder).digest == notes.digest
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            read_contents_using_backup(archive, of_set, folder, over)

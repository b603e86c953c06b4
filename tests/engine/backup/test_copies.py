"""Test that copies and dumps of a backup set are private, complete and verified."""

from __future__ import annotations

import locale
import os
import shutil
import signal
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import copies as backup
from sqlite_consolidate.engine.backup.copies import (
    copy_code,
    copy_database,
    create_backup_set,
    dump_database,
    ignore_folder,
    publish_file,
    remove_unfinished_copies,
)
from sqlite_consolidate.engine.backup.copy_contents import contents_of_dump, read_contents_using_backup
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.content import contents as content
from sqlite_consolidate.engine.content.contents import digest_or_reason, load_contents, read_contents
from sqlite_consolidate.engine.content.digest import TableDigest, digest_file
from sqlite_consolidate.engine.run.stages import BACKUP
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import die, run_in_child
from tests.support.workspaces.two_sources import a_run, consolidate, execute, plan_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
else:
    from sqlite_utils.utils import sqlite3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide an empty backup set."""
    create_backup_set(tmp_path / "backups" / "set")
    return tmp_path / "backups" / "set"


@pytest.fixture
def notes(root: Path) -> Iterator[InspectedDatabase]:
    """Provide the locked source notes, with three of five rows only in the ``-wal``."""
    with ExitStack() as write_locks:
        yield inspect_databases(plan_of(root), root, write_locks).sources["notes"]


def test_copy_has_rows_of_the_wal(notes: InspectedDatabase, folder: Path) -> None:
    """It is one file without sidecar files."""
    copy = copy_database(notes, folder)

    assert [path.name for path in (folder / "databases").iterdir()] == ["notes.db"]
    rows = execute(folder / copy.copy, "SELECT id, CAST(body AS BLOB), typeof(body) FROM notes ORDER BY id")
    assert rows[2:] == [("c", b"third", "text"), ("d", b"nul\0", "text"), ("e", b"\x00\xff", "blob")]
    assert execute(folder / copy.copy, "PRAGMA journal_mode") == [("delete",)]


def test_manifest_entry_describes_the_copy(root: Path, notes: InspectedDatabase, folder: Path) -> None:
    """It has size, digests, rows, and the mode and journal mode of the live file."""
    (root / "logs/notes.db").chmod(0o604)

    copy = copy_database(notes, folder)

    path = folder / copy.copy
    assert (copy.role, copy.name, copy.file) == ("source", "notes", "logs/notes.db")
    assert (copy.size, copy.sha256) == (path.stat().st_size, digest_file(path))
    assert copy.digest == notes.digest == read_contents(path).digest
    assert copy.tables == notes.digests
    assert copy.tables["notes"].rows == 5
    assert (copy.mode, copy.journal_mode) == (0o604, "wal")


def test_backup_leaves_every_byte_of_sources(root: Path) -> None:
    """Databases, their -wal and their folder are unchanged after the locks are released."""
    before = {path: path.read_bytes() for path in sorted((root / "logs").iterdir())}

    consolidate(a_run(root), until=BACKUP)

    assert {path: path.read_bytes() for path in sorted((root / "logs").iterdir())} == before


def test_files_of_a_set_are_private(root: Path) -> None:
    """The umask and the modes of the originals do not matter."""
    before = os.umask(0)
    run = consolidate(a_run(root), until=BACKUP)
    os.umask(before)

    modes = {path.relative_to(run.folder).as_posix(): path.stat().st_mode & 0o777 for path in run.folder.rglob("*")}
    assert run.folder.stat().st_mode & 0o777 == 0o700
    assert modes.pop("databases") == modes.pop("code") == 0o700
    assert set(modes.values()) == {0o600}, modes


def test_copy_with_other_contents_is_not_published(notes: InspectedDatabase, folder: Path) -> None:
    """A backup that differs from its database never gets its final name."""
    with sqlite3.connect(":memory:") as other:
        other.execute("CREATE TABLE notes(id TEXT PRIMARY KEY, body TEXT)")
        assert isinstance(notes.write_lock, WriteLock)
        notes.write_lock.reader.close()
        notes.write_lock.reader = other

        with pytest.raises(ProblemError) as caught:
            copy_database(notes, folder)

    other.close()
    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("copy-differs", "logs/notes.db")]
    assert [path.name for path in (folder / "databases").iterdir()] == ["notes.db.part"]
    remove_unfinished_copies(folder)
    assert list((folder / "databases").iterdir()) == []


def test_copy_without_rows_of_the_wal_differs(
    notes: InspectedDatabase, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages of the file itself are equal, and the pages of large databases are compared."""
    monkeypatch.setattr(backup, "PARALLEL_MIN_BYTES", 0)
    (tmp_path / "without.db").write_bytes(notes.write_lock.path.read_bytes())
    with closing(sqlite3.connect(tmp_path / "without.db")) as without:
        assert isinstance(notes.write_lock, WriteLock)
        notes.write_lock.reader.close()
        notes.write_lock.reader = without

        with pytest.raises(ProblemError, match=r"\[copy-differs\]$"):
            copy_database(notes, folder)


def test_progress_counts_bytes_of_copy_and_rows_of_dump(notes: InspectedDatabase, folder: Path) -> None:
    """The total of a copy is the size of the database."""
    copy = copy_database(notes, folder)
    progress = notes.write_lock.limits.progress
    part = folder / "databases/notes.db.part"
    part.write_bytes(b"x" * 5000)

    assert (progress.total, progress.unit, progress.done) == (notes.size, "bytes", 5000)

    dump_database(copy, folder, notes.write_lock.limits)
    assert (progress.total, progress.unit) == (5, "rows")


def test_copy_of_target_has_the_target_role(root: Path, folder: Path) -> None:
    """A rollback restores the target in place."""
    with ExitStack() as write_locks:
        inspected = inspect_databases(plan_of(root), root, write_locks)
        assert inspected.target is not None

        copy = copy_database(inspected.target, folder)

    assert (copy.role, copy.name, copy.file) == ("target", "target", "workspace.db")


def test_databases_with_one_name_share_no_copy(notes: InspectedDatabase, folder: Path) -> None:
    """The second is refused, and the backup of the first stays."""
    copy = copy_database(notes, folder)

    with pytest.raises(ProblemError) as caught:
        copy_database(notes, folder)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("name-twice", "logs/notes.db")]
    assert digest_file(folder / copy.copy) == copy.sha256


@pytest.mark.parametrize(
    "edited",
    [
        lambda copy: replace(copy, digest=copy.digest[::-1]),
        lambda copy: replace(copy, tables={name: each + TableDigest(1) for name, each in copy.tables.items()}),
    ],
    ids=["the digest of all", "a number of rows"],
)
def test_contents_are_read_when_manifest_was_edited(
    notes: InspectedDatabase, folder: Path, edited: Callable[[DatabaseCopy], DatabaseCopy]
) -> None:
    """The bytes are those of the backup, but the recorded digests contradict each other."""
    copy = copy_database(notes, folder)
    archive = Path(shutil.copyfile(folder / copy.copy, folder.parent / "archive.db"))

    recorded = read_contents_using_backup(archive, copy, folder)
    contents = read_contents_using_backup(archive, edited(copy), folder)

    assert recorded == contents == read_contents(archive)


def test_contents_include_wal_when_pages_are_equal(notes: InspectedDatabase, folder: Path) -> None:
    """The -wal beside one of two equal files has a row that no page has."""
    copy = copy_database(notes, folder)
    archive = Path(shutil.copyfile(folder / copy.copy, folder.parent / "archive.db"))
    with closing(sqlite3.connect(archive, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL").fetchone()
        con.execute("PRAGMA wal_autocheckpoint=0")
        con.execute("DELETE FROM notes")

        contents = read_contents_using_backup(archive, copy, folder)

    assert contents.tables["notes"].rows == 0


def test_contents_are_read_when_both_files_changed(notes: InspectedDatabase, folder: Path) -> None:
    """The files are equal, and neither has the recorded bytes."""
    copy = copy_database(notes, folder)
    execute(folder / copy.copy, "DELETE FROM notes")
    archive = Path(shutil.copyfile(folder / copy.copy, folder.parent / "archive.db"))

    assert read_contents_using_backup(archive, copy, folder).tables["notes"].rows == 0


def test_reloaded_dump_has_the_original_digest(notes: InspectedDatabase, folder: Path) -> None:
    """No temporary file is left."""
    copy = dump_database(copy_database(notes, folder), folder)

    assert contents_of_dump(copy, folder).digest == copy.digest
    assert digest_file(folder / copy.dump) == copy.dump_sha256
    assert sorted(path.name for path in (folder / "databases").iterdir()) == ["notes.db", "notes.sql"]


def test_dump_is_the_same_in_every_locale(notes: InspectedDatabase, folder: Path) -> None:
    """Line ends are kept."""
    copy = copy_database(notes, folder)
    execute(folder / copy.copy, "INSERT INTO notes VALUES('é', 'a' || char(13, 10) || 'b')")
    execute(folder / copy.copy, "CREATE TABLE odd(\r\n v\r\n)")
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        dumped = dump_database(copy, folder)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)

    assert load_contents(folder / dumped.dump).digest == read_contents(folder / copy.copy).digest
    assert "'é'".encode() in (folder / dumped.dump).read_bytes()


def test_statement_that_is_no_utf_8_is_dumped(notes: InspectedDatabase, folder: Path) -> None:
    """Only the sqlite3 shell can load the dump, and the error states that."""
    copy = copy_database(notes, folder)
    with closing(sqlite3.connect(folder / copy.copy, isolation_level=None)) as con:
        con.execute("CREATE TABLE odd(v DEFAULT 'XX')")
        con.execute("PRAGMA writable_schema=ON")
        con.execute("UPDATE sqlite_schema SET sql = replace(sql, 'XX', CAST(x'ff0d0a' AS TEXT)) WHERE name = 'odd'")

    dumped = dump_database(copy, folder)

    with pytest.raises(sqlite3.OperationalError, match="only the sqlite3 shell can load this dump"):
        contents_of_dump(dumped, folder)
    assert b"DEFAULT '\xff\r\n'" in (folder / dumped.dump).read_bytes()


def test_load_can_be_retried_after_a_kill(
    notes: InspectedDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the scratch database shows what to remove."""
    copy = dump_database(copy_database(notes, folder), folder)
    with monkeypatch.context() as mortal:
        mortal.setattr(content, "load_dump", lambda *_: die())
        assert run_in_child(lambda: contents_of_dump(copy, folder)) == -signal.SIGKILL
    left = sorted(path.name for path in (folder / "databases").iterdir())
    assert left == ["notes.db", "notes.sql", "notes.sql.reloaded"]

    remove_unfinished_copies(folder)

    assert contents_of_dump(copy, folder).digest == copy.digest


@pytest.mark.parametrize("link", [True, False])
def test_dump_overwrites_no_file_and_no_link(notes: InspectedDatabase, folder: Path, *, link: bool) -> None:
    """Neither a file nor the target of a symbolic link is written."""
    copy = copy_database(notes, folder)
    dump = folder / "databases/notes.sql"
    dump.symlink_to(folder / "elsewhere") if link else dump.write_text("another file")

    with pytest.raises(FileExistsError):
        dump_database(copy, folder)

    assert not (folder / "elsewhere").exists()
    assert link or dump.read_text() == "another file"


def test_edited_dump_has_another_digest(notes: InspectedDatabase, folder: Path) -> None:
    """The digest is computed from a reload of the dump."""
    copy = dump_database(copy_database(notes, folder), folder)
    dump = folder / copy.dump
    text = dump.read_bytes()
    assert b"'first'" in text
    dump.write_bytes(text.replace(b"'first'", b"'furst'"))

    assert load_contents(dump).digest != copy.digest


def test_incomplete_dump_is_an_error(notes: InspectedDatabase, folder: Path) -> None:
    """It does not count as a smaller database, and no temporary file is left."""
    copy = dump_database(copy_database(notes, folder), folder)
    dump = folder / copy.dump
    dump.write_bytes(dump.read_bytes().partition(b"INSERT INTO")[0] + b"INSERT INTO")

    with pytest.raises(sqlite3.OperationalError, match="middle of a statement"):
        load_contents(dump)

    assert sorted(path.name for path in dump.parent.iterdir()) == ["notes.db", "notes.sql"]


def test_code_files_keep_bytes_and_modes(root: Path, folder: Path) -> None:
    """Two files with one name in different folders do not share a copy."""
    (root / "app/sub").mkdir()
    (root / "app/sub/tasks.py").write_bytes(b"\xef\xbb\xbfother\r")
    (root / "app/sub/tasks.py").chmod(0o500)

    first, second = copy_code(root, ["app/tasks.py", "app/sub/tasks.py"], folder)

    assert (folder / first.copy).read_bytes() == (root / "app/tasks.py").read_bytes()
    assert (folder / second.copy).read_bytes() == b"\xef\xbb\xbfother\r"
    assert (first.file, second.file) == ("app/tasks.py", "app/sub/tasks.py")
    assert (first.mode, second.mode, second.size) == (0o755, 0o500, 9)
    assert second.sha256 == digest_file(root / "app/sub/tasks.py")


def test_sets_share_a_private_folder(tmp_path: Path) -> None:
    """The first set creates it, at any depth."""
    before = os.umask(0)
    for name in ("first", "second"):
        create_backup_set(tmp_path / "deep/backups" / name)
    os.umask(before)

    assert (tmp_path / "deep/backups").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "deep/backups").iterdir()) == ["first", "second"]


def test_folder_of_copies_has_its_own_rules(tmp_path: Path) -> None:
    """Git ignores nothing beside it."""
    (tmp_path / "copies").mkdir()

    ignore_folder(tmp_path / "copies")

    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == ["copies/.gitignore"]


def test_existing_folder_is_not_a_new_set(tmp_path: Path) -> None:
    """Its files are unchanged."""
    (tmp_path / "backups/set").mkdir(parents=True)
    (tmp_path / "backups/set/mine").write_text("mine")

    with pytest.raises(FileExistsError):
        create_backup_set(tmp_path / "backups/set")

    assert [path.name for path in (tmp_path / "backups/set").iterdir()] == ["mine"]


def test_digest_or_reason_returns_the_reason(tmp_path: Path) -> None:
    """It raises no error."""
    (tmp_path / "text.db").write_text("no database, though it is long enough to be one" * 20)

    assert digest_or_reason(tmp_path / "missing.db") == "no such file"
    assert digest_or_reason(tmp_path / "text.db") == "cannot be read (file is not a database)"


def test_published_file_has_no_sidecar_files(tmp_path: Path) -> None:
    """SQLite may have failed to delete those of the unfinished copy."""
    part, final = tmp_path / "notes.db.part", tmp_path / "notes.db"
    part.write_bytes(b"pages")
    for suffix in ("-wal", "-shm", "-journal"):
        (tmp_path / f"notes.db.part{suffix}").write_bytes(b"index")

    publish_file(part, final)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


def test_only_unfinished_copies_are_removed(tmp_path: Path) -> None:
    """Names of sources that resemble a temporary file make no difference."""
    copies = {"a.db", "a.sql", "b.part.db", "c.sql.reloaded.db"}
    begun = {"a.db.part", "a.db.part-shm", "a.sql.part", "a.sql.reloaded", "a.sql.reloaded-journal"}
    (tmp_path / "databases").mkdir()
    for name in copies | begun:
        (tmp_path / "databases" / name).touch()

    remove_unfinished_copies(tmp_path)

    assert {path.name for path in (tmp_path / "databases").iterdir()} == copies

"""The backup: one private file a database with all that is in it, proved before it counts."""

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
    publish_file,
    remove_unfinished_copies,
)
from sqlite_consolidate.engine.backup.copy_contents import read_contents_using_backup
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.content import contents as content
from sqlite_consolidate.engine.content.contents import digest_or_reason, load_contents, read_contents
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.run.stages import BACKUP
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
    """An open backup set."""
    create_backup_set(tmp_path / "backups" / "set")
    return tmp_path / "backups" / "set"


@pytest.fixture
def notes(root: Path) -> Iterator[InspectedDatabase]:
    """The guarded notes, of which three of five rows are in the ``-wal`` only."""
    with ExitStack() as write_locks:
        yield inspect_databases(plan_of(root), root, write_locks).sources["notes"]


def test_a_copy_is_one_file_with_everything_in_it(notes: InspectedDatabase, folder: Path) -> None:
    """Rows that were only in the -wal are in the copy, which needs nothing beside it."""
    copy = copy_database(notes, folder)

    assert [path.name for path in (folder / "databases").iterdir()] == ["notes.db"]
    rows = execute(folder / copy.copy, "SELECT id, CAST(body AS BLOB), typeof(body) FROM notes ORDER BY id")
    assert rows[2:] == [("c", b"third", "text"), ("d", b"nul\0", "text"), ("e", b"\x00\xff", "blob")]
    assert execute(folder / copy.copy, "PRAGMA journal_mode") == [("delete",)]


def test_a_copy_is_described_as_it_is(root: Path, notes: InspectedDatabase, folder: Path) -> None:
    """The manifest's entry states size, digests, rows and the live file's mode and journal mode."""
    (root / "logs/notes.db").chmod(0o604)

    copy = copy_database(notes, folder)

    path = folder / copy.copy
    assert (copy.role, copy.name, copy.file) == ("source", "notes", "logs/notes.db")
    assert (copy.size, copy.sha256) == (path.stat().st_size, digest_file(path))
    assert copy.digest == notes.digest == read_contents(path).digest
    assert copy.tables == {"notes": [5, notes.digests["notes"].sha256]}
    assert (copy.mode, copy.journal_mode) == (0o604, "wal")


def test_backing_up_leaves_every_byte_of_a_source(root: Path) -> None:
    """Databases, their -wal and their folder are as they were, to the byte, when the locks are given back."""
    before = {path: path.read_bytes() for path in sorted((root / "logs").iterdir())}

    consolidate(a_run(root), until=BACKUP)

    assert {path: path.read_bytes() for path in sorted((root / "logs").iterdir())} == before


def test_everything_in_a_set_is_private(root: Path) -> None:
    """Whatever the umask and the modes of the originals are, only the user can read the copies."""
    before = os.umask(0)
    run = consolidate(a_run(root), until=BACKUP)
    os.umask(before)

    modes = {path.relative_to(run.folder).as_posix(): path.stat().st_mode & 0o777 for path in run.folder.rglob("*")}
    assert run.folder.stat().st_mode & 0o777 == 0o700
    assert modes.pop("databases") == modes.pop("code") == 0o700
    assert set(modes.values()) == {0o600}, modes


def test_a_copy_with_other_content_is_an_error(notes: InspectedDatabase, folder: Path) -> None:
    """A backup that is not the database is never given its final name."""
    with sqlite3.connect(":memory:") as other:
        other.execute("CREATE TABLE notes(id TEXT PRIMARY KEY, body TEXT)")
        notes.write_lock.reader.close()
        notes.write_lock.reader = other

        with pytest.raises(ProblemError) as caught:
            copy_database(notes, folder)

    other.close()
    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("copy-differs", "logs/notes.db")]
    assert [path.name for path in (folder / "databases").iterdir()] == ["notes.db.part"]
    remove_unfinished_copies(folder)
    assert list((folder / "databases").iterdir()) == []


def test_rows_of_the_wal_that_are_not_in_the_copy_make_it_another(
    notes: InspectedDatabase, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though every page of the file itself is the same: of large databases pages are compared first."""
    monkeypatch.setattr(backup, "PARALLEL_MIN_BYTES", 0)
    (tmp_path / "without.db").write_bytes(notes.write_lock.path.read_bytes())
    with closing(sqlite3.connect(tmp_path / "without.db")) as without:
        notes.write_lock.reader.close()
        notes.write_lock.reader = without

        with pytest.raises(ProblemError, match=r"\[copy-differs\]$"):
            copy_database(notes, folder)


def test_how_far_a_copy_has_come_shows_in_the_bytes_of_its_file(notes: InspectedDatabase, folder: Path) -> None:
    """Of as many as the database has; of a dump the rows are counted."""
    copy = copy_database(notes, folder)
    progress = notes.write_lock.limits.progress
    part = folder / "databases/notes.db.part"
    part.write_bytes(b"x" * 5000)

    assert (progress.total, progress.unit, progress.done) == (notes.size, "bytes", 5000)

    dump_database(copy, folder, notes.write_lock.limits)
    assert (progress.total, progress.unit) == (5, "rows")


def test_the_target_s_copy_says_that_it_is_the_target_s(root: Path, folder: Path) -> None:
    """A rollback overwrites it; the others are put in their places."""
    with ExitStack() as write_locks:
        found = inspect_databases(plan_of(root), root, write_locks)
        assert found.target is not None

        copy = copy_database(found.target, folder)

    assert (copy.role, copy.name, copy.file) == ("target", "target", "workspace.db")


def test_two_databases_of_one_name_do_not_share_a_copy(notes: InspectedDatabase, folder: Path) -> None:
    """The second is refused in words, and the backup of the first stays."""
    copy = copy_database(notes, folder)

    with pytest.raises(ProblemError) as caught:
        copy_database(notes, folder)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("name-twice", "logs/notes.db")]
    assert digest_file(folder / copy.copy) == copy.sha256


@pytest.mark.parametrize(
    "edited",
    [
        lambda copy: replace(copy, digest=copy.digest[::-1]),
        lambda copy: replace(copy, tables={name: [rows + 1, sha256] for name, (rows, sha256) in copy.tables.items()}),
    ],
    ids=["the digest of all", "a number of rows"],
)
def test_an_edited_manifest_is_not_taken_for_what_a_file_holds(
    notes: InspectedDatabase, folder: Path, edited: Callable[[DatabaseCopy], DatabaseCopy]
) -> None:
    """Every byte is its backup's; still the content is read, since the manifest's digests do not belong together."""
    copy = copy_database(notes, folder)
    archive = Path(shutil.copyfile(folder / copy.copy, folder.parent / "archive.db"))

    as_sealed = read_contents_using_backup(archive, copy, folder)
    found = read_contents_using_backup(archive, edited(copy), folder)

    assert as_sealed == found == read_contents(archive)


def test_rows_in_a_wal_are_not_passed_over_where_all_pages_are_the_backups(
    notes: InspectedDatabase, folder: Path
) -> None:
    """Two files of the same bytes, and beside one of them a journal with a row that no page has yet."""
    copy = copy_database(notes, folder)
    archive = Path(shutil.copyfile(folder / copy.copy, folder.parent / "archive.db"))
    with closing(sqlite3.connect(archive, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL").fetchone()
        con.execute("PRAGMA wal_autocheckpoint=0")
        con.execute("DELETE FROM notes")

        found = read_contents_using_backup(archive, copy, folder)

    assert found.tables["notes"].rows == 0


def test_what_was_changed_in_a_file_and_in_its_backup_alike_is_read(notes: InspectedDatabase, folder: Path) -> None:
    """They are the same to the byte, and neither is what was proved."""
    copy = copy_database(notes, folder)
    execute(folder / copy.copy, "DELETE FROM notes")
    archive = Path(shutil.copyfile(folder / copy.copy, folder.parent / "archive.db"))

    assert read_contents_using_backup(archive, copy, folder).tables["notes"].rows == 0


def test_a_dump_brings_back_the_content(notes: InspectedDatabase, folder: Path) -> None:
    """Loaded into an empty database it has the content digest of the original, and no scratch is left."""
    copy = dump_database(copy_database(notes, folder), folder)

    assert copy.dump_digest == copy.digest
    assert digest_file(folder / copy.dump) == copy.dump_sha256
    assert sorted(path.name for path in (folder / "databases").iterdir()) == ["notes.db", "notes.sql"]


def test_a_dump_is_the_same_in_every_locale(notes: InspectedDatabase, folder: Path) -> None:
    """And keeps line ends as they are."""
    copy = copy_database(notes, folder)
    execute(folder / copy.copy, "INSERT INTO notes VALUES('é', 'a' || char(13, 10) || 'b')")
    execute(folder / copy.copy, "CREATE TABLE odd(\r\n v\r\n)")
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        dumped = dump_database(copy, folder)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)

    assert dumped.dump_digest == read_contents(folder / copy.copy).digest
    assert "'é'".encode() in (folder / dumped.dump).read_bytes()


def test_a_statement_that_is_no_utf_8_is_dumped_byte_by_byte(notes: InspectedDatabase, folder: Path) -> None:
    """Only the sqlite3 shell can load it, which is said."""
    copy = copy_database(notes, folder)
    with closing(sqlite3.connect(folder / copy.copy, isolation_level=None)) as con:
        con.execute("CREATE TABLE odd(v DEFAULT 'XX')")
        con.execute("PRAGMA writable_schema=ON")
        con.execute("UPDATE sqlite_schema SET sql = replace(sql, 'XX', CAST(x'ff0d0a' AS TEXT)) WHERE name = 'odd'")

    with pytest.raises(sqlite3.OperationalError, match="only the sqlite3 shell can load this dump"):
        dump_database(copy, folder)

    assert b"DEFAULT '\xff\r\n'" in (folder / "databases/notes.sql.part").read_bytes()


def test_a_dump_that_broke_off_is_cleared_away(notes: InspectedDatabase, folder: Path) -> None:
    """It has no name that a finished one could have."""
    copy = copy_database(notes, folder)
    (folder / copy.copy).unlink()

    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        dump_database(copy, folder)

    assert [path.name for path in (folder / "databases").iterdir()] == ["notes.sql.part"]
    remove_unfinished_copies(folder)
    assert list((folder / "databases").iterdir()) == []


def test_a_dump_whose_loading_was_killed_can_be_made_again(
    notes: InspectedDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun of it is known by its names, and cleared away."""
    copy = copy_database(notes, folder)
    with monkeypatch.context() as mortal:
        mortal.setattr(content, "load_dump", lambda *_: die())
        assert run_in_child(lambda: dump_database(copy, folder)) == -signal.SIGKILL
    begun = sorted(path.name for path in (folder / "databases").iterdir())
    assert begun == ["notes.db", "notes.sql.part", "notes.sql.reloaded"]

    remove_unfinished_copies(folder)

    assert dump_database(copy, folder).dump_digest == copy.digest


@pytest.mark.parametrize("link", [True, False])
def test_a_dump_is_written_into_no_file_that_is_there(notes: InspectedDatabase, folder: Path, *, link: bool) -> None:
    """Nor through a link, wherever that leads."""
    copy = copy_database(notes, folder)
    part = folder / "databases/notes.sql.part"
    part.symlink_to(folder / "elsewhere") if link else part.write_text("somebody's")

    with pytest.raises(FileExistsError):
        dump_database(copy, folder)

    assert not (folder / "elsewhere").exists()
    assert link or part.read_text() == "somebody's"


def test_a_dump_that_lost_a_row_is_noticed(notes: InspectedDatabase, folder: Path) -> None:
    """The digest of what a dump brings back is taken from the dump itself."""
    copy = dump_database(copy_database(notes, folder), folder)
    dump = folder / copy.dump
    text = dump.read_bytes()
    assert b"'first'" in text
    dump.write_bytes(text.replace(b"'first'", b"'furst'"))

    assert load_contents(dump).digest != copy.digest


def test_a_dump_that_was_cut_off_is_an_error(notes: InspectedDatabase, folder: Path) -> None:
    """It does not count as a smaller database, and the scratch is gone."""
    copy = dump_database(copy_database(notes, folder), folder)
    dump = folder / copy.dump
    dump.write_bytes(dump.read_bytes().partition(b"INSERT INTO")[0] + b"INSERT INTO")

    with pytest.raises(sqlite3.OperationalError, match="middle of a statement"):
        load_contents(dump)

    assert sorted(path.name for path in dump.parent.iterdir()) == ["notes.db", "notes.sql"]


def test_code_is_copied_byte_by_byte(root: Path, folder: Path) -> None:
    """Two files of one name from different folders do not share a copy; line ends and modes are kept."""
    (root / "app/sub").mkdir()
    (root / "app/sub/tasks.py").write_bytes(b"\xef\xbb\xbfother\r")
    (root / "app/sub/tasks.py").chmod(0o500)

    first, second = copy_code(root, ["app/tasks.py", "app/sub/tasks.py"], folder)

    assert (folder / first.copy).read_bytes() == (root / "app/tasks.py").read_bytes()
    assert (folder / second.copy).read_bytes() == b"\xef\xbb\xbfother\r"
    assert (first.file, second.file) == ("app/tasks.py", "app/sub/tasks.py")
    assert (first.mode, second.mode, second.size) == (0o755, 0o500, 9)
    assert second.sha256 == digest_file(root / "app/sub/tasks.py")


def test_sets_stand_beside_each_other_in_a_private_folder(tmp_path: Path) -> None:
    """Which is made with the first, and may be as deep as the plan says."""
    before = os.umask(0)
    for name in ("first", "second"):
        create_backup_set(tmp_path / "deep/backups" / name)
    os.umask(before)

    assert (tmp_path / "deep/backups").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "deep/backups").iterdir()) == ["first", "second"]


def test_a_set_is_new(tmp_path: Path) -> None:
    """A folder of that name, with whatever is in it, is left alone."""
    (tmp_path / "backups/set").mkdir(parents=True)
    (tmp_path / "backups/set/mine").write_text("mine")

    with pytest.raises(FileExistsError):
        create_backup_set(tmp_path / "backups/set")

    assert [path.name for path in (tmp_path / "backups/set").iterdir()] == ["mine"]


def test_what_cannot_be_digested_is_said_in_words(tmp_path: Path) -> None:
    """A look at content never ends in a traceback."""
    (tmp_path / "text.db").write_text("no database, though it is long enough to be one" * 20)

    assert digest_or_reason(tmp_path / "missing.db") == "no such file"
    assert digest_or_reason(tmp_path / "text.db") == "cannot be read (file is not a database)"


def test_a_sidecar_that_sqlite_could_not_remove_is_not_left(tmp_path: Path) -> None:
    """A finished copy needs nothing beside it, so nothing stays there under its unfinished name."""
    part, final = tmp_path / "notes.db.part", tmp_path / "notes.db"
    part.write_bytes(b"pages")
    for suffix in ("-wal", "-shm", "-journal"):
        (tmp_path / f"notes.db.part{suffix}").write_bytes(b"index")

    publish_file(part, final)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


def test_only_what_was_not_finished_is_cleared_away(tmp_path: Path) -> None:
    """Copies stay, whatever their sources are called; what a killed run had begun beside them goes."""
    copies = {"a.db", "a.sql", "b.part.db", "c.sql.reloaded.db"}
    begun = {"a.db.part", "a.db.part-shm", "a.sql.part", "a.sql.reloaded", "a.sql.reloaded-journal"}
    (tmp_path / "databases").mkdir()
    for name in copies | begun:
        (tmp_path / "databases" / name).touch()

    remove_unfinished_copies(tmp_path)

    assert {path.name for path in (tmp_path / "databases").iterdir()} == copies

"""Test that sources are archived without losing a row or overwriting a file."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import archive, manifest
from sqlite_consolidate.engine.backup.copy_contents import KeptReadings
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.content.page_proof.proof import PageProof, prove_pages
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.problem import ProblemError
from tests.support.pages.program import use_pages_for_every_size
from tests.support.workspaces.two_sources import SET, STAMP, execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

ARCHIVED = f"tasks.db.archived_{STAMP}"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Provide an empty ledger."""
    return Ledger(tmp_path)


def archive_of(write_lock: WriteLock, ledger: Ledger) -> None:
    """Archive the locked database."""
    new = write_lock.path.with_name(archive.archived_name(write_lock.path.name, STAMP))
    archive.archive_all([(write_lock, new, f"logs/{write_lock.path.name}")], ledger)
    write_lock.release()


def proof_of(path: Path) -> PageProof:
    """Return what the page reader proves of a database."""
    with closing(open_readonly(path)) as con:
        return prove_pages(path, con, read_schema(con))


def names(root: Path) -> list[str]:
    """Return the names in the folder of the sources."""
    return sorted(path.name for path in (root / "logs").iterdir())


def test_source_is_renamed_to_its_archived_name(root: Path, ledger: Ledger) -> None:
    """The file is the same, the ledger has both events, and no connection holds a lock."""
    path = root / "logs/tasks.db"
    before = (path.stat().st_ino, path.read_bytes())

    archive_of(WriteLock(path), ledger)

    new = root / "logs" / ARCHIVED
    assert names(root) == ["notes.db", "notes.db-wal", ARCHIVED]
    assert (new.stat().st_ino, new.read_bytes()) == before
    assert [(event["event"], event["archive"]) for event in ledger.events()] == [
        ("archiving", ARCHIVED),
        ("archived", ARCHIVED),
    ]
    execute(new, "BEGIN EXCLUSIVE")


def test_archive_has_rows_of_the_wal(root: Path, ledger: Ledger) -> None:
    """SQLite writes the rows of the -wal into the file first, and no sidecar file is left."""
    archive_of(WriteLock(root / "logs/notes.db"), ledger)

    new = root / f"logs/notes.db.archived_{STAMP}"
    assert names(root) == [new.name, "tasks.db"]
    assert execute(new, "SELECT count(*) FROM notes") == [(5,)]


def test_earlier_archive_is_never_overwritten(root: Path, ledger: Ledger) -> None:
    """The existing file and the source stay unchanged."""
    (root / "logs" / ARCHIVED).write_text("an earlier archive")
    write_lock = WriteLock(root / "logs/tasks.db")

    with pytest.raises(ProblemError, match=r"\[archive-name-taken\]$"):
        archive_of(write_lock, ledger)

    write_lock.release()
    assert (root / "logs" / ARCHIVED).read_text() == "an earlier archive"
    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(3,)]
    assert ledger.events() == []


def test_source_that_is_open_is_not_renamed(root: Path, ledger: Ledger) -> None:
    """An idle connection in WAL mode would write into the archive later."""
    with closing(sqlite3.connect(root / "logs/notes.db")) as other:
        other.execute("SELECT count(*) FROM notes").fetchone()
        write_lock = WriteLock(root / "logs/notes.db")

        with pytest.raises(ProblemError, match=r"^notes\.db: .*\[in-use\]$"):
            archive_of(write_lock, ledger)
        write_lock.release()

        assert other.execute("SELECT count(*) FROM notes").fetchone() == (5,)
    assert (root / "logs/notes.db").exists()
    assert ledger.events() == []


def test_late_write_prevents_archiving(root: Path, ledger: Ledger) -> None:
    """Another process writes between the release of the write lock and the exclusive lock."""
    write_lock = WriteLock(root / "logs/tasks.db")

    def write_between(statement: str) -> None:
        if statement == "BEGIN EXCLUSIVE":
            execute(root / "logs/tasks.db", "INSERT INTO tasks(title) VALUES('late')")

    write_lock.writer.set_trace_callback(write_between)

    with pytest.raises(ProblemError, match=r"^tasks\.db: .*\[late-write\]$"):
        archive_of(write_lock, ledger)

    write_lock.writer.set_trace_callback(None)
    write_lock.release()
    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(4,)]
    assert not (root / "logs" / ARCHIVED).exists()


@pytest.mark.parametrize("mode", ["PERSIST", "TRUNCATE"])
def test_persistent_journal_is_deleted_before_archiving(root: Path, ledger: Ledger, mode: str) -> None:
    """These journal modes keep a -journal without content. The ledger names it."""
    with closing(sqlite3.connect(root / "logs/tasks.db", isolation_level=None)) as con:
        con.execute(f"PRAGMA journal_mode={mode}")
        con.execute("INSERT INTO tasks(title) VALUES('four')")
    assert "tasks.db-journal" in names(root)

    archive_of(WriteLock(root / "logs/tasks.db"), ledger)

    assert names(root) == ["notes.db", "notes.db-wal", ARCHIVED]
    assert execute(root / "logs" / ARCHIVED, "SELECT count(*) FROM tasks") == [(4,)]
    assert [event["removed"] for event in ledger.all("settled")] == ["tasks.db-journal"]


def test_archives_of_finished_run_are_restorable(consolidated_copy: Path) -> None:
    """The old names are free, and the archives exist."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None

    archived = archive.archived_observations(root, sealed)
    restorable = archive.restorable_observations(root, sealed, root / SET, KeptReadings())

    assert [observation.holds for observation in (*archived, *restorable)] == [True] * 4


@pytest.mark.parametrize(
    ("name", "observed"),
    [("tasks.db", "tasks.db still exists"), ("tasks.db-wal", "tasks.db-wal"), (f"{ARCHIVED}-journal", "-journal")],
)
def test_file_under_old_name_or_sidecar_is_reported(consolidated_copy: Path, name: str, observed: str) -> None:
    """The observation of its source does not hold."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    (root / "logs" / name).write_text("")

    observations = archive.archived_observations(root, sealed)

    [failed] = [observation for observation in observations if not observation.holds]
    assert failed.subject == "logs/tasks.db"
    assert observed in failed.observed


def test_archive_with_pages_of_its_backup_is_not_copied(
    consolidated_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are known, whatever its name is."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    monkeypatch.delattr(shutil, "copyfile")

    observations = archive.restorable_observations(root, sealed, root / SET, KeptReadings())

    assert [observation.holds for observation in observations] == [True] * 2


def test_archive_with_proved_pages_needs_no_backup(consolidated_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page reader has proved them before the run. Another page is a change."""
    use_pages_for_every_size(monkeypatch)
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    archives = {file: root / name for file, name in sealed.archive.items()}
    proofs = {file: proof_of(path) for file, path in archives.items()}
    monkeypatch.delattr(archive, "recorded_contents")
    monkeypatch.delattr(archive, "read_contents")

    observations = archive.restorable_observations(root, sealed, root / SET, KeptReadings(), proofs=proofs)
    assert [observation.holds for observation in observations] == [True] * 2

    execute(archives["logs/tasks.db"], "DELETE FROM tasks WHERE id = 2")
    with pytest.raises(NameError, match="recorded_contents"):
        next(archive.restorable_observations(root, sealed, root / SET, KeptReadings(), proofs=proofs))


def test_archive_is_judged_without_the_files_beside_it(consolidated_copy: Path) -> None:
    """A -wal would hide that a row is missing."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    path = root / "logs" / ARCHIVED
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL").fetchone()
        con.execute("PRAGMA wal_autocheckpoint=0")
        con.execute("CREATE TABLE spare AS SELECT * FROM tasks WHERE id = 2")
        con.execute("DELETE FROM tasks WHERE id = 2")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.execute("INSERT INTO tasks SELECT * FROM spare")
        con.execute("DROP TABLE spare")

        observations = [*archive.restorable_observations(root, sealed, root / SET, KeptReadings())]

    assert [observation.holds for observation in observations] == [False, True]


def test_changed_broken_or_missing_archive_is_not_restorable(consolidated_copy: Path) -> None:
    """Each observation names the reason."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    execute(root / "logs" / ARCHIVED, "DELETE FROM tasks WHERE id = 2")
    notes = root / f"logs/notes.db.archived_{STAMP}"
    notes.write_bytes(b"x" * 9000)

    changed, broken = archive.restorable_observations(root, sealed, root / SET, KeptReadings())
    notes.unlink()
    _, missing = archive.restorable_observations(root, sealed, root / SET, KeptReadings())

    assert not changed.holds
    assert broken.observed == "cannot be read (file is not a database)"
    assert missing.observed == "no such file"

"""The archive: a source is renamed when nobody else can lose by it, and nothing is ever written over."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import archive, manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.sqlite.write_lock import WriteLock
from sqlite_consolidate.problem import ProblemError
from tests.support.workspaces.two_sources import SET, STAMP, execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

ARCHIVED = f"tasks.db.archived_{STAMP}"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return Ledger(tmp_path)


def archive_of(write_lock: WriteLock, ledger: Ledger) -> None:
    """Archive what the write lock holds."""
    new = write_lock.path.with_name(archive.archived_name(write_lock.path.name, STAMP))
    archive.archive(write_lock, new, ledger, file=f"logs/{write_lock.path.name}")


def names(root: Path) -> list[str]:
    """Name the files of the sources' folder."""
    return sorted(path.name for path in (root / "logs").iterdir())


def test_a_source_gets_its_archived_name(root: Path, ledger: Ledger) -> None:
    """It is the same file, noted before and after, and nobody holds it any more."""
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


def test_rows_of_the_wal_are_in_the_archive(root: Path, ledger: Ledger) -> None:
    """What was only in the -wal moves into the file before the file moves; no sidecar is left under either name."""
    archive_of(WriteLock(root / "logs/notes.db"), ledger)

    new = root / f"logs/notes.db.archived_{STAMP}"
    assert names(root) == [new.name, "tasks.db"]
    assert execute(new, "SELECT count(*) FROM notes") == [(5,)]


def test_an_earlier_archive_is_never_overwritten(root: Path, ledger: Ledger) -> None:
    """A file of that name stays, and so does the source."""
    (root / "logs" / ARCHIVED).write_text("an earlier archive")
    write_lock = WriteLock(root / "logs/tasks.db")

    with pytest.raises(ProblemError, match=r"\[archive-name-taken\]$"):
        archive_of(write_lock, ledger)

    write_lock.release()
    assert (root / "logs" / ARCHIVED).read_text() == "an earlier archive"
    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(3,)]
    assert ledger.events() == []


def test_a_source_that_somebody_has_open_is_not_renamed(root: Path, ledger: Ledger) -> None:
    """An idle connection in WAL mode would go on writing into the archive: it is noticed, and the source stays."""
    with closing(sqlite3.connect(root / "logs/notes.db")) as other:
        other.execute("SELECT count(*) FROM notes").fetchone()
        write_lock = WriteLock(root / "logs/notes.db")

        with pytest.raises(ProblemError, match=r"^notes\.db: .*\[in-use\]$"):
            archive_of(write_lock, ledger)
        write_lock.release()

        assert other.execute("SELECT count(*) FROM notes").fetchone() == (5,)
    assert (root / "logs/notes.db").exists()
    assert ledger.events() == []


def test_a_write_in_the_last_moment_is_noticed(root: Path, ledger: Ledger) -> None:
    """Between giving back the write lock and taking the exclusive one somebody can write: then nothing is renamed."""
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
def test_a_journal_that_an_application_keeps_does_not_matter(root: Path, ledger: Ledger, mode: str) -> None:
    """These journal modes leave a -journal with nothing in it; it goes, and is named in the ledger."""
    with closing(sqlite3.connect(root / "logs/tasks.db", isolation_level=None)) as con:
        con.execute(f"PRAGMA journal_mode={mode}")
        con.execute("INSERT INTO tasks(title) VALUES('four')")
    assert "tasks.db-journal" in names(root)

    archive_of(WriteLock(root / "logs/tasks.db"), ledger)

    assert names(root) == ["notes.db", "notes.db-wal", ARCHIVED]
    assert execute(root / "logs" / ARCHIVED, "SELECT count(*) FROM tasks") == [(4,)]
    assert [event["removed"] for event in ledger.all("settled")] == ["tasks.db-journal"]


def test_what_was_archived_is_seen(consolidated_copy: Path) -> None:
    """After a run old names are free, archives are there and can be restored."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None

    seen = [*archive.archived_observations(root, sealed), *archive.restorable_observations(root, sealed, root / SET)]

    assert len(seen) == 4
    assert all(one.holds for one in seen), seen


@pytest.mark.parametrize(
    ("name", "said"),
    [("tasks.db", "tasks.db is there"), ("tasks.db-wal", "tasks.db-wal"), (f"{ARCHIVED}-journal", "-journal")],
)
def test_what_lies_under_the_old_name_or_beside_is_seen(consolidated_copy: Path, name: str, said: str) -> None:
    """A file that takes the old name, or stands beside either, is an observation that does not hold."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    (root / "logs" / name).write_text("")

    wrong = [one for one in archive.archived_observations(root, sealed) if not one.holds]

    assert [one.subject for one in wrong] == ["logs/tasks.db"]
    assert said in wrong[0].observed


def test_an_archive_that_lost_its_content_is_not_restorable(consolidated_copy: Path) -> None:
    """A row less, a broken file, and no file at all are each said in words."""
    root = consolidated_copy
    sealed = manifest.read(root / SET)
    assert sealed is not None
    execute(root / "logs" / ARCHIVED, "DELETE FROM tasks WHERE id = 2")
    notes = root / f"logs/notes.db.archived_{STAMP}"
    notes.write_bytes(b"x" * 9000)

    changed, broken = archive.restorable_observations(root, sealed, root / SET)
    notes.unlink()
    missing = archive.restorable_observations(root, sealed, root / SET)[1]

    assert not changed.holds
    assert broken.observed == "cannot be read (file is not a database)"
    assert missing.observed == "no such file"

"""Specify which databases and changes of databases are found."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps.database_watch import (
    DatabaseChange,
    compare_fingerprints,
    fingerprint_databases,
    quarantine_databases,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


def make(path: Path, journal_mode: str = "delete") -> Path:
    """Create a database with one table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    execute(path, f"pragma journal_mode={journal_mode}", "create table tasks (id)")
    return path


def execute(path: Path, *statements: str) -> None:
    """Do what an application does, and close the database."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def identity(path: Path) -> tuple[int, int]:
    """Return the device and inode of a file."""
    status = path.stat()
    return status.st_dev, status.st_ino


def files(root: Path, skip: frozenset[Path] = frozenset()) -> list[str]:
    """Return the names of the databases that are found."""
    return sorted(fingerprint_databases(root, never_open=frozenset(), skip=skip))


def test_a_database_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Its name and folder do not matter, and a database name alone is not enough."""
    make(tmp_path / "workspace.db")
    make(tmp_path / "deep" / "er" / "state")
    (tmp_path / "notes.db").write_text("a text with the wrong name")
    (tmp_path / "short").write_bytes(b"SQLite")

    assert files(tmp_path) == ["deep/er/state", "workspace.db"]


def test_an_empty_file_is_known_by_its_name(tmp_path: Path) -> None:
    """A connection to a wrong path creates an empty file."""
    for name in ("a.db", "b.sqlite3", "C.DB", "notes.txt", "a.db-journal"):
        (tmp_path / name).touch()

    assert files(tmp_path) == ["C.DB", "a.db", "b.sqlite3"]


def test_what_is_not_the_workspaces_own_is_passed_over(tmp_path: Path) -> None:
    """Tools have their own databases, and links lead outside."""
    for folder in (".git", "web/node_modules/x", "src/__pycache__", "env", "backups", "outside"):
        make(tmp_path / folder / "some.db")
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "link.db").symlink_to("outside/some.db")
    (tmp_path / "link").symlink_to("outside")

    assert files(tmp_path, frozenset({tmp_path / "backups", tmp_path / "not there"})) == ["outside/some.db"]


def test_untouched_workspace_has_no_change(tmp_path: Path) -> None:
    """Fingerprints are equal even if a reader has opened the database meanwhile."""
    path = make(tmp_path / "tasks.db", "wal")
    databases = frozenset({identity(path)})
    before = fingerprint_databases(tmp_path, never_open=databases)

    reader = sqlite3.connect(path)
    reader.execute("select * from tasks")
    during = fingerprint_databases(tmp_path, never_open=databases)
    assert path.with_name("tasks.db-wal").exists()
    reader.close()

    assert compare_fingerprints(before, during) == []
    assert compare_fingerprints(before, fingerprint_databases(tmp_path, never_open=databases)) == []


def test_created_changed_and_removed_databases_are_distinguished(tmp_path: Path) -> None:
    """Each is named by its path in the workspace."""
    changed, removed = make(tmp_path / "changed.db"), make(tmp_path / "removed.db")
    make(tmp_path / "same.db")
    before = fingerprint_databases(tmp_path, never_open=frozenset())

    execute(changed, "insert into tasks values (1)")
    removed.unlink()
    make(tmp_path / "sub" / "workspace.db")

    assert compare_fingerprints(before, fingerprint_databases(tmp_path, never_open=frozenset())) == [
        DatabaseChange("changed.db", "changed"),
        DatabaseChange("removed.db", "removed"),
        DatabaseChange("sub/workspace.db", "created"),
    ]


def test_write_in_wal_only_is_a_change(tmp_path: Path) -> None:
    """The database file itself may be unchanged."""
    path = make(tmp_path / "tasks.db", "wal")
    connection = sqlite3.connect(path, isolation_level=None)
    before = fingerprint_databases(tmp_path, never_open=frozenset({identity(path)}))
    size = path.stat().st_size

    connection.execute("insert into tasks values (1)")
    after = fingerprint_databases(tmp_path, never_open=frozenset({identity(path)}))
    size_after = path.stat().st_size
    connection.close()

    assert size_after == size
    assert compare_fingerprints(before, after) == [DatabaseChange("tasks.db", "changed")]


def test_a_replaced_database_is_a_change(tmp_path: Path) -> None:
    """A copy with the same size and times is another file."""
    path = make(tmp_path / "tasks.db")
    before = fingerprint_databases(tmp_path, never_open=frozenset())

    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").rename(path)

    assert compare_fingerprints(before, fingerprint_databases(tmp_path, never_open=frozenset())) == [
        DatabaseChange("tasks.db", "changed")
    ]


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_fingerprints_keep_the_locks_of_this_process(tmp_path: Path, journal_mode: str) -> None:
    """A database that this process holds is listed without being opened.

    So its lock still keeps other processes out.
    """
    path = make(tmp_path / "target.db", journal_mode)
    guard = sqlite3.connect(path, isolation_level=None)
    guard.execute("begin immediate")

    fingerprints = fingerprint_databases(tmp_path, never_open=frozenset({identity(path)}))

    writer = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('begin immediate')"
    writing = subprocess.run([sys.executable, "-c", writer], capture_output=True, text=True, check=False)
    guard.close()
    assert list(fingerprints) == ["target.db"]
    assert "database is locked" in writing.stderr


def test_created_database_is_quarantined_and_not_deleted(tmp_path: Path) -> None:
    """It is moved to another folder with the content of its -wal.

    A database that no longer exists is skipped.
    """
    connection = sqlite3.connect(make(tmp_path / "sub" / "second.db", "wal"), isolation_level=None)
    connection.execute("insert into tasks values (1)")
    aside = tmp_path / "aside"

    [sentence] = quarantine_databases(tmp_path, ["sub/second.db", "gone.db"], aside)

    connection.close()
    assert "sub/second.db" in sentence
    assert "into aside" in sentence
    assert list((tmp_path / "sub").iterdir()) == []
    with sqlite3.connect(aside / "sub__second.db") as moved:
        assert moved.execute("select id from tasks").fetchall() == [(1,)]
    moved.close()


def test_database_that_cannot_be_moved_is_reported(tmp_path: Path) -> None:
    """A file of the same name in the other folder is kept."""
    make(tmp_path / "second.db")
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "second.db").write_text("another")

    [sentence] = quarantine_databases(tmp_path, ["second.db"], tmp_path / "aside")

    assert "second.db" in sentence
    assert os.strerror(errno.EEXIST) in sentence
    assert (tmp_path / "aside" / "second.db").read_text() == "another"

"""Specify which changes of files are noticed, and what is written again."""

from __future__ import annotations

import os
import shutil
from collections import ChainMap
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.apps import file_watch
from sqlite_consolidate.engine.apps.file_watch import FileChange, FileWatch
from sqlite_consolidate.engine.apps.kept_files import KeptFiles
from sqlite_consolidate.engine.content.digest import digest_file
from tests.support.database_files import make_database

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Provide a workspace with code, notes, and a backup set."""
    for folder in ("src", "backups/p-1", ".git", ".venv", "src/__pycache__"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    for name in ("src/code.py", "notes.txt", "backups/p-1/copy.db"):
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


def watch(root: Path, *relied_on: str) -> FileWatch:
    """Watch a workspace whose backups are watched only where the run relies on them."""
    digests = ChainMap({name: digest_file(root / name) for name in relied_on})
    return FileWatch(root, skip=["backups"], relied_on=digests)


def test_each_kind_of_change_is_noticed_once(root: Path) -> None:
    """A change belongs to the period in which it happened."""
    files = watch(root, "src/code.py")

    (root / "src/code.py").write_text("old\n")
    (root / "notes.txt").unlink()
    (root / "src/new.txt").write_text("new\n")

    assert files.has_changed()
    assert files.changes() == [
        FileChange("notes.txt", "removed"),
        FileChange("src/code.py", "changed", is_relied_on=True),
        FileChange("src/new.txt", "created"),
    ]
    assert files.changes() == []
    assert not files.has_changed()


def test_same_size_and_time_do_not_hide_a_change(root: Path) -> None:
    """An application can set the time of the last change of a file."""
    files = watch(root)
    status = (root / "notes.txt").stat()

    (root / "notes.txt").write_text("NOTES.TXT\n")
    os.utime(root / "notes.txt", ns=(status.st_atime_ns, status.st_mtime_ns))

    assert files.changes() == [FileChange("notes.txt", "changed")]


def test_same_bytes_in_needed_files_are_no_change(root: Path) -> None:
    """A deployment that copies the same code has no effect."""
    files = watch(root, "src/code.py", "backups/p-1/copy.db")

    for name in ("src/code.py", "backups/p-1/copy.db"):
        shutil.copy(root / name, root / "notes.txt")
        shutil.copy(root / "notes.txt", root / name)

    assert [change.file for change in files.changes()] == ["notes.txt"]


def test_folders_of_tools_and_databases_are_not_watched(root: Path) -> None:
    """Databases are watched by their rows."""
    files = watch(root)

    for name in (".git/index", ".venv/lib.py", "src/__pycache__/code.pyc", "backups/p-1/copy.db", "src/x.db-journal"):
        (root / name).write_text("new\n")
    make_database(root / "src/new.db")

    assert files.changes() == []


def test_large_file_is_read_only_if_its_status_changed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of a database may have gigabytes."""
    monkeypatch.setattr(file_watch, "SMALL", 1)
    digest = digest_file(root / "backups/p-1/copy.db")
    files = watch(root, "backups/p-1/copy.db")
    monkeypatch.setattr(file_watch, "digest_file", pytest.fail)

    assert files.changes() == []
    assert files.is_as_at_first("backups/p-1/copy.db", digest)

    monkeypatch.setattr(file_watch, "digest_file", digest_file)
    (root / "backups/p-1/copy.db").write_text("other\n")
    assert not files.is_as_at_first("backups/p-1/copy.db", digest)
    assert files.changes() == [FileChange("backups/p-1/copy.db", "changed", is_relied_on=True)]


def test_deleted_backup_is_written_again(root: Path) -> None:
    """Its folder is private again. A file that was overwritten cannot be restored."""
    other = root / "backups/p-1/manifest.json"
    other.write_text("{}\n")
    digests = {f"backups/p-1/{name}": digest_file(root / "backups/p-1" / name) for name in ("copy.db", "manifest.json")}
    with closing(KeptFiles(root, digests)) as kept:
        shutil.rmtree(root / "backups")

        assert kept.restore_missing() == list(digests)

        other.write_text("overwritten\n")
        assert kept.restore_missing() == []
    assert (root / "backups/p-1/copy.db").read_text() == "backups/p-1/copy.db\n"
    assert (root / "backups").stat().st_mode & 0o777 == 0o700
    assert (root / "backups/p-1/copy.db").stat().st_mode & 0o777 == 0o600

"""Test which files the inventory finds and which folders it skips."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.copies import ignore_folder
from sqlite_consolidate.engine.backup.ledger import NAME as LEDGER
from sqlite_consolidate.inventory.discovery import discover
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path


def names(root: Path) -> list[str]:
    """Return the paths of all candidates."""
    return [candidate.file for candidate in discover(root).candidates]


def database(path: Path) -> None:
    """Create a small database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    execute(path, "CREATE TABLE t(a); INSERT INTO t VALUES (1)")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Create a git repository that ignores all databases and one folder."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.db\nbuild/\n")
    for file in ("kept/one.db", "build/two.db", "build/deep/three.db"):
        database(tmp_path / file)
    return tmp_path


def test_database_is_found_by_its_header(tmp_path: Path) -> None:
    """Applications name databases freely, and name other files ``.db``."""
    database(tmp_path / "state")
    database(tmp_path / "History.dat")
    (tmp_path / "notes.txt").write_text("SQLite format 3 is a nice thing")

    assert names(tmp_path) == ["History.dat", "state"]


def test_files_named_like_databases_are_candidates_and_sidecars_not(tmp_path: Path) -> None:
    """A sidecar file belongs to its database and is not listed."""
    for name in ("a.db", "b.sqlite3", "c.db.bak", "d.db-wal", "e.db-shm", "f.py", "g.db.archived_20250131_120000"):
        (tmp_path / name).write_bytes(b"x" * 10)

    assert names(tmp_path) == ["a.db", "b.sqlite3", "c.db.bak", "g.db.archived_20250131_120000"]


def test_virtual_environments_and_caches_are_skipped(tmp_path: Path) -> None:
    """Their databases belong to installed packages."""
    for file in ("env/lib/a.db", "node_modules/b.db", "__pycache__/c.db", "data/d.db"):
        database(tmp_path / file)
    (tmp_path / "env" / "pyvenv.cfg").touch()

    assert names(tmp_path) == ["data/d.db"]


def test_ignored_folder_is_skipped_and_reported(repository: Path) -> None:
    """The folder is reported with the number of files that are named like databases."""
    discovery = discover(repository)

    assert [candidate.file for candidate in discovery.candidates] == ["kept/one.db"]
    assert [(folder.folder, folder.databases) for folder in discovery.skipped_folders] == [("build", 2)]


def test_copies_of_a_run_are_not_searched(tmp_path: Path) -> None:
    """The backup of a user beside them is, and so is a folder with other rules of git."""
    for folder in ("set", "set/databases", "copies", "2025-12-31", "old"):
        database(tmp_path / "backups" / folder / "a.db")
    (tmp_path / "backups/set" / LEDGER).touch()
    ignore_folder(tmp_path / "backups/copies")
    (tmp_path / "backups/old/.gitignore").write_text("*.log\n")

    assert names(tmp_path) == ["backups/2025-12-31/a.db", "backups/old/a.db"]
    assert discover(tmp_path).skipped_folders == ()


def test_ignored_workspace_is_searched(repository: Path) -> None:
    """The operator named the workspace."""
    assert names(repository / "build") == ["two.db", "deep/three.db"]


def test_link_is_reported_and_not_followed(tmp_path: Path) -> None:
    """The database of a link may be outside of the workspace."""
    root = tmp_path / "root"
    root.mkdir()
    database(tmp_path / "elsewhere.db")
    (root / "link.db").symlink_to("../elsewhere.db")

    [link] = discover(root).candidates

    assert (link.file, link.is_link) == ("link.db", True)
    assert "../elsewhere.db" in link.unread_reason
    assert not link.is_database

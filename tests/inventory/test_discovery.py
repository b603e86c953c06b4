"""Which files are found, and which folders are not looked into."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.inventory.discovery import discover
from tests.support.whole_run import execute

if TYPE_CHECKING:
    from pathlib import Path


def names(root: Path) -> list[str]:
    """The paths of all candidates."""
    return [candidate.file for candidate in discover(root).candidates]


def database(path: Path) -> None:
    """Make a small database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    execute(path, "CREATE TABLE t(a); INSERT INTO t VALUES (1)")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository that ignores all databases, and a folder."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.db\nbuild/\n")
    for file in ("kept/one.db", "build/two.db", "build/deep/three.db"):
        database(tmp_path / file)
    return tmp_path


def test_a_database_is_found_by_its_header_whatever_its_name(tmp_path: Path) -> None:
    """Applications call their databases what they like, and call .db what is none."""
    database(tmp_path / "state")
    database(tmp_path / "History.dat")
    (tmp_path / "notes.txt").write_text("SQLite format 3 is a nice thing")

    assert names(tmp_path) == ["History.dat", "state"]


def test_what_is_only_named_like_a_database_is_a_candidate_and_a_sidecar_is_not(tmp_path: Path) -> None:
    """It is reported for what it is; a sidecar belongs to its database."""
    for name in ("a.db", "b.sqlite3", "c.db.bak", "d.db-wal", "e.db-shm", "f.py", "g.db.archived_20250131_120000"):
        (tmp_path / name).write_bytes(b"x" * 10)

    assert names(tmp_path) == ["a.db", "b.sqlite3", "c.db.bak", "g.db.archived_20250131_120000"]


def test_virtual_environments_and_caches_are_not_looked_into(tmp_path: Path) -> None:
    """What lies there belongs to somebody's package."""
    for file in ("env/lib/a.db", "node_modules/b.db", "__pycache__/c.db", "data/d.db"):
        database(tmp_path / file)
    (tmp_path / "env" / "pyvenv.cfg").touch()

    assert names(tmp_path) == ["data/d.db"]


def test_a_folder_that_git_ignores_is_passed_over_and_named(repository: Path) -> None:
    """How many files of it are named like databases is told, so that nobody is left wondering."""
    discovery = discover(repository)

    assert [candidate.file for candidate in discovery.candidates] == ["kept/one.db"]
    assert [(folder.folder, folder.databases) for folder in discovery.skipped_folders] == [("build", 2)]


def test_a_workspace_that_git_ignores_is_looked_into(repository: Path) -> None:
    """It was named on purpose."""
    assert names(repository / "build") == ["two.db", "deep/three.db"]


def test_a_link_is_reported_and_not_followed(tmp_path: Path) -> None:
    """Its database may lie anywhere."""
    root = tmp_path / "root"
    root.mkdir()
    database(tmp_path / "elsewhere.db")
    (root / "link.db").symlink_to("../elsewhere.db")

    [link] = discover(root).candidates

    assert link.unread_reason == "a symbolic link to ../elsewhere.db"
    assert not link.is_database

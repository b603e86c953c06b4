"""Specify what git reports about files that are to be changed, without writing anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.git import archive_findings, uncommitted_findings
from tests.support.workspaces.real_project import commit, run_git

if TYPE_CHECKING:
    from pathlib import Path

FILES = ["app/clean.py", "app/edited.py", "app/staged.py", "app/new.py", ".env", "build/made.py"]


def repository(top: Path, inside: str = "") -> Path:
    """Make a repository whose files have the state that their names say.

    Returns the folder in it that holds them.
    """
    root = top / inside
    for folder in ("app", "build"):
        (root / folder).mkdir(parents=True)
    (root / ".gitignore").write_text(".env\n/build/\n")
    for file in FILES:
        (root / file).write_text("x = 1\n")
    (root / "app/new.py").unlink()
    commit(top)
    (root / "app/new.py").write_text("x = 1\n")
    (root / "app/edited.py").write_text("x = 2\n")
    (root / "app/staged.py").write_text("x = 2\n")
    run_git(root, "add", "app/staged.py")
    return root


@pytest.mark.parametrize("inside", ["", "a/sub folder"], ids=["workspace", "subfolder of a repository"])
def test_uncommitted_edits_and_untracked_files_are_findings(tmp_path: Path, inside: str) -> None:
    """A committed file has no finding, and git's own files stay unchanged."""
    root = repository(tmp_path, inside)
    os.utime(root / "app/clean.py", (1, 1))  # which git would note in its index as soon as it looks
    git_files = {path: path.read_bytes() for path in (tmp_path / ".git").rglob("*") if path.is_file()}

    findings = uncommitted_findings(root, FILES)

    assert [(finding.id, finding.subject) for finding in findings] == [
        ("uncommitted-edits", "app/edited.py"),
        ("uncommitted-edits", "app/staged.py"),
        ("untracked-file", "app/new.py"),
        ("untracked-file", ".env"),
        ("untracked-file", "build/made.py"),
    ]
    assert "--exclude=.env" in findings[3].text
    assert {path: path.read_bytes() for path in git_files} == git_files


def test_archive_that_git_would_add_is_a_finding(tmp_path: Path) -> None:
    """An archive that git ignores has none, and neither has that of a tracked database."""
    (tmp_path / "repository/app").mkdir(parents=True)
    (tmp_path / "repository/.gitignore").write_text("*.sqlite3\n")
    (tmp_path / "repository/app/.gitignore").write_text("*.archived_*\n")
    databases = ["ignored.sqlite3", "tracked.db", "untracked.db", "app/ignored.sqlite3", "../outside.db"]
    for database in databases[:2]:
        (tmp_path / "repository" / database).touch()
    commit(tmp_path / "repository")
    archives = {f"repository/{database}": f"repository/{database}.archived_1" for database in databases}

    findings = archive_findings(tmp_path, archives)

    assert [(finding.level, finding.subject) for finding in findings] == [
        ("attention", "repository/ignored.sqlite3.archived_1"),
        ("attention", "repository/untracked.db.archived_1"),
    ]


def test_each_file_is_asked_of_its_own_repository(tmp_path: Path) -> None:
    """A workspace may hold several repositories without being one itself."""
    repository(tmp_path / "one")
    repository(tmp_path / "two")
    run_git(tmp_path / "two", "-c", "user.name=A", "-c", "user.email=a@localhost", "commit", "-qam", "More")

    findings = uncommitted_findings(tmp_path, ["one/app/edited.py", "two/app/edited.py", "two/app/new.py"])

    assert [(finding.id, finding.subject) for finding in findings] == [
        ("uncommitted-edits", "one/app/edited.py"),
        ("untracked-file", "two/app/new.py"),
    ]


def test_missing_git_or_repository_gives_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing git is no problem."""
    (tmp_path / "a.py").write_text("x = 1\n")

    outside = uncommitted_findings(tmp_path, ["a.py"])
    commit(tmp_path)
    (tmp_path / "a.py").write_text("x = 2\n")
    monkeypatch.setenv("PATH", "")

    assert (outside, uncommitted_findings(tmp_path, ["a.py"])) == ([], [])


def test_git_is_not_started_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its start takes as long as a small stage of a run."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho started >> {tmp_path}/calls\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    started = {}
    for folder in ("repository", "bin"):
        uncommitted_findings(tmp_path / folder, ["app.py"])
        started[folder] = (tmp_path / "calls").exists()
        (tmp_path / "calls").unlink(missing_ok=True)

    assert started == {"repository": True, "bin": False}

"""Specify which files of a workspace a pattern of the plan matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files, files_of_patterns
from sqlite_consolidate.plan.model import Leave
from tests.support.workspaces.pattern_plans import plan_of_pattern

if TYPE_CHECKING:
    from pathlib import Path


def files(root: Path, pattern: str, *, target: str = "all.db", reports: Path | None = None) -> list[str]:
    """Return the files of a folder that a pattern of a plan matches."""
    return sorted(files_of_patterns(plan_of_pattern(pattern, target), root, reports=reports).get(pattern, ["none"]))


def create(root: Path, *names: str) -> None:
    """Create empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_files_of_this_tool_are_no_sources(tmp_path: Path) -> None:
    """They are the target, backups, reports and archives."""
    create(tmp_path, "a.db", "all.db", "a.db.archived_20260101_000000", "backups/p-1/x.db", "reports/y.db", "q/b.db")

    assert files(tmp_path, "*") == ["a.db"]
    assert files(tmp_path, "*/*.db", reports=tmp_path / "reports") == ["q/b.db"]
    assert files(tmp_path, "*/*/*.db") == []


def test_files_that_the_plan_leaves_are_no_sources(tmp_path: Path) -> None:
    """A path and a pattern of paths name them."""
    create(tmp_path, "q/a.db", "q/a copy.db", "q/b.db", "q/b copy.db", "q/c.db")
    leave = [Leave(files=("q/* copy.db", "q/c.db"), reason="copies")]

    assert files_of_patterns(plan_of_pattern("q/*.db", leave=leave), tmp_path).keys() == {"q/*.db"}
    assert sorted(files_of_patterns(plan_of_pattern("q/*.db", leave=leave), tmp_path)["q/*.db"]) == ["q/a.db", "q/b.db"]


def test_sidecar_files_and_folders_are_no_sources(tmp_path: Path) -> None:
    """A database that is missing beside a file with its rows is one, so that a run refuses it."""
    create(tmp_path, "a.db", "a.db-wal", "a.db-shm", "a.db-journal", "folder.db/b.txt", "lost.db-wal", "gone.db-shm")

    assert files(tmp_path, "*.db") == ["a.db", "lost.db"]
    assert files(tmp_path, "*.db*") == ["a.db", "lost.db"]


def test_links_out_of_the_workspace_are_left_out(tmp_path: Path) -> None:
    """A link inside the workspace counts, because a run refuses it by its name."""
    root = tmp_path / "workspace"
    create(root, "in/a.db")
    create(tmp_path, "out/b.db")
    (root / "outside").symlink_to(tmp_path / "out")
    (root / "in/b.db").symlink_to(tmp_path / "out/b.db")
    (root / "in/c.db").symlink_to("a.db")

    assert files(root, "*/*.db") == ["in/a.db", "in/c.db"]


def test_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    """A file may have an asterisk in its name."""
    create(tmp_path, "a*.db", "ab.db", "x*/c.db", "xy/c.db")

    assert files(tmp_path, "a*.db") == ["none"]
    assert [source.name for source in expand_by_files(plan_of_pattern("a*.db"), tmp_path).sources] == ["phone"]
    assert files(tmp_path, "x*/?.db") == ["x*/c.db"]


@pytest.mark.parametrize("pattern", ["phones/*.db", "a.db/*.db"])
def test_pattern_in_no_folder_matches_nothing(tmp_path: Path, pattern: str) -> None:
    """A folder of the pattern is missing, or is a file."""
    create(tmp_path, "a.db")

    assert files(tmp_path, pattern) == []

"""Test that all written files are private, and that none is written outside the workspace."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate import ProblemError, consolidate, load_plan, rehearse
from tests.support.database_files import bytes_below
from tests.support.workspaces.one_source import build_one_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace with one source."""
    return build_one_source(tmp_path).root


@pytest.fixture(params=[0, pytest.param(0o777, marks=pytest.mark.thorough)], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let each program choose the modes of its files, or take every permission from them."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_written_files_are_private_whatever_the_umask(root: Path) -> None:
    """Folders have mode 0700 and files 0600, as have the parents of the reports."""
    reports = root.parent / "made/for/reports"
    plan = load_plan(root / "consolidation.toml")
    before = set(root.rglob("*"))

    assert rehearse(plan, workspace=root, reports=reports).accepted
    assert consolidate(plan, workspace=root, reports=reports).accepted

    written = [path for path in root.rglob("*") if path not in before and ".archived_" not in path.name]
    written += [root.parent / "made", *(root.parent / "made").rglob("*")]
    assert {path for path in written if path.is_dir()} >= {reports, root / "backups"}
    written = [path for path in written if not path.is_symlink() and path != root / "main.db"]  # modes of the sources
    modes = {str(path): oct(path.stat().st_mode & 0o777) for path in written}
    assert modes == {str(path): "0o700" if path.is_dir() else "0o600" for path in written}


@pytest.mark.parametrize("rules", ["", "!kept\n"])
def test_git_ignores_nothing_beside_backup_sets(root: Path, rules: str) -> None:
    """Files of the user in that folder stay as they are, and so do rules of git."""
    theirs = {"backups/2025.db": "rows", **({"backups/.gitignore": rules} if rules else {})}
    (root / "backups").mkdir()
    for file, text in theirs.items():
        (root / file).write_text(text)
    subprocess.run(["git", "init", "-q", str(root)], check=True)

    assert consolidate(load_plan(root / "consolidation.toml"), workspace=root, reports=root / "reports").accepted

    command = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=all", "backups"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert {line.removeprefix("?? ") for line in listed.splitlines()} == set(theirs)


@pytest.mark.parametrize("folder", ["backups", "reports"])
def test_folder_that_a_link_leads_outside_is_refused(root: Path, folder: str) -> None:
    """Nothing is written to either place."""
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (root / folder).symlink_to(elsewhere)
    before = bytes_below(root.parent)

    with pytest.raises(ProblemError) as caught:
        consolidate(load_plan(root / "consolidation.toml"), workspace=root, reports=root / "reports")

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("outside", folder)]
    assert bytes_below(root.parent) == before


def test_reports_may_be_named_by_a_parent_folder(root: Path) -> None:
    """Its real path is in the workspace, so its link is refused like any other."""
    (root / "reports").symlink_to(root.parent)
    stated = root.parent / "other" / ".." / root.name / "reports"

    with pytest.raises(ProblemError) as caught:
        consolidate(load_plan(root / "consolidation.toml"), workspace=root, reports=stated)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("outside", "reports")]


@pytest.mark.parametrize("folder", ["backups", "reports"])
@pytest.mark.parametrize("kind", ["file", "circle"])
def test_place_that_can_be_no_folder_is_refused(root: Path, folder: str, kind: str) -> None:
    """A file and a link to itself stay as they are."""
    if kind == "file":
        (root / folder).touch()
    else:
        (root / folder).symlink_to(folder)

    with pytest.raises(ProblemError) as caught:
        consolidate(load_plan(root / "consolidation.toml"), workspace=root, reports=root / "reports")

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("not-a-folder", folder)]
    assert os.path.lexists(root / folder)

"""Run consolidations in another repository, which need not name the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.thorough import thorough
from tests.support.workspaces.installed import copy_package
from tests.support.workspaces.whole_run import DEADLINE, LIGHT, REPOSITORY, Workspace

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = '''"""Runs consolidations of databases from this repository."""

pytest_plugins = ("sqlite_consolidate.pytest_plugin.plugin",)
'''


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return another repository with its own tests, one in a folder named like ours."""
    root = tmp_path / "repository"
    (root / "tests" / "stages").mkdir(parents=True)
    (root / "tests" / "test_theirs.py").write_text("def test_theirs():\n    pass\n")
    (root / "tests" / "stages" / "test_acts.py").write_text("def test_of_a_play():\n    pass\n")
    return root


def pytest_in(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in another repository, with the package laid out as in its wheel."""
    site = root.parent / "site"
    copy_package(REPOSITORY / "migration" / "sqlite_consolidate", site / "sqlite_consolidate")
    copy_package(REPOSITORY / "tests" / "stages", site / "sqlite_consolidate" / "stages")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    environment = os.environ | LIGHT | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )


@pytest.mark.parametrize("conftest", ["", *thorough(CONFTEST)], ids=lambda text: "conftest" if text else "none")
def test_consolidation_runs_from_another_repository(repository: Path, workspace: Workspace, conftest: str) -> None:
    """The package has the stages, and the report is in that repository."""
    (repository / "conftest.py").write_text(conftest)

    ran = pytest_in(repository, "-m", "migrate", "--workspace", str(workspace.root))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Accepted: " in ran.stdout
    assert len(list(repository.glob("reports/*-migrate/audit.html"))) == 1
    assert not (workspace.root / "old.db").exists()


@pytest.mark.thorough
def test_style_option_in_two_words_is_no_test_path(repository: Path, workspace: Workspace) -> None:
    """The root folder stays that repository, and the report has the style."""
    style = workspace.root.parent / "own.css"
    style.write_text("h1 { color: rebeccapurple }\n")

    ran = pytest_in(repository, "-m", "verify", f"--workspace={workspace.root}", "--css", str(style))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    (page,) = repository.glob("reports/*-rehearsal/audit.html")
    assert "rebeccapurple" in page.read_text("utf-8")


@pytest.mark.thorough
def test_bare_pytest_runs_only_the_own_tests(repository: Path, workspace: Workspace) -> None:
    """It migrates nothing, and a folder with the same name as ours belongs to that repository."""
    (repository / "pytest.ini").write_text(f"[pytest]\nworkspace = {workspace.root}\n")
    before = workspace.files()

    ran = pytest_in(repository, "-q")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout
    assert workspace.files() == before

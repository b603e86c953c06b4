"""Compare the files for maintainers and hosts with the project."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

import sqlite_consolidate

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path: Path) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_has_no_more_rights_than_it_needs(path: Path) -> None:
    """Only the job that publishes gets a token, and no script has text of an event in it."""
    workflow = read(path)
    scripts = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]

    assert workflow["permissions"] == {"contents": "read"}
    assert {name for name, job in workflow["jobs"].items() if "permissions" in job} <= {"publish"}
    assert not any("${{" in script for script in scripts)


def test_image_does_not_run_as_root() -> None:
    """The workspace is mounted, so that files of root would stay in it."""
    lines = (ROOT / "docs" / "Dockerfile").read_text("utf-8").splitlines()
    instructions = [line.split()[0] for line in lines if re.match(r"[A-Z]+ ", line)]

    assert instructions.index("USER") < instructions.index("ENTRYPOINT")
    assert len([line for line in lines if not line.startswith("#")]) <= 10


@pytest.mark.thorough
def test_image_has_the_command() -> None:
    """The image is built as its first line says, and knows its version."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Docker daemon answers here")
    name = "sqlite-consolidate-of-a-test"
    subprocess.run(["docker", "build", "-q", "-t", name, "-f", "docs/Dockerfile", "."], cwd=ROOT, check=True)

    ran = subprocess.run(["docker", "run", "--rm", name, "--version"], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout.split()[0]) == (0, "sqlite-consolidate"), ran.stderr


def test_issue_form_asks_for_version_and_workspace() -> None:
    """Both are needed to see what is wrong."""
    form = read(ROOT / ".github" / "ISSUE_TEMPLATE" / "wrong.yml")
    required = {part["id"] for part in form["body"] if part.get("validations", {}).get("required")}

    assert required == {"version", "workspace", "expected"}


def test_changelog_has_a_section_for_this_version() -> None:
    """Below the changes that are not released yet."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert re.findall(r"^## \[(.+)\]", text, re.MULTILINE)[:2] == ["Unreleased", sqlite_consolidate.__version__]


def test_changelog_states_each_change_once() -> None:
    """Two branches that add the same line must not leave it twice."""
    lines = (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()
    entries = Counter(line for line in lines if line.startswith("- "))

    assert [line for line, count in entries.items() if count > 1] == []

"""The examples of use in docs/ do what they say, as far as that can be run here."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.workspaces.whole_run import DEADLINE, LIGHT, REPOSITORY, Workspace

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    """The example for GitHub Actions."""
    workflow: dict[Any, Any] = yaml.safe_load((DOCS / "github-actions.yml").read_text("utf-8"))
    return workflow


def commands(workflow: dict[Any, Any], job: str) -> list[str]:
    """The shell commands of a job."""
    return [step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step]


def here(command: str, workspace: Workspace) -> subprocess.CompletedProcess[str]:
    """Run a command of an example with this interpreter's pytest and this workspace."""
    pytest_here = f"{shlex.quote(sys.executable)} -m pytest -p no:cacheprovider --reports={workspace.reports}"
    command = command.replace(".venv/bin/python ", f"{shlex.quote(sys.executable)} ")
    command = command.replace(".venv/bin/pytest", pytest_here).replace("--plan=consolidation.toml", "")
    command = command.replace("/srv/shop", str(workspace.root)).replace('"$HOME/sqlite-consolidate"', ".")
    environment = os.environ | LIGHT | {"WORKSPACE": str(workspace.root), "VERB": "migrate"}
    return subprocess.run(
        ["sh", "-c", command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def test_nothing_of_a_pull_request_reaches_the_databases(workflow: dict[Any, Any]) -> None:
    """Its plan is checked elsewhere, and their runner takes the default branch only."""
    jobs = workflow["jobs"]
    assert workflow[True]["pull_request"] == {"paths": ["**/consolidation.toml"]}  # YAML reads "on" as true
    assert jobs["check"]["runs-on"] == "ubuntu-latest"
    assert {name: job["if"].split(" && ") for name, job in jobs.items() if "databases" in job["runs-on"]} == {
        "run": [
            "github.event_name == 'workflow_dispatch'",
            "github.ref_name == github.event.repository.default_branch",
        ]
    }


@pytest.mark.thorough
def test_check_of_the_workflow_finds_a_mistake(workflow: dict[Any, Any], workspace: Workspace) -> None:
    """It needs no database."""
    command = commands(workflow, "check")[-1].replace("consolidation.toml", str(workspace.plan))

    right = here(command, workspace)
    workspace.edit("consolidation.toml", "format = 1", "format = 2")
    wrong = here(command, workspace)

    assert (right.returncode, wrong.returncode) == (0, 1), right.stderr + wrong.stderr


def test_migration_is_started_by_hand_and_approved(workflow: dict[Any, Any]) -> None:
    """Its environment requires reviewers, and the verb reaches the script in a variable."""
    assert workflow["jobs"]["run"]["environment"] == "production"
    assert workflow[True]["workflow_dispatch"]["inputs"]["verb"]["options"] == ["verify", "migrate", "rollback"]
    assert "${{" not in "".join(commands(workflow, "run"))


@pytest.mark.thorough
def test_migration_of_the_workflow_is_accepted(workflow: dict[Any, Any], workspace: Workspace) -> None:
    """Its last command runs the verb that was chosen."""
    ran = here(commands(workflow, "run")[-1], workspace)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Accepted" in ran.stdout


def test_the_report_is_kept_whatever_happens(workflow: dict[Any, Any]) -> None:
    """A refused run's report is the one that is needed most."""
    last = workflow["jobs"]["run"]["steps"][-1]

    assert last["uses"].startswith("actions/upload-artifact@")
    assert last["if"] == "always()"
    assert Path(last["with"]["path"]).parts[0] == "reports"


@pytest.mark.thorough
def test_cron_prints_only_problems(workspace: Workspace) -> None:
    """What is printed is mailed."""
    line = (DOCS / "crontab").read_text("utf-8").splitlines()[-1]
    command = line.split(maxsplit=5)[5]
    assert workspace.run("migrate").exit == 0

    right = here(command, workspace)
    workspace.execute("main.db", "DROP TABLE tags")
    wrong = here(command, workspace)

    assert (right.stdout, right.stderr, wrong.stderr) == ("", "", "")
    assert "target-right" in wrong.stdout

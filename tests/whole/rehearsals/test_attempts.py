"""List every earlier run on a workspace in a report, failed ones included."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.whole_run import Before, Workspace

if TYPE_CHECKING:
    from pathlib import Path

ARCHIVED = "archived"


def _kill(_run: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_report_lists_refused_killed_and_accepted_runs(workspace: Workspace) -> None:
    """They are listed oldest first, with their reports. A killed run has the reason."""
    workspace.edit("consolidation.toml", "rows = 3", "rows = 4")
    refused = workspace.run("migrate")
    workspace.edit("consolidation.toml", "rows = 4", "rows = 3")
    killed = workspace.run("migrate", plugin=Before(ARCHIVED, _kill))
    accepted = workspace.run("migrate")

    checked = workspace.run("verify")

    assert refused.evidence["attempts"] == []
    attempts = checked.evidence["attempts"]
    assert [attempt["report"] for attempt in attempts] == [
        ran.folder.name for ran in (refused, killed, accepted) if ran.folder
    ]
    assert [(attempt["verdict"], attempt["exit_code"]) for attempt in attempts[::2]] == [
        ("refused", 4),
        ("accepted", 0),
    ]
    assert attempts[0]["headline"] == refused.evidence["headline"]
    assert (attempts[0]["cut_short"], attempts[2]["cut_short"]) == ("", "")
    assert attempts[1]["finished"] == ""
    assert "its report has no end" in attempts[1]["cut_short"]
    assert "no end, and it was not rolled back yet" in accepted.evidence["attempts"][1]["cut_short"]
    assert [(workspace.root / attempt["backup_set"] / "ledger.jsonl").is_file() for attempt in attempts[1:]] == [
        True,
        True,
    ]


@pytest.mark.thorough
def test_backup_sets_replace_missing_reports(workspace: Workspace) -> None:
    """The record and the ledger of a set are enough to list its run."""
    workspace.run("migrate", plugin=Before(ARCHIVED, _kill))
    accepted = workspace.run("migrate")
    shutil.rmtree(workspace.reports)

    checked = workspace.run("verify")

    undone, stands = checked.evidence["attempts"]
    assert (undone["verdict"], undone["exit_code"], undone["report"]) == ("not shown", None, "")
    assert undone["headline"] == "Rolled back."
    assert (stands["run"], stands["verdict"], stands["report"]) == (accepted.evidence["run"], "accepted", "")
    assert stands["finished"] == accepted.evidence["finished"]


@pytest.mark.thorough
def test_runs_on_another_workspace_are_not_listed(workspace: Workspace, tmp_path: Path) -> None:
    """Both workspaces have the same name and share a reports folder."""
    workspace.run("verify")
    other = Workspace(shutil.copytree(workspace.root, tmp_path / "elsewhere" / "workspace"), workspace.reports)

    ran = other.run("verify")

    assert ran.exit == 0, ran.text
    assert ran.evidence["workspace"]["name"] == "workspace"
    assert ran.evidence["attempts"] == []


def test_a_damaged_report_does_not_hinder_a_run(workspace: Workspace) -> None:
    """Files under a run's name in the reports folder may be anything."""
    for name, text in (("20250101_000000-migrate", "{"), ("20250101_000001-migrate", '{"about": {"run": 7}}')):
        (workspace.reports / name).mkdir(parents=True)
        (workspace.reports / name / "manifest.json").write_text(text)
    (workspace.reports / "20250101_000002-migrate").mkdir()
    (workspace.reports / "20250101_000003-migrate").write_text("a file")

    ran = workspace.run("verify")

    assert ran.exit == 0, ran.text
    assert ran.evidence["attempts"] == []

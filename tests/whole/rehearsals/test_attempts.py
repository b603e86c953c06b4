"""Earlier attempts: a report tells of every run on its workspace before it, above all of those that failed."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

from tests.support.workspaces.whole_run import Before, Workspace

if TYPE_CHECKING:
    from pathlib import Path

ARCHIVED = "archived"


def _kill(_run: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_report_tells_of_refused_killed_and_accepted_runs_before_it(workspace: Workspace) -> None:
    """Oldest first; where to find each; a run that was killed says how one can tell."""
    workspace.edit("consolidation.toml", "rows = 3", "rows = 4")
    refused = workspace.run("migrate")
    workspace.edit("consolidation.toml", "rows = 4", "rows = 3")
    killed = workspace.run("migrate", plugin=Before(ARCHIVED, _kill))
    accepted = workspace.run("migrate")

    checked = workspace.run("verify")

    assert refused.evidence["attempts"] == []
    attempts = checked.evidence["attempts"]
    assert [one["report"] for one in attempts] == [ran.folder.name for ran in (refused, killed, accepted) if ran.folder]
    assert [(one["verdict"], one["exit_code"]) for one in attempts[::2]] == [("refused", 4), ("accepted", 0)]
    assert attempts[0]["headline"] == refused.evidence["headline"]
    assert (attempts[0]["cut_short"], attempts[2]["cut_short"]) == ("", "")
    assert attempts[1]["finished"] == ""
    assert "its report has no end" in attempts[1]["cut_short"]
    assert "no end, and it was not rolled back yet" in accepted.evidence["attempts"][1]["cut_short"]
    assert [(workspace.root / one["backup_set"] / "ledger.jsonl").is_file() for one in attempts[1:]] == [True, True]


def test_without_the_reports_the_backup_sets_still_tell(workspace: Workspace) -> None:
    """Reports are moved or lost; what a set's record and ledger know is in the list all the same."""
    workspace.run("migrate", plugin=Before(ARCHIVED, _kill))
    accepted = workspace.run("migrate")
    shutil.rmtree(workspace.reports)

    checked = workspace.run("verify")

    undone, stands = checked.evidence["attempts"]
    assert (undone["verdict"], undone["exit_code"], undone["report"]) == ("not shown", None, "")
    assert undone["headline"] == "Rolled back."
    assert (stands["run"], stands["verdict"], stands["report"]) == (accepted.evidence["run"], "accepted", "")
    assert stands["finished"] == accepted.evidence["finished"]


def test_runs_on_another_workspace_of_the_same_name_are_not_among_them(workspace: Workspace, tmp_path: Path) -> None:
    """They share a reports folder, and their folders are called alike."""
    workspace.run("verify")
    other = Workspace(shutil.copytree(workspace.root, tmp_path / "elsewhere" / "workspace"), workspace.reports)

    ran = other.run("verify")

    assert ran.exit == 0, ran.text
    assert ran.evidence["workspace"]["name"] == "workspace"
    assert ran.evidence["attempts"] == []


def test_a_damaged_report_does_not_hinder_a_run(workspace: Workspace) -> None:
    """Whatever lies in the reports folder under a run's name, the list does without it."""
    for name, text in (("20250101_000000-migrate", "{"), ("20250101_000001-migrate", '{"about": {"run": 7}}')):
        (workspace.reports / name).mkdir(parents=True)
        (workspace.reports / name / "manifest.json").write_text(text)
    (workspace.reports / "20250101_000002-migrate").mkdir()
    (workspace.reports / "20250101_000003-migrate").write_text("a file")

    ran = workspace.run("verify")

    assert ran.exit == 0, ran.text
    assert ran.evidence["attempts"] == []

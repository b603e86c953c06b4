"""The bundled sample, from end to end, with the commands of the README."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import CRITERIA
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import STAGES
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.sample.build import build
from tests.support.reports.claim_readings import wrong_claims
from tests.support.workspaces.whole_run import CompletedRun, Workspace

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE = {
    "audit.html", "evidence.json", "junit.xml", "summary.txt", "plan.toml", "code.diff", "sql.log", "manifest.json"
}  # fmt: skip

LARGEST_PAGE = 250_000  # characters; a browser opens it without delay, and a reader attaches it to a ticket
OF_ENGINE = BUNDLE - {"audit.html", "junit.xml"}  # these two are written by plugins of pytest


def _sample(tmp_path: Path, *, decisions: bool = False) -> Workspace:
    return Workspace(build(tmp_path / "workspace", decisions=decisions), tmp_path / "reports")


def _demanded(workspace: Workspace, mode: Mode) -> set[str]:
    stages = {stage.id for stage in STAGES if mode in stage.modes}
    smoke = {f"smoke:{test.name}" for test in load(workspace.plan).smoke} if mode != "rollback" else set()
    return {criterion.id for criterion in CRITERIA.values() if criterion.stage.id in stages} | smoke


def _count(database: Path, table: str) -> int:
    with open_for_inspection(database) as con:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _accepted(ran: CompletedRun, workspace: Workspace, mode: Mode, *, bundle: set[str] = BUNDLE) -> None:
    """Assert that a run was accepted, with every criterion shown, and left a whole bundle."""
    assert ran.exit == 0, ran.text
    assert (ran.evidence["mode"], ran.evidence["verdict"]) == (mode, "accepted")
    shown = {entry["id"] for entry in ran.evidence["criteria"] if entry["outcome"] in ("passed", "not required")}
    assert shown == _demanded(workspace, mode)
    assert ran.evidence["not_shown"] == []
    assert set(ran.outcomes.values()) == {"passed"}
    assert ran.folder is not None
    assert {path.name for path in ran.folder.iterdir()} == bundle
    if "audit.html" in bundle:
        page = (ran.folder / "audit.html").read_text("utf-8")
        assert wrong_claims(page, ran.evidence) == {}
        assert len(page) < LARGEST_PAGE
    listed = json.loads((ran.folder / "manifest.json").read_bytes())["files"]
    for name in bundle - {"manifest.json"}:
        assert listed[name]["sha256"] == hashlib.sha256((ran.folder / name).read_bytes()).hexdigest(), name
    assert f"report:     {ran.folder / 'audit.html'}" in ran.text


def test_sample_is_consolidated_and_rolled_back(tmp_path: Path) -> None:
    """The report has every criterion, and afterwards all contents are as before."""
    workspace = _sample(tmp_path)
    contents = workspace.contents()

    migrated = workspace.forked("migrate")
    _accepted(migrated, workspace, Mode.MIGRATE)
    target = workspace.root / "workspace.db"
    assert (_count(target, "tasks"), _count(target, "task_queue_metadata"), _count(target, "proposals")) == (85, 5, 1)

    undone = workspace.run("rollback")
    _accepted(undone, workspace, Mode.ROLLBACK, bundle=OF_ENGINE)
    assert workspace.contents() == contents


@pytest.mark.thorough
def test_sample_is_rehearsed_consolidated_checked_and_rolled_back(tmp_path: Path) -> None:
    """Each command exits with 0, proves its claim, and changes only what it should."""
    workspace = _sample(tmp_path)
    files, contents = workspace.files(), workspace.contents()

    rehearsal = workspace.run("verify")
    _accepted(rehearsal, workspace, Mode.REHEARSAL, bundle=OF_ENGINE)
    assert workspace.files() == files

    migrated = workspace.forked("migrate")  # in an interpreter of its own as well: test_readme.py
    _accepted(migrated, workspace, Mode.MIGRATE)
    consolidated = workspace.files()
    target = workspace.root / "workspace.db"
    assert (_count(target, "tasks"), _count(target, "task_queue_metadata"), _count(target, "proposals")) == (85, 5, 1)
    assert _count(target, "orchestration_decisions") == 0
    assert not (workspace.root / "meridian-core/logs/task_queue.db").exists()
    assert migrated.evidence["rollback"]["drilled"] == rehearsal.evidence["finished"]
    [record] = workspace.root.glob("backups/*/record.json")
    assert json.loads(record.read_bytes()) == migrated.evidence

    again = workspace.run("migrate")
    assert again.exit == 0, again.text
    assert "Already consolidated" in again.text
    assert again.evidence["already"] is True
    assert workspace.files() == consolidated

    checked = workspace.run("verify")
    _accepted(checked, workspace, Mode.CHECK, bundle=OF_ENGINE)
    assert workspace.files() == consolidated

    undone = workspace.run("rollback")
    _accepted(undone, workspace, Mode.ROLLBACK, bundle=OF_ENGINE)
    assert workspace.contents() == contents


@pytest.mark.thorough
def test_the_sample_is_consolidated_with_its_optional_database(tmp_path: Path) -> None:
    """All 72 decisions move, and come back."""
    workspace = _sample(tmp_path, decisions=True)
    contents = workspace.contents()

    migrated = workspace.forked("migrate")
    _accepted(migrated, workspace, Mode.MIGRATE)
    assert _count(workspace.root / "workspace.db", "orchestration_decisions") == 72

    assert workspace.forked("rollback").exit == 0
    assert workspace.contents() == contents

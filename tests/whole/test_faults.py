"""Run the operator's command for a self-test."""

from __future__ import annotations

import subprocess

import pytest

from sqlite_consolidate.engine.run.criteria import CAN_FAIL, FAULTLESS
from sqlite_consolidate.faults.catalogue import faults_of
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.report.statements.faults_table import FAULTS_FILE
from tests.support.fault_trials import NOT_PLANTED, strip
from tests.support.workspaces.one_source import add_chosen_rows, add_derived_data, add_renumbered_tables
from tests.support.workspaces.whole_run import DEADLINE, REPOSITORY, CompletedRun, Workspace


def selftest(workspace: Workspace, *args: str) -> CompletedRun:
    """Run the command of a user, whose trials have their own processes and time."""
    command = workspace.command("selftest", *args)
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=DEADLINE)
    return workspace.ran(done.returncode, done.stdout + done.stderr)


@pytest.mark.thorough
def test_every_planted_fault_is_refused_by_its_criterion(workspace: Workspace) -> None:
    """It exits with 0, lists each fault, and does not change the workspace."""
    add_renumbered_tables(workspace)
    add_derived_data(workspace)
    add_chosen_rows(workspace)
    before = workspace.files()

    ran = selftest(workspace)

    assert ran.exit == 0, ran.text
    assert workspace.files() == before
    assert ran.folder is not None
    table = (ran.folder / FAULTS_FILE).read_text()
    faults = faults_of(load(workspace.plan))
    proven = len({fault.criterion for fault in faults})
    assert table.startswith(f"{proven} criteria, {proven} proven able to fail here.\n")
    listed = sorted(line.split()[0] for line in table.splitlines()[3:])
    assert listed == sorted(fault.criterion.split()[0] for fault in faults)
    assert {line.split()[-1] for line in table.splitlines()[3:]} == {"yes"}
    assert all(line.rstrip() in ran.text for line in table.splitlines())
    shown = {
        (entry["id"], entry["subject"])
        for entry in ran.evidence["criteria"]
        if entry["outcome"] in ("passed", "not required")
    }
    assert shown >= {(CAN_FAIL + fault.criterion, fault.description) for fault in faults}


@pytest.mark.thorough
def test_refused_workspace_proves_nothing(workspace: Workspace) -> None:
    """It exits with 1, names the criteria that refused, and plants no fault."""
    workspace.execute("old.db", "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)")
    before = workspace.files()

    ran = selftest(workspace)

    assert ran.exit == 1, ran.text
    assert ran.failed == {FAULTLESS}
    assert "refused by nothing-left-behind" in ran.text
    assert "0 proven able to fail here" in ran.text
    assert workspace.files() == before


def test_a_finished_consolidation_is_not_selftested(workspace: Workspace) -> None:
    """Exit 4, with what to do instead."""
    assert workspace.run("migrate").exit == 0
    before = workspace.files()

    ran = workspace.forked("selftest")

    assert ran.exit == 4
    assert "consolidated already" in ran.text
    assert not ran.shows_source
    assert workspace.files() == before


@pytest.mark.long
def test_missing_part_of_a_workspace_is_not_proven(workspace: Workspace) -> None:
    """Each fault that cannot be planted has its reason, and none of them passes."""
    strip(workspace)

    ran = selftest(workspace)

    assert ran.exit == 0, ran.text
    lacking = {
        entry["id"]: entry["observed"] for entry in ran.evidence["criteria"] if entry["outcome"] == "not examined"
    }
    assert lacking == NOT_PLANTED
    shown = [entry["id"] for entry in ran.evidence["criteria"] if entry["id"].startswith(CAN_FAIL)]
    number = len(set(shown))
    assert f"{number} criteria, {number - len(NOT_PLANTED)} proven able to fail here" in ran.text

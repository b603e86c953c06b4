"""Test a whole self-test of a workspace, as the operator's command runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.criteria import CAN_FAIL, CRITERIA, FAULTLESS, SMOKE
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.faults.catalogue import faults_of
from sqlite_consolidate.faults.trials.selftest_run import SelftestRun
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.statements.faults_table import faults_table
from sqlite_consolidate.session import Hooks, Session, open_session
from tests.support.fault_trials import NOT_PLANTED, strip, try_fault
from tests.support.workspaces.one_source import (
    add_chosen_rows,
    add_derived_data,
    add_renumbered_tables,
)

if TYPE_CHECKING:
    from tests.support.workspaces.whole_run import Workspace

JUDGED = [id for id in CRITERIA if id != FAULTLESS]
SMOKE_TEST = "the store reads its tasks"


def selftest(workspace: Workspace) -> Session:
    """Run a self-test from its opening to its bundle."""
    session = open_session(
        Settings(workspace.root, workspace.plan, workspace.reports), "selftest", Hooks(selftest=SelftestRun)
    )
    session.prepare()
    run_stages(session.run)
    session.end()
    session.write()
    return session


@pytest.mark.thorough
def test_selftest_notices_every_fault_and_changes_no_file(workspace: Workspace) -> None:
    """The run is accepted, and its table has yes for each fault."""
    add_renumbered_tables(workspace)
    add_derived_data(workspace)
    add_chosen_rows(workspace)
    faults = faults_of(load(workspace.plan))
    before = workspace.files()

    session = selftest(workspace)

    log = session.run.log
    assert session.code is ExitCode.ACCEPTED, [entry for entry in log.evidence() if not entry.holds]
    assert workspace.files() == before
    assert log.mode is Mode.SELFTEST
    passed = {(entry.criterion, entry.subject) for entry in log.evidence() if entry.outcome is Outcome.PASSED}
    assert passed >= {(f"{CAN_FAIL}{fault.criterion}", fault.description) for fault in faults}
    assert log.unanswerable == {}
    lines = faults_table(session.record()).splitlines()
    number = len({fault.criterion for fault in faults})
    assert lines[0] == f"{number} criteria, {number} proven able to fail here."
    assert {line.split()[-1] for line in lines[3:]} == {"yes"}
    assert len(lines[3:]) == len(faults)


@pytest.mark.thorough
def test_selftest_leaves_no_copies(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for temporary files is empty."""
    folder = workspace.reports.parent / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    workspace.execute("old.db", "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)")

    selftest(workspace)

    assert list(folder.iterdir()) == []


@pytest.mark.thorough
def test_workspace_refused_without_a_fault_proves_nothing(workspace: Workspace) -> None:
    """The criterion that failed is named, and no other is examined."""
    workspace.execute("old.db", "CREATE TABLE extra(x); INSERT INTO extra VALUES (1)")
    before = workspace.files()

    session = selftest(workspace)

    log = session.run.log
    assert session.code is ExitCode.FAILED
    assert [id for id in log.results if log.outcome(id) is Outcome.FAILED] == [FAULTLESS]
    assert "nothing-left-behind" in log.results[FAULTLESS].text
    judged = [f"{CAN_FAIL}{id}" for id in (*JUDGED, f"{SMOKE}{SMOKE_TEST}")]
    assert {log.outcome(id) for id in judged} == {Outcome.NOT_EXAMINED}
    assert ", 0 proven able to fail here" in faults_table(session.record())
    assert workspace.files() == before


def test_finished_consolidation_is_not_selftested(workspace: Workspace) -> None:
    """The self-test is refused before anything is copied."""
    assert try_fault(workspace, None).exit is ExitCode.ACCEPTED
    before = workspace.files()

    with pytest.raises(ProblemError) as raised:
        selftest(workspace)

    assert raised.value.ids[0] == "nothing-to-try"
    assert workspace.files() == before


def test_interrupted_selftest_is_not_accepted(workspace: Workspace) -> None:
    """No trial is waited for, and no criterion passes."""
    session = open_session(
        Settings(workspace.root, workspace.plan, workspace.reports), "selftest", Hooks(selftest=SelftestRun)
    )
    session.run.limits.interrupted.set()

    run_stages(session.run)
    session.end()

    assert session.code is ExitCode.FAILED
    assert session.run.log.performed == []
    assert "selftest-interrupted" in session.run.log.errors[0]
    assert session.run.log.results == {}


@pytest.mark.thorough
def test_fault_without_a_place_is_not_proven(workspace: Workspace) -> None:
    """Each criterion without a fault has a reason, and the others pass."""
    strip(workspace)

    session = selftest(workspace)

    assert session.code is ExitCode.ACCEPTED
    assert session.run.log.unanswerable == NOT_PLANTED
    lines = faults_table(session.record()).splitlines()
    assert lines[0] == f"{len(JUDGED)} criteria, {len(JUDGED) - len(NOT_PLANTED)} proven able to fail here."
    assert sum("not planted: " in line for line in lines) == len(NOT_PLANTED)


@pytest.mark.thorough
def test_required_rehearsal_is_made_before_any_fault(workspace: Workspace) -> None:
    """Each migration on a copy finds the report of the rehearsal."""
    workspace.plan.write_text('require_rehearsal = "24h"\n' + workspace.plan.read_text())

    session = selftest(workspace)

    assert session.code is ExitCode.ACCEPTED
    assert len(session.run.log.results[FAULTLESS].evidence) == 6
    assert session.run.log.outcome(f"{CAN_FAIL}rehearsed") is Outcome.PASSED

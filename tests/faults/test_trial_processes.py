"""Test that each trial has its own process, which answers or is ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.faults.catalogue import FAULTS, faults_of
from sqlite_consolidate.faults.trials.trial_process import TrialProcesses
from sqlite_consolidate.plan.loader import load
from tests.support.fault_trials import trial_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.workspaces.whole_run import Workspace

LONG = 60.0  # seconds that no trial of the workspace of one source needs


@pytest.fixture(scope="module")
def processes() -> Iterator[TrialProcesses]:
    """Lend processes for trials and close them afterwards."""
    trial_processes = TrialProcesses()
    yield trial_processes
    trial_processes.close()


def test_trial_plants_the_fault_of_its_number(workspace: Workspace, processes: TrialProcesses) -> None:
    """A fault is sent as a number, because functions of a plan cannot be pickled."""
    faults = faults_of(load(workspace.plan))
    number = next(index for index, fault in enumerate(faults) if fault.criterion == "rows-exact")

    result = processes.run(replace(trial_on(workspace, Mode.MIGRATE), number=number), LONG, lambda: False)

    assert (result.planted, result.exit, result.failed) == (True, ExitCode.FAILED, ("rows-exact",))


@pytest.mark.thorough
def test_next_trial_runs_after_a_timeout(workspace: Workspace, processes: TrialProcesses) -> None:
    """The result has no exit code, so it proves nothing."""
    trial = trial_on(workspace, Mode.MIGRATE)

    ended = processes.run(trial, 0.0, lambda: False)  # no trial has answered by then
    accepted = processes.run(trial, LONG, lambda: False)

    assert (ended.exit, ended.planted) == (None, False)
    assert "0 s" in ended.broken
    assert accepted.exit is ExitCode.ACCEPTED


def test_interrupted_trial_is_ended(workspace: Workspace, processes: TrialProcesses) -> None:
    """The operator does not wait for the trial."""
    result = processes.run(trial_on(workspace, Mode.MIGRATE), LONG, lambda: True)

    assert (result.exit, result.broken) == (None, "interrupted")


@pytest.mark.thorough
def test_result_of_a_broken_trial_names_the_error(workspace: Workspace, processes: TrialProcesses) -> None:
    """An unexpected error is no refusal."""
    result = processes.run(replace(trial_on(workspace, Mode.MIGRATE), number=10 * len(FAULTS)), LONG, lambda: False)

    assert result.exit is None
    assert result.broken.startswith("IndexError")


@pytest.mark.thorough
def test_process_without_an_answer_is_noticed(workspace: Workspace, processes: TrialProcesses) -> None:
    """The exit status is known, and the host goes on."""
    trial = trial_on(workspace, Mode.MIGRATE)

    died = processes.run(replace(trial, output=workspace.root / "nowhere" / "output.txt"), LONG, lambda: False)
    accepted = processes.run(trial, LONG, lambda: False)

    assert (died.exit, accepted.exit) == (None, ExitCode.ACCEPTED)
    assert "(exit status 1)" in died.broken

"""Each trial has a process of its own: it answers, or is ended, and the next one is not concerned."""

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

LONG = 60.0  # seconds that no trial of the small workspace needs


@pytest.fixture
def processes() -> Iterator[TrialProcesses]:
    """Processes for trials, which are gone afterwards."""
    made = TrialProcesses()
    yield made
    made.close()


def test_a_trial_plants_the_fault_of_its_number(workspace: Workspace, processes: TrialProcesses) -> None:
    """The fault is not handed over, because a function of a plan cannot be."""
    faults = faults_of(load(workspace.plan))
    number = next(index for index, fault in enumerate(faults) if fault.criterion == "rows-exact")

    result = processes.run(replace(trial_on(workspace, Mode.MIGRATE), number=number), LONG, lambda: False)

    assert (result.planted, result.exit, result.failed) == (True, ExitCode.FAILED, ("rows-exact",))


def test_a_trial_that_takes_too_long_is_ended_and_the_next_one_runs(
    workspace: Workspace, processes: TrialProcesses
) -> None:
    """It has no exit code, so that it proves nothing."""
    trial = trial_on(workspace, Mode.MIGRATE)

    ended = processes.run(trial, 0.0, lambda: False)  # no trial has answered by then
    accepted = processes.run(trial, LONG, lambda: False)

    assert (ended.exit, ended.planted) == (None, False)
    assert "0 s" in ended.broken
    assert accepted.exit is ExitCode.ACCEPTED


def test_an_interrupted_trial_is_ended(workspace: Workspace, processes: TrialProcesses) -> None:
    """The operator does not wait for it."""
    result = processes.run(trial_on(workspace, Mode.MIGRATE), LONG, lambda: True)

    assert (result.exit, result.broken) == (None, "interrupted")


def test_a_trial_that_breaks_says_by_what(workspace: Workspace, processes: TrialProcesses) -> None:
    """An error that no run foresees is no refusal."""
    result = processes.run(replace(trial_on(workspace, Mode.MIGRATE), number=10 * len(FAULTS)), LONG, lambda: False)

    assert result.exit is None
    assert result.broken.startswith("IndexError")


def test_a_process_that_ends_without_an_answer_is_noticed(workspace: Workspace, processes: TrialProcesses) -> None:
    """Its exit status is known, and the host goes on."""
    trial = trial_on(workspace, Mode.MIGRATE)

    died = processes.run(replace(trial, output=workspace.root / "nowhere" / "output.txt"), LONG, lambda: False)
    accepted = processes.run(trial, LONG, lambda: False)

    assert (died.exit, accepted.exit) == (None, ExitCode.ACCEPTED)
    assert "(1)" in died.broken

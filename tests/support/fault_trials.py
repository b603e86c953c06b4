"""Run trials on the small workspace in this process, as the self-test runs them in processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.faults.trials.trial import Trial, TrialResult
from sqlite_consolidate.faults.trials.trial_run import run_trial
from sqlite_consolidate.plan.loader import load

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.faults.fault import Fault
    from tests.support.whole_run import Workspace


def trial_on(workspace: Workspace, mode: Mode, original: Path | None = None, root: Path | None = None) -> Trial:
    """Describe a trial without a fault on a workspace, which stands for the copy."""
    elsewhere = original or workspace.reports.parent / "original"
    return Trial(
        number=None,
        mode=mode,
        root=root or workspace.root,
        plan_file=workspace.plan,
        reports=workspace.reports,
        original=elsewhere,
        original_plan=elsewhere / workspace.plan.name,
        output=workspace.output,
    )


def try_fault(workspace: Workspace, fault: Fault | None, mode: Mode = Mode.MIGRATE) -> TrialResult:
    """Plant a fault into a run of its mode; one of a finished consolidation has that made before."""
    if fault is not None:
        mode = fault.mode
    root = None
    if mode in (Mode.CHECK, Mode.ROLLBACK, Mode.BUNDLE):
        done = try_fault(workspace, None)
        assert done.exit is ExitCode.ACCEPTED, done
        root = done.folder if mode is Mode.BUNDLE else None
    return run_trial(trial_on(workspace, mode, root=root), load(workspace.plan), fault)

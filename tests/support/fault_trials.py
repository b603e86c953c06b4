"""Run trials on the workspace of one source in this process."""

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
    from tests.support.workspaces.whole_run import Workspace

# The criteria of a stripped workspace for which no fault can be planted.
NOT_PLANTED = {
    "can-fail:rows-as-stated": "not planted: the plan states no number of rows",
    "can-fail:references-found": "not planted: the plan names no reference",
    "can-fail:references-complete": "not planted: the plan scans no folder",
    "can-fail:indexes-created": "not planted: the plan creates no index",
    "can-fail:rows-expected": "not planted: the plan states no number of rows",
    "can-fail:references-updated": "not planted: the plan rewrites no code",
    "can-fail:no-stale-references": "not planted: the plan scans no folder",
    "can-fail:code-compiles": "not planted: the plan rewrites no Python file",
    "can-fail:logs-clean": "not planted: the plan names no log",
    "can-fail:still-no-stale-references": "not planted: the plan scans no folder",
    "can-fail:keys-mapped": "not planted: the plan gives no row a new key",
    "can-fail:rows-chosen": "not planted: where leaves no row behind; the plan moves no row by where or follows",
    "can-fail:derived-right": "not planted: the plan sets no column again; the plan rebuilds no search index",
    "can-fail:final-references": "not planted: the plan scans no folder",
    "can-fail:references-kept": "not planted: the plan gives no row a new key;"
    " no moved row refers to a row with a value that could be changed",
}


def trial_on(workspace: Workspace, mode: Mode, original: Path | None = None, root: Path | None = None) -> Trial:
    """Describe a trial without a fault on a workspace, which takes the place of the copy."""
    original_root = original or workspace.reports.parent / "original"
    return Trial(
        number=None,
        mode=mode,
        root=root or workspace.root,
        plan_file=workspace.plan,
        reports=workspace.reports,
        original=original_root,
        output=workspace.output,
    )


def try_fault(workspace: Workspace, fault: Fault | None, mode: Mode = Mode.MIGRATE) -> TrialResult:
    """Plant a fault into a run of its mode.

    A fault of a finished consolidation gets that first.
    """
    if fault is not None:
        mode = fault.mode
    root = None
    if mode in (Mode.CHECK, Mode.ROLLBACK, Mode.BUNDLE):
        done = try_fault(workspace, None)
        assert done.exit is ExitCode.ACCEPTED, done
        root = done.folder if mode is Mode.BUNDLE else None
    return run_trial(trial_on(workspace, mode, root=root), load(workspace.plan), fault)


def strip(workspace: Workspace) -> None:
    """Reduce a workspace and its plan to the target and one table to move."""
    text = workspace.plan.read_text()
    workspace.plan.write_text(text[: text.index("[[reference]]")].replace("  rows = 3\n", ""))
    workspace.execute("old.db", "DROP TRIGGER tasks_kept; DROP INDEX tasks_title; DROP TABLE tags")
    workspace.edit("consolidation.toml", '\n  [[source.table]]\n  name = "tags"\n', "")

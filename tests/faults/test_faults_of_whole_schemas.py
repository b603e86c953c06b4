"""Test faults in a workspace whose sources are a pattern, and whose target is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.faults.after_commit import AFTER_COMMIT_FAULTS
from sqlite_consolidate.faults.before_run import BEFORE_RUN_FAULTS
from sqlite_consolidate.faults.trials.trial import judge_fault
from sqlite_consolidate.faults.trials.trial_run import run_trial
from sqlite_consolidate.plan.loader import load
from tests.support.fault_trials import trial_on
from tests.support.thorough import thorough
from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.faults.trials.trial import TrialResult

_PLAN = """\
format = 1
name = "shop"
target = "main.db"
[[source]]
name = "shop"
file = "shops/*.db"
tables = "*"
keys = "renumber"
"""
FAULTS = {fault.description: fault for fault in (*BEFORE_RUN_FAULTS, *AFTER_COMMIT_FAULTS)}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Create two shops with the same key."""
    workspace = Workspace(tmp_path / "workspace", tmp_path / "reports")
    (workspace.root / "shops").mkdir(parents=True)
    workspace.plan.write_text(_PLAN, "utf-8")
    for name in ("a", "b"):
        ddl = "CREATE TABLE customer (id INTEGER PRIMARY KEY, name)"
        execute(workspace.root / f"shops/{name}.db", f"{ddl}; INSERT INTO customer VALUES (1, '{name}')")
    return workspace


def plant(workspace: Workspace, description: str) -> TrialResult:
    """Plant a fault in a migration, as a self-test does."""
    plan = expand_by_files(load(workspace.plan), workspace.root)
    return run_trial(trial_on(workspace, Mode.MIGRATE), plan, FAULTS[description])


def test_lost_file_of_a_new_target_is_noticed(workspace: Workspace) -> None:
    """There is no file from which the row of history could be read."""
    description = "the disk loses the commit"

    result = plant(workspace, description)

    assert (result.failed, judge_fault(FAULTS[description], result).holds) == (("committed",), True)


@pytest.mark.parametrize(
    "description",
    [
        "a source has a table that the plan does not name",
        *thorough("a source is missing", "a row is in the target already"),
    ],
)
def test_fault_without_place_is_not_planted(workspace: Workspace, description: str) -> None:
    """A file of a pattern may be gone, all tables move, and an equal key gets another number."""
    assert plant(workspace, description).skip_reason

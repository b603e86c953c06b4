"""Specify the check of the references that a plan names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.stages import PREFLIGHT
from sqlite_consolidate.observation import Outcome
from tests.support.processes import other_process
from tests.support.workspaces.two_sources import PLAN, a_run, build_two_sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("impatient")
def test_locked_source_is_no_problem_of_absent_references(tmp_path: Path) -> None:
    """A plan without a reference demands none, whatever could be read."""
    root = build_two_sources(tmp_path / "workspace")
    (root / "consolidation.toml").write_text(PLAN.partition("[[reference]]")[0])
    run = a_run(root)

    with other_process(root / "logs/tasks.db", "BEGIN EXCLUSIVE"):
        run.perform(PREFLIGHT)
        outcomes = [run.check(criterion).outcome for criterion in ("plan-valid", "references-found")]
        run.close()

    assert outcomes == [Outcome.PASSED, Outcome.NOT_REQUIRED]
    assert "logs/tasks.db" in run.inspected.unread

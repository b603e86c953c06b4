"""Run consolidations of the small workspace that are killed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.support.processes import die, run_in_child
from tests.support.workspaces.two_sources import CrashingLedger, a_run, consolidate, reach

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.run.stages import Stage


def run_until_killed(root: Path, event: str, times: int) -> None:
    """Consolidate in a process that is killed right before it records the event."""

    def run() -> None:
        crashing_run = a_run(root)
        crashing_run.ledger = CrashingLedger(crashing_run.folder, event, times)
        consolidate(crashing_run)

    assert run_in_child(run) == -signal.SIGKILL


def die_after(root: Path, stage: Stage) -> None:
    """Consolidate in a process that is killed after a stage."""

    def run() -> None:
        reach(a_run(root), stage)
        die()

    assert run_in_child(run) == -signal.SIGKILL

"""Sets: the backup sets of a plan, what state each is in, and the way on after a run that was cut short."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine import history, manifest, rollback
from migration.engine.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from migration.engine.manifest import Manifest
    from migration.plan.model import Plan


@dataclass(frozen=True)
class BackupSet:
    """One backup set as it lies in the workspace.

    Attributes:
        folder: Its folder.
        sealed: Its manifest, or None when the run was cut short before it was sealed: nothing had been changed then.
        finished: The run came to its end.
        put_back: It was undone, wholly.
    """

    folder: Path
    sealed: Manifest | None
    finished: bool
    put_back: bool


def backup_sets(root: Path, plan: Plan) -> list[BackupSet]:
    """Return the plan's backup sets, oldest first; what else lies in the folder does not count."""
    found = []
    for folder in sorted((root / plan.backups).glob(f"{plan.name}-*")):
        ledger = Ledger(folder)
        started = next((event for event in ledger.events() if event["event"] == "started"), None)
        if started is None or started.get("plan") != plan.name:
            continue
        events = [event["event"] for event in ledger.events()]
        found.append(BackupSet(folder, manifest.read(folder), "finished" in events, "put-back" in events))
    return found


def last_finished(root: Path, plan: Plan) -> BackupSet | None:
    """Return the backup set of the last consolidation that stands, or None."""
    standing = [one for one in backup_sets(root, plan) if one.finished and not one.put_back]
    return standing[-1] if standing else None


def cut_short(root: Path, plan: Plan) -> list[BackupSet]:
    """Return the sets of runs that neither came to their end nor were undone, newest first: to be undone."""
    return [one for one in reversed(backup_sets(root, plan)) if not one.finished and not one.put_back]


def recover(root: Path, plan: Plan) -> list[str]:
    """Undo what runs that were cut short have left, and say what was done.

    The caller holds the run's lock.

    Raises:
        EngineError: A file is neither as before the run nor as the run left it.
    """
    said = []
    for one in cut_short(root, plan):
        if one.sealed is None:
            shutil.rmtree(one.folder)
            said.append(f"{one.folder.name}: an earlier run was cut short before it changed anything; its set is gone.")
            continue
        done = rollback.put_back(root, one.folder)
        steps = "; ".join(done.steps) or "nothing had been changed"
        said.append(f"{one.folder.name}: an earlier run was cut short; put back first: {steps}.")
    return said


def already_consolidated(root: Path, plan: Plan) -> BackupSet | None:
    """Return the set of the consolidation that stands, if the plan's sources are all archived and the data is in."""
    last = last_finished(root, plan)
    if last is None or last.sealed is None:
        return None
    if any((root / source.file).exists() for source in plan.sources):
        return None
    there = all((root / archived).exists() for archived in last.sealed.archive.values())
    run = last.sealed.run
    return last if there and any(row.run == run for row in history.read_file(root / plan.target)) else None

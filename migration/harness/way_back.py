"""The way back: the rollback of a rehearsal's own run, or of the consolidation that stands in a workspace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from migration.engine import rollback
from migration.engine.processes import holders
from migration.engine.sets import cut_short, last_finished
from migration.harness import interruption
from migration.harness.closing import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.engine.run import Run
    from migration.engine.sets import BackupSet
    from migration.engine.steps import PutBack
    from migration.harness.state import RunState
    from migration.plan.model import Plan


def to_undo(root: Path, plan: Plan) -> BackupSet | None:
    """Return the run that a rollback undoes: one that was cut short, else the last consolidation that stands."""
    sealed = [one for one in cut_short(root, plan) if one.sealed is not None]
    return sealed[0] if sealed else last_finished(root, plan)


class WayBack:
    """Performs one rollback.

    Attributes:
        done: What was put back, once it was.
    """

    def __init__(self, state: RunState, plan: Plan, run: Run | None, say: Callable[[str], None]) -> None:
        self._state, self._plan, self._run, self._say = state, plan, run, say
        self.done: PutBack | None = None

    def perform(self) -> None:
        """Put everything back; a target that was changed since is a refusal, unless it may be discarded."""
        self._say("putting everything back")
        if self._run is not None:
            self.done = self._run.put_back()
            self._state.rollback = {
                "command": command(self._state, "rollback"),
                "drilled": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            return
        state, root = self._state, self._state.settings.workspace
        last = to_undo(root, self._plan)
        if last is None or last.sealed is None:
            pytest.fail("there is no consolidation of this plan to undo", pytrace=False)
        state.backup_set = last.folder.relative_to(root).as_posix()
        self._refuse_when_in_use()
        changed = rollback.changed_since(root, last.folder, state.limits)
        if changed and not state.settings.discard_changes:
            said = "; ".join(f"{self._plan.target}: {one}" for one in changed)
            pytest.fail(
                f"the target was changed since the migration; nothing was put back ({said}). "
                "To put back all the same, say --discard-changes: the target as it is now is kept in the backup set.",
                pytrace=False,
            )
        state.findings += [f"discarded: {one}" for one in changed]
        interruption.ignore(state)  # half-way back is no place to stop
        state.touched = True
        state.put_back = f"Not everything is as it was before the migration: {state.backup_set} has the copies."
        self.done = rollback.put_back(root, last.folder, limits=state.limits)
        state.findings += self.done.steps
        if self.done.holds:
            state.put_back = "Everything is as it was before the migration."

    def _refuse_when_in_use(self) -> None:
        files = [self._state.settings.workspace / self._plan.target]
        found = holders(files).found
        if found:
            said = "; ".join(f"{one.file.name} is open in process {one.pid} ({one.command})" for one in found)
            pytest.fail(f"{said}. Stop it and run again; nothing was put back.", pytrace=False)

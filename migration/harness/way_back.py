"""The way back: the rollback of a rehearsal's own run, or of the consolidation that stands in a workspace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from migration.engine import rollback
from migration.engine.processes import holders
from migration.engine.sets import last_finished

if TYPE_CHECKING:
    from migration.engine.run import Run
    from migration.harness.state import RunState
    from migration.plan.model import Plan


class WayBack:
    """Performs one rollback.

    Attributes:
        done: What was put back, once it was.
    """

    def __init__(self, state: RunState, plan: Plan, run: Run | None) -> None:
        self._state, self._plan, self._run = state, plan, run
        self.done: rollback.PutBack | None = None

    def perform(self) -> None:
        """Put everything back; a target that was changed since is a refusal, unless it may be discarded."""
        if self._run is not None:
            self.done = self._run.put_back()
            self._state.rollback = {
                "command": "pytest -m rollback",
                "drilled": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            return
        state, root = self._state, self._state.settings.workspace
        last = last_finished(root, self._plan)
        if last is None or last.sealed is None:
            pytest.fail("there is no consolidation of this plan to undo", pytrace=False)
        state.backup_set = last.folder.relative_to(root).as_posix()
        self._refuse_when_in_use()
        changed = rollback.changed_since(root, last.folder)
        if changed and not state.settings.discard_changes:
            said = "\n".join(f"{self._plan.target}: {one}" for one in changed)
            pytest.fail(
                f"the target was changed since the migration; nothing was put back:\n{said}\n"
                "To put back all the same, say --discard-changes: the target as it is now is kept in the backup set.",
                pytrace=False,
            )
        state.findings += [f"discarded: {one}" for one in changed]
        state.touched = True
        self.done = rollback.put_back(root, last.folder)
        state.findings += self.done.steps

    def _refuse_when_in_use(self) -> None:
        files = [self._state.settings.workspace / self._plan.target]
        found = holders(files).found
        if found:
            said = "\n".join(f"{one.file.name} is open in process {one.pid} ({one.command})" for one in found)
            pytest.fail(f"{said}\nStop it and run again; nothing was put back.", pytrace=False)

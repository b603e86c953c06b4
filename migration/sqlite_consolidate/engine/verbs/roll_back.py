"""Roll back the last consolidation of a workspace, or a run that was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.backup_set import interrupted_sets, last_finished
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback import rollback
from sqlite_consolidate.engine.backup.rollback.steps import ArchiveChange
from sqlite_consolidate.engine.checks.open_files import unseen_findings
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.run_log import UndoResult
from sqlite_consolidate.engine.run.stages import ROLLBACK
from sqlite_consolidate.engine.sqlite.errors import in_use_problem
from sqlite_consolidate.engine.sqlite.processes import find_holders
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.backup.rollback.steps import RollbackResult
    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.plan.model import Plan


def find_set_to_undo(root: Path, plan: Plan) -> BackupSet | None:
    """Return the backup set of the run that a rollback undoes.

    It is a run that was cut short, or else the last finished consolidation.
    """
    sealed = [backup_set for backup_set in interrupted_sets(root, plan) if backup_set.sealed is not None]
    return sealed[0] if sealed else last_finished(root, plan)


class RollbackRun(Pipeline):
    """Roll back a consolidation.

    Attributes:
        plan: Plan of the consolidation.
        root: The workspace.
        undone: Backup set of the run that is rolled back.
    """

    def __init__(
        self,
        request: RunRequest,
        on_progress: Callable[[str], None] = lambda _words: None,
        *,
        before_acting: Callable[[], None] = lambda: None,
    ) -> None:
        """Find the run that is to be rolled back.

        Args:
            request: Request of the run, with a valid plan.
            on_progress: Called with a short text before each part of a long step.
            before_acting: Called right before the first change, from which on a rollback must not be interrupted.

        Raises:
            ProblemError: There is no run to roll back.
        """
        super().__init__(request, on_progress)
        self.plan = request.valid_plan
        self.root = request.settings.workspace
        self._before_acting = before_acting
        self._result: RollbackResult | None = None
        self._acts = False
        undone = find_set_to_undo(self.root, self.plan)
        if undone is None or undone.sealed is None:
            raise ProblemError(
                Problem(
                    "nothing-to-undo",
                    self.plan.name,
                    "there is no consolidation of this plan to undo.",
                    "Name its plan: --plan FILE.",
                )
            )
        self.undone = undone

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action of the stage, which rolls everything back."""
        return {ROLLBACK: self._put_back}

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check that compares the restored files with their state before the run."""
        return {"restored-exact": lambda: self.rollback_result.observations}

    @property
    def has_acted(self) -> bool:
        """Return whether the first change may have been made."""
        return self._acts

    @property
    def backup_set(self) -> str:
        """Return the path of the backup set, relative to the workspace."""
        return self.undone.folder.relative_to(self.root).as_posix()

    @property
    def rollback_result(self) -> RollbackResult:
        """Return the result of the rollback.

        Raises:
            ProblemError: The rollback was not performed yet.
        """
        if self._result is None:
            raise ProblemError(
                Problem("out-of-order", ROLLBACK.id, "the rollback was not performed.", "Perform the stage first.")
            )
        return self._result

    def roll_back_unless_accepted(self) -> UndoResult | None:
        """Return the result of the rollback.

        A rollback that has begun is never undone.
        """
        if not self._acts:
            return None
        if self._result is not None and self._result.holds:
            return UndoResult("Everything is as it was before the migration.")
        text = f"Not everything is as it was before the migration: {self.backup_set} has the copies."
        return UndoResult(text, complete=False)

    def prepare_connections(self) -> None:
        """Load the function that prepares each connection. Without it the rollback goes on."""
        try:
            super().prepare_connections()
        except ProblemError as error:
            self.log.note(*(Finding.of("setup-failed", each.subject, each.what) for each in error.problems))

    def _put_back(self) -> None:
        self.on_progress("rolling everything back")
        self._require_unused()
        folder, discards = self.undone.folder, self.request.settings.discard_changes
        changed = rollback.changed_since(self.root, folder, self.limits)
        begun = len(Ledger(folder).all("putting-back"))
        try:
            self._result = rollback.roll_back(
                self.root,
                folder,
                limits=self.limits,
                change=ArchiveChange.DISCARDED if discards else ArchiveChange.REFUSED,
                problems=[] if discards else list(self._problems_of_changes(changed)),
                before_acting=self._before_acting,
            )
        finally:
            self._acts = len(Ledger(folder).all("putting-back")) > begun or self._result is not None
        text = "it had changed since the migration."
        self.log.note(*(Finding.of("changes-discarded", self.plan.target, f"{change}.") for change in changed))
        self.log.note(*(Finding.of("changes-discarded", file, text) for file in self._result.discarded))
        self.log.note(*(Finding.of("rollback-step", "", f"{step}.") for step in self._result.steps))

    def _problems_of_changes(self, changed: list[str]) -> Iterator[Problem]:
        """Yield a problem if the target was changed since the migration."""
        if changed:
            fact = f"was changed since the migration ({'; '.join(changed)}). Nothing was rolled back."
            hint = (
                "To roll back anyway, pass --discard-changes. The backup set then keeps the changed target. If you"
                " corrected numbers by hand, discard them, change the plan, and migrate again."
            )
            yield Problem("target-changed", self.plan.target, fact, hint)

    def _require_unused(self) -> None:
        holders = find_holders([self.root / self.plan.target])
        self.log.note(*unseen_findings(holders.unseen))
        if users := holders.entries:
            raise ProblemError(
                *(
                    in_use_problem(
                        user.file.name,
                        f"is open in process {user.pid} ({user.program}). Nothing was rolled back.",
                        "Stop it and run again.",
                    )
                    for user in users
                )
            )

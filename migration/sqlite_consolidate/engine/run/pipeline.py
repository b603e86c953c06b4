"""Perform the stages of a run, check their criteria, and keep the results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.disk_space import full_disk_problem
from sqlite_consolidate.engine.run.criteria import criteria_in, criterion_named
from sqlite_consolidate.engine.run.run_log import RunLog
from sqlite_consolidate.engine.run.stages import stage_named, stages_of
from sqlite_consolidate.engine.sqlite.application.connection_setup import (
    ConnectionSetup,
    ConnectionSetups,
    connections_of,
)
from sqlite_consolidate.engine.sqlite.errors import file_of
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.observation import Observation, not_examined
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from sqlite_consolidate.engine.run.criteria import Criterion
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.run_log import CheckResult, UndoResult
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_consolidate.sqlite_library import sqlite3

Check = Callable[[], Iterable[Observation]]
"""A function that examines a run and returns its observations."""

EXPECTED_ERRORS = (ProblemError, sqlite3.Error, UnicodeDecodeError, OSError)
"""Errors of a step that could not examine or act.

Python cannot decode a message of SQLite about a damaged schema whose names are not UTF-8.
"""


class Pipeline(ABC):
    """Run one mode on one workspace.

    Only :meth:`perform` and :meth:`check` advance the run. Only :meth:`end` ends it: it keeps an accepted result, rolls
    back any other, and releases the resources of the run.

    Attributes:
        request: Request of the run.
        log: Results of the stages and criteria so far.
        on_progress: Called with a short text before each part of a long step.
        connections: The function of the application that prepares each connection, if the plan names one.
        limits: Ends a long statement of this run, and counts how much was read.
    """

    def __init__(self, request: RunRequest, on_progress: Callable[[str], None] = lambda _words: None) -> None:
        self.request = request
        self.on_progress = on_progress
        plan = request.plan
        self.connections = ConnectionSetups()
        self.limits = Limits(reader_seconds=max(Limits.reader_seconds, plan.deadline)) if plan else Limits()
        smoke = [test.name for test in plan.smoke] if plan else []
        self.log = RunLog(
            request.mode,
            criteria={stage.id: criteria_in(stage, smoke) for stage in stages_of(request.mode)},
            disclosure=request.disclosure,
            estimates=request.estimates,
        )

    @property
    @abstractmethod
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action of each stage of the mode."""

    @property
    @abstractmethod
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion that this run can judge."""

    @property
    @abstractmethod
    def has_acted(self) -> bool:
        """Return whether the run has begun to change files, including copies."""

    @property
    def workspace(self) -> Path:
        """Return the folder on which the run works."""
        return self.request.settings.workspace

    def perform(self, stage: Stage) -> None:
        """Perform a stage and keep its result.

        Raises:
            ProblemError: An earlier stage was not performed, or one of its criteria failed or was not checked. Nothing
                was done.
            ProblemError: The stage could not be performed.
            sqlite3.Error: SQLite could not perform a statement of the stage.
            OSError: The operating system refused an operation of the stage.
        """
        self.log.require_ready(stage)
        self.log.begin(stage)
        try:
            with connections_of(self.connections):
                self.prepare_connections()
                self.actions[stage]()
        except EXPECTED_ERRORS as error:
            if self.log.interrupted is None:  # otherwise the signal has ended the statement
                self.log.fail(stage, failure_message(error, self.workspace))
            raise
        self.log.end_performing(stage)

    def check(self, criterion: str) -> CheckResult:
        """Check a criterion of the stage that was performed last, and keep its evidence.

        If a prerequisite does not hold, the check still examines what it can. It can fail then, but not pass.

        Args:
            criterion: Id of the criterion, such as ``"rows-exact"`` or ``"smoke:WMS CLI"``.

        Raises:
            ProblemError: The stage was not performed, or the run has no such criterion.
        """
        stage = self._stage_of(criterion)
        known = criterion_named(criterion)
        blockers = [id for id in known.requires if not self.log.outcome(id).holds]
        reason = f"requires {', '.join(blockers)}, which did not pass"
        blocked = [not_examined("", reason, repeats=True)] if blockers else []
        try:
            with connections_of(self.connections):
                return self.log.add(stage, criterion, chain(self.observations_of(known), blocked))
        except EXPECTED_ERRORS as error:
            if self.log.interrupted is not None:
                raise
            file = file_of(error)
            unexamined = not_examined(file.name if file else "", failure_message(error, self.workspace))
            return self.log.add(stage, criterion, [unexamined, *blocked])

    def observations_of(self, criterion: Criterion) -> Iterable[Observation]:
        """Return the observations of a criterion, or nothing if this run has no check for it."""
        check = self.checks.get(criterion.id)
        return check() if check else ()

    def end(self) -> None:
        """Keep an accepted result or roll back any other, and release all resources.

        The method is idempotent.
        """
        self.limits.interrupted.clear()  # the signal that ended the run must not end its rollback
        try:
            with connections_of(self.connections):
                self.log.rolled_back = self.log.rolled_back or self.roll_back_unless_accepted()
        finally:
            self.close()

    def prepare_connections(self) -> None:
        """Load the function of the plan that prepares each connection, before a stage.

        Raises:
            ProblemError: It cannot be loaded.
        """
        if self.connections.setup is None and self.request.plan is not None:
            self.load_setup(self.request.plan, self.workspace)

    def load_setup(self, plan: Plan, root: Path) -> None:
        """Load the function that a plan names from a workspace, or its copy, and note its digest.

        Raises:
            ProblemError: It cannot be loaded.
        """
        if not plan.connection.setup:
            return
        folders = tuple(plan.connection.path)
        self.connections.setup = setup = ConnectionSetup.load(root, plan.connection.setup, folders)
        text = f"{setup.name} prepares each connection (sha256 of the file: {setup.sha256})."
        self.log.note(Finding.of("setup-used", setup.file, text))

    def roll_back_unless_accepted(self) -> UndoResult | None:
        """Roll back the changes of a run that was not accepted, and return the result.

        Return None if the run made no changes.
        """
        return None

    def close(self) -> None:  # noqa: B027 -- most runs hold nothing
        """Release the resources of the run.

        No change is rolled back.
        """

    def _stage_of(self, criterion: str) -> Stage:
        for stage_id, ids in self.log.criteria.items():
            if criterion not in ids:
                continue
            if stage_id not in self.log.performed:
                raise ProblemError(
                    Problem(
                        "out-of-order",
                        criterion,
                        f"cannot be checked: {stage_id} was not performed.",
                        "Perform the stages in order.",
                    )
                )
            stage = stage_named(stage_id)
            if stage is not None:
                return stage
        raise ProblemError(
            Problem(
                "out-of-order",
                criterion,
                f"is no criterion of a run of mode {self.log.mode}.",
                f"Check one of: {', '.join(id for ids in self.log.criteria.values() for id in ids)}.",
            )
        )


def run_stages(run: Pipeline, check: Callable[[str], object] | None = None) -> None:
    """Perform each stage of a run and check its criteria, until one does not hold.

    The log of the run holds the reason why it stopped.

    Args:
        run: The run.
        check: Called for each criterion instead of :meth:`Pipeline.check`. It has to call that method itself.
    """
    check = check or run.check
    if run.log.already_consolidated:
        return
    for stage in stages_of(run.log.mode):
        try:
            run.perform(stage)
        except EXPECTED_ERRORS:
            return
        for criterion in run.log.demanded(stage):
            check(criterion)
        if run.log.unverified(stage):
            return


def failure_message(error: BaseException, workspace: Path | None = None) -> str:
    """Return the reason of an expected error, or an empty text for any other.

    Any other error needs its traceback.

    Args:
        error: The error.
        workspace: The folder on which the run works. It is the current one if it is None.
    """
    if problem := full_disk_problem(error, workspace or Path()):
        return printable(str(problem))
    if isinstance(error, ProblemError):
        return printable(str(error))
    if isinstance(error, UnicodeDecodeError):
        return printable(f"SQLite reports damage in a text that is not UTF-8 ({error.reason}).")
    if isinstance(error, sqlite3.Error):
        file = file_of(error)
        return printable(f"SQLite reports{f' of {file.name}' if file else ''}: {_stated(error)}.")
    return printable(f"The system reports: {_stated(error)}.") if isinstance(error, OSError) else ""


def _stated(error: BaseException) -> str:
    """Return the text of an error, or the name of its class if it has no text."""
    return str(error) or type(error).__name__

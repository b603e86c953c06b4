"""Take a run through its stages: perform each, check its criteria, keep what they came to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import criteria_in, criterion_named
from sqlite_consolidate.engine.run.run_log import RunLog
from sqlite_consolidate.engine.run.stages import stage_named, stages_of
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.observation import Observation, not_examined
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import printable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.run.criteria import Criterion
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.run_log import CheckResult, UndoResult
    from sqlite_consolidate.engine.run.stages import Stage
else:
    from sqlite_utils.utils import sqlite3

Check = Callable[[], Sequence[Observation]]
"""Looks at a run, and states what it saw."""

EXPECTED_ERRORS = (ProblemError, sqlite3.Error, UnicodeDecodeError, OSError)
"""What a step raises when it could not look or act.

Python cannot decode what SQLite reports of a damaged schema whose names are not UTF-8.
"""


class Pipeline(ABC):
    """One run of one mode.

    :meth:`perform` and :meth:`check` are the only ways forward. :meth:`end` is the only way out: it keeps an accepted
    result, rolls back any other, and releases what the run holds.

    Attributes:
        request: What was asked for.
        log: What the stages and criteria came to so far.
        say: Called with a few words before each part of a long step.
        limits: Ends a long statement of this run, and tells how far its reading has come.
    """

    def __init__(self, request: RunRequest, say: Callable[[str], None] = lambda _words: None) -> None:
        self.request = request
        self.say = say
        self.limits = Limits()
        plan = request.plan
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
        """What each stage of the mode does."""

    @property
    @abstractmethod
    def checks(self) -> dict[str, Check]:
        """The check of each criterion that this run can judge."""

    @property
    @abstractmethod
    def has_acted(self) -> bool:
        """Whether the run has begun to change something, if only on copies."""

    @property
    def workspace(self) -> Path:
        """The folder that the run works on."""
        return self.request.settings.workspace

    def perform(self, stage: Stage) -> None:
        """Perform a stage and keep its result.

        Raises:
            ProblemError: A stage before it was not performed, or a criterion of one does not hold or was not checked;
                nothing was done. Or the stage could not be performed.
            sqlite3.Error: SQLite could not do what the stage needs.
            OSError: The system could not.
        """
        self.log.require_ready(stage)
        self.log.begin(stage)
        try:
            self.actions[stage]()
        except EXPECTED_ERRORS as error:
            if self.log.interrupted is None:  # else it is the statement that the signal has ended
                self.log.fail(stage, failure_message(error))
            raise
        self.log.end_performing(stage)

    def check(self, criterion: str) -> CheckResult:
        """Check a criterion of the stage that was performed last, and keep its evidence.

        A check whose prerequisites do not hold examines what can be examined all the same: it can fail, but not pass.

        Args:
            criterion: Its id, such as ``"rows-exact"`` or ``"smoke:WMS CLI"``.

        Raises:
            ProblemError: Its stage was not performed, or the criterion is none of this run.
        """
        stage = self._stage_of(criterion)
        known = criterion_named(criterion)
        try:
            observations = list(self.look(known))
        except EXPECTED_ERRORS as error:
            if self.log.interrupted is not None:
                raise
            observations = [not_examined("", failure_message(error))]
        blockers = [id for id in known.requires if not self.log.outcome(id).holds]
        if blockers:
            observations.append(not_examined("", f"requires {', '.join(blockers)}, which did not pass"))
        return self.log.add(stage, criterion, observations)

    def look(self, criterion: Criterion) -> Sequence[Observation]:
        """Return what the check of a criterion sees; nothing where this run has none."""
        check = self.checks.get(criterion.id)
        return check() if check else ()

    def end(self) -> None:
        """Keep an accepted result, roll back any other, and release what the run holds; done again, it does nothing."""
        self.limits.interrupted.clear()  # what ended the run must not end its rollback
        try:
            self.log.rolled_back = self.log.rolled_back or self.roll_back_unless_accepted()
        finally:
            self.close()

    def roll_back_unless_accepted(self) -> UndoResult | None:
        """Return what became of the changes of a run that was not accepted; None where there were none."""
        return None

    def close(self) -> None:  # noqa: B027 -- most runs hold nothing
        """Release what the run holds; nothing is undone by this."""

    def _stage_of(self, criterion: str) -> Stage:
        for stage, ids in self.log.criteria.items():
            if criterion not in ids:
                continue
            if stage not in self.log.performed:
                raise ProblemError(
                    Problem(
                        "out-of-order",
                        criterion,
                        f"cannot be checked: {stage} was not performed.",
                        "Perform the stages in order.",
                    )
                )
            found = stage_named(stage)
            if found is not None:
                return found
        raise ProblemError(
            Problem(
                "out-of-order",
                criterion,
                f"is no criterion of a run of mode {self.log.mode}.",
                f"Check one of: {', '.join(id for ids in self.log.criteria.values() for id in ids)}.",
            )
        )


def run_stages(run: Pipeline, check: Callable[[str], object] | None = None) -> None:
    """Perform each stage of a run and check its criteria, as far as they hold; what stops it is in the run's log.

    Args:
        run: The run.
        check: Called for each criterion instead of :meth:`Pipeline.check`, which it has to call itself.
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


def failure_message(error: BaseException) -> str:
    """Return the reason of an error that was foreseen; empty for any other, which needs its traceback."""
    if isinstance(error, ProblemError):
        return printable(str(error))
    if isinstance(error, UnicodeDecodeError):
        return printable(f"SQLite reports damage in words that are not UTF-8 ({error.reason}).")
    if isinstance(error, sqlite3.Error):
        return printable(f"SQLite reports: {_stated(error)}.")
    return printable(f"The system reports: {_stated(error)}.") if isinstance(error, OSError) else ""


def _stated(error: BaseException) -> str:
    """Return the text of an error, or its kind where it has none."""
    return str(error) or type(error).__name__

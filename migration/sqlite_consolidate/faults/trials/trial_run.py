"""Run a trial in this process and plant its fault.

Only the self-test starts a trial. No option and no environment variable can plant a fault into a run.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.pipeline import EXPECTED_ERRORS, failure_message, run_stages
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.faults.catalogue import faults_of
from sqlite_consolidate.faults.fault import Moment, WorkspaceCopy
from sqlite_consolidate.faults.trials.copies import contents, differences
from sqlite_consolidate.faults.trials.trial import TrialResult
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.session import Hooks, Session, open_session

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.run_log import RunLog
    from sqlite_consolidate.faults.fault import Fault, Undo
    from sqlite_consolidate.faults.trials.trial import Trial
    from sqlite_consolidate.plan.model import Plan


@dataclass
class Planter:
    """Check the criteria of a run, and plant a fault right before the check of its criterion.

    Attributes:
        fault: The fault, or None.
        planted: True once the fault was planted.
    """

    fault: Fault | None
    planted: bool = False

    def check(self, run: Pipeline, criterion: str) -> None:
        """Check a criterion, and remove afterwards what no rollback removes.

        Raises:
            ProblemError: The workspace has nothing in which the fault can be planted.
            ProblemError: The stage was not performed.
        """
        fault, undo = self.fault, None
        if fault is not None and fault.moment is Moment.BEFORE_CHECK and fault.criterion == criterion:
            undo = fault.plant_in(run)
            self.planted = True
        try:
            run.check(criterion)
        finally:
            if undo is not None:
                undo()


def answer_trial(trial: Trial, answer: Connection) -> None:
    """Run a trial in this process with its output in a file, and send its result."""
    handle = os.open(trial.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    try:
        plan = expand_by_files(load(trial.plan_file), trial.root, reports=trial.reports)
        result = run_trial(trial, plan, None if trial.number is None else faults_of(plan)[trial.number])
    except BaseException as error:  # noqa: BLE001 -- a failed trial needs an answer too
        traceback.print_exc()
        result = TrialResult(broken=f"{type(error).__name__}: {error}")
    sys.stderr.flush()
    with suppress(BrokenPipeError):  # the process of the self-test has ended
        answer.send(result)


def run_trial(trial: Trial, plan: Plan, fault: Fault | None) -> TrialResult:
    """Plant a fault in a copy or in the run on it, run all stages, and return the result.

    Raises:
        Exception: An error that no run expects. The run was ended before it is raised.
    """
    planter = Planter(fault)
    undo: Undo | None = None
    try:
        if fault is not None and fault.moment is Moment.BEFORE_RUN:
            undo = fault.plant_in(WorkspaceCopy(trial.root, plan, trial.plan_file))
            planter.planted = True
        before = contents(trial.root, plan)
        try:
            result = _run(trial, planter)
        finally:
            if undo is not None:
                undo()
    except ProblemError as error:
        if "not-planted" not in error.ids:
            raise
        return TrialResult(skip_reason=error.problems[0].what)
    changed = tuple(differences(before, contents(trial.root, plan)))
    return replace(result, planted=planter.planted, changed=changed)


def _run(trial: Trial, planter: Planter) -> TrialResult:
    """Open the run, run all stages, and write its bundle."""
    hooks = Hooks(original=trial.original, run_applications=False)
    try:
        session = open_session(trial.settings, trial.mode.verb, hooks)
    except EXPECTED_ERRORS as error:
        return TrialResult(exit=ExitCode.REFUSED, broken=failure_message(error))
    session.prepare()
    code = _run_to_its_end(session, planter)
    session.write()
    return TrialResult(exit=code, failed=_failed(session.run.log), folder=session.request.folder)


def _run_to_its_end(session: Session, planter: Planter) -> ExitCode:
    try:
        run_stages(session.run, lambda criterion: planter.check(session.run, criterion))
    except BaseException:
        session.end(internal=True)
        raise
    return session.end()


def _failed(log: RunLog) -> tuple[str, ...]:
    return tuple(criterion for criterion, result in log.results.items() if result.outcome is Outcome.FAILED)

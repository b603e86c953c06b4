"""Plant every fault into runs on private copies of a workspace, in parallel on all cores."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.workspace_copy import copy_workspace, list_workspace
from sqlite_consolidate.engine.run.criteria import CAN_FAIL, FAULTLESS
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import SELFTEST
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.faults.catalogue import faults_of
from sqlite_consolidate.faults.trials.copies import copy_tree
from sqlite_consolidate.faults.trials.trial import Trial, judge_fault, judge_faultless
from sqlite_consolidate.faults.trials.trial_process import TrialProcesses
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from sqlite_consolidate.engine.backup.copied_files import CopiedFiles
    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage
    from sqlite_consolidate.faults.fault import Fault
    from sqlite_consolidate.faults.trials.trial import TrialResult
    from sqlite_consolidate.observation import Observation

_SECONDS = 60.0  # shortest time limit of a trial; it is ten times that of the run without a fault if that is longer
_FRESH, _REHEARSED, _CONSOLIDATED = "fresh", "rehearsed", "consolidated"  # the copies from which trials are copied


class SelftestRun(Pipeline):
    """Run the self-test of one workspace as a pipeline of one stage.

    Attributes:
        plan: The plan.
        live: The workspace. It is copied once and not read again.
        tried: Each fault, with the result of the run into which it was planted.
    """

    def __init__(self, request: RunRequest, on_progress: Callable[[str], None] = lambda _words: None) -> None:
        """Prepare a self-test, and create an empty private folder for its copies."""
        super().__init__(request, on_progress)
        self.plan = request.valid_plan
        self.plan_file = request.settings.plan
        self.live = request.settings.workspace
        self.tried: list[tuple[Fault, TrialResult]] = []
        self._accepted: list[Observation] = []
        self._resources = ExitStack()
        self._scratch = self._resources.enter_context(scratch_folder("selftest"))
        self._seconds = _SECONDS
        self._cores = os.cpu_count() or 1
        self._idle = deque(TrialProcesses() for _ in range(self._cores))
        self._bundle: Path | None = None

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action that tries every fault."""
        return {SELFTEST: self._try_everything}

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion."""
        judged = {fault.criterion for fault in faults_of(self.plan)}
        can_fail: dict[str, Check] = {f"{CAN_FAIL}{id}": partial(self._can_fail, id) for id in judged}
        return {FAULTLESS: lambda: self._accepted} | can_fail

    @property
    def has_acted(self) -> bool:
        """Return False, because only copies are changed."""
        return False

    def _can_fail(self, criterion: str) -> list[Observation]:
        """Observe for each planted fault of a criterion whether the run failed by that criterion."""
        return [judge_fault(fault, result) for fault, result in self._planted() if fault.criterion == criterion]

    def close(self) -> None:
        """End the processes and remove every copy."""
        for processes in self._idle:
            processes.close()
        self._resources.close()

    def _try_everything(self) -> None:
        """Run without a fault first, and then with each fault if those runs are accepted.

        Raises:
            ProblemError: The disk has no room for the copies, a database is locked, or the operator interrupts.
        """
        files = list_workspace(
            self.plan, self.live, extra_files=(self.plan_file,), reports=self.request.settings.reports
        )
        self._require_space(files)
        self.on_progress(f"copying the workspace ({files})")
        fresh = self._scratch / _FRESH / "root"
        fresh.mkdir(parents=True)
        self.log.note(*copy_workspace(self.plan, self.live, fresh, files=files).findings())
        self.on_progress("a run without a fault")
        self._accepted = self._run_without_faults()
        if all(observation.holds for observation in self._accepted):
            self._plant_each()
        self.log.unanswerable |= self._unplanted_criteria()
        self.log.note(*self._unplanted_faults())

    def _run_without_faults(self) -> list[Observation]:
        """Consolidate a copy, check it and its bundle, and roll it back."""
        accepted = []
        if self.plan.require_rehearsal is not None:
            rehearsed = self._try(None, Mode.REHEARSAL, _FRESH, _REHEARSED)
            accepted.append(judge_faultless("verify, a rehearsal", rehearsed))
        start = time.monotonic()
        consolidated = self._try(None, Mode.MIGRATE, _FRESH, _CONSOLIDATED)
        self._seconds, self._bundle = max(_SECONDS, 10 * (time.monotonic() - start)), consolidated.folder
        accepted.append(judge_faultless("migrate", consolidated))
        accepted.append(judge_faultless("inventory", self._try(None, Mode.INVENTORY, _FRESH, "inventory")))
        if consolidated.exit is ExitCode.ACCEPTED:
            for name, mode in (("verify", Mode.CHECK), ("rollback", Mode.ROLLBACK), ("verify --bundle", Mode.BUNDLE)):
                accepted.append(judge_faultless(name, self._try(None, mode, _CONSOLIDATED, mode)))
        return accepted

    def _plant_each(self) -> None:
        faults = faults_of(self.plan)
        with ThreadPoolExecutor(self._cores) as pool:
            trials = [pool.submit(self._try_fault, number, fault) for number, fault in enumerate(faults)]
            try:
                self.tried = [(fault, self._result(fault, trial)) for fault, trial in zip(faults, trials, strict=True)]
            finally:
                for trial in trials:
                    trial.cancel()

    def _result(self, fault: Fault, trial: Future[TrialResult]) -> TrialResult:
        self.on_progress(fault.name)
        return trial.result()

    def _try_fault(self, number: int, fault: Fault) -> TrialResult:
        name = f"fault-{number}"
        original = _FRESH if fault.mode in (Mode.MIGRATE, Mode.INVENTORY) else _CONSOLIDATED
        try:
            return self._try(number, fault.mode, original, name)
        finally:
            shutil.rmtree(self._scratch / name, ignore_errors=True)

    def _try(self, number: int | None, mode: Mode, original: str, name: str) -> TrialResult:
        """Run a trial on a copy of a workspace, or of a bundle for its check.

        Raises:
            ProblemError: The operator interrupts.
        """
        folder = self._scratch / name
        folder.mkdir()
        bundle = self._bundle if mode is Mode.BUNDLE else None
        copy_tree(bundle or self._scratch / original / "root", folder / "root")
        reports = folder / "reports"
        if self.plan.require_rehearsal is not None and name != _REHEARSED:
            copy_tree(self._scratch / _REHEARSED / "reports", reports)
        reports.mkdir(exist_ok=True)
        trial = Trial(
            number=number,
            mode=mode,
            root=folder / "root",
            plan_file=self._plan_in(folder),
            reports=reports,
            original=self.live,
            output=folder / "output.txt",
        )
        processes = self._idle.pop()  # one for each thread; append and pop of a deque are atomic
        try:
            result = processes.run(trial, self._seconds, self.limits.interrupted.is_set)
        finally:
            self._idle.append(processes)
        if self.limits.interrupted.is_set():
            raise ProblemError(
                Problem(
                    "selftest-interrupted",
                    self.live.name,
                    "the self-test was interrupted. Only copies were changed.",
                    "Run it again.",
                )
            )
        return result

    def _plan_in(self, folder: Path) -> Path:
        """Return the plan in the copy, or a copy of it when it is outside of the workspace."""
        if self.plan_file.is_relative_to(self.live):
            copied_plan = folder / "root" / self.plan_file.relative_to(self.live)
            if copied_plan.is_file():
                return copied_plan
        return Path(shutil.copyfile(self.plan_file, folder / self.plan_file.name))

    def _require_space(self, copied: CopiedFiles) -> None:
        files = [self.plan.target, *(source.file for source in self.plan.sources)]
        size = sum((self.live / file).stat().st_size for file in files if (self.live / file).is_file())
        # A copy, its backup set with dumps, and the growth of the target, for each process and for the two kept copies.
        # A rehearsal and a smoke test that may write copy the workspace again.
        needed = (8 * size + 3 * copied.size) * (self._cores + 2)
        free = shutil.disk_usage(self._scratch).free
        if needed > free:
            parent = self._scratch.parent
            text = f"the copies need about {needed // 1_000_000} MB in {parent}; {free // 1_000_000} MB are free."
            raise ProblemError(
                Problem(
                    "no-room-for-copies",
                    str(self._scratch.parent),
                    text,
                    "Free some space, or set TMPDIR to a larger disk.",
                )
            )

    def _planted(self) -> list[tuple[Fault, TrialResult]]:
        return [(fault, result) for fault, result in self.tried if not result.skip_reason]

    def _unplanted_criteria(self) -> dict[str, str]:
        """Return the criteria for which no fault could be planted, with the reasons."""
        planted = {fault.criterion for fault, _ in self._planted()}
        reasons: dict[str, list[str]] = {}
        for fault, result in self.tried:
            if fault.criterion not in planted:
                reasons.setdefault(fault.criterion, []).append(result.skip_reason)
        return {
            f"{CAN_FAIL}{criterion}": f"not planted: {'; '.join(dict.fromkeys(skip_reasons))}"
            for criterion, skip_reasons in reasons.items()
        }

    def _unplanted_faults(self) -> list[Finding]:
        """Return a finding for each fault that was not planted when others of its criterion were."""
        planted = {fault.criterion for fault, _ in self._planted()}
        return [
            Finding.of("fault-not-planted", fault.name, f"not planted: {result.skip_reason}.")
            for fault, result in self.tried
            if result.skip_reason and fault.criterion in planted
        ]

"""Selftest: every fault is tried on a private copy, in a process of its own, as many at once as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from migration.audit.criteria import CAN_FAIL, FAULTLESS
from migration.audit.evidence import Evidence
from migration.engine.errors import EngineError
from migration.engine.rehearse import copy_workspace, require_complete
from migration.harness.faulted import try_it
from migration.selftest.copies import copied
from migration.selftest.table import faults_of
from migration.selftest.trial import Outcome, Trial, judged

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from migration.plan.model import Plan
    from migration.selftest.fault import Fault, Verb

_SECONDS = 60.0  # that a trial gets at least; and ten times as many as the run without a fault took
_GRACE = 5.0  # seconds that a process gets to end after its answer
_TICK = 0.2  # seconds between two looks at a process


@dataclass
class Selftest:
    """The trials of one workspace.

    Attributes:
        plan: What is to be consolidated; ``plan_file`` is its file.
        live: The workspace; it is copied once, and not looked at again.
        folder: Where pytest was started.
        say: Called with a few words before each part.
        interrupted: Set to end every trial that is under way.
        tried: Each fault, with what became of the run it was planted in.
    """

    plan: Plan
    plan_file: Path
    live: Path
    folder: Path
    say: Callable[[str], None]
    interrupted: threading.Event = field(default_factory=threading.Event)
    tried: list[tuple[Fault, Outcome]] = field(default_factory=list)
    _scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="consolidate-selftest-")).resolve())
    _limit: float = _SECONDS
    _bundle: str = ""

    def without_a_fault(self) -> list[Evidence]:
        """Consolidate a copy, check it, its bundle, and its way back; where that fails a fault would prove nothing.

        Raises:
            EngineError: There is no room for the copies, or a database is locked.
        """
        self._make_room()
        self.say("copying what the plan names")
        root = self._scratch / "fresh" / "root"
        root.mkdir(parents=True)
        require_complete(copy_workspace(self.plan, self.live, root, also=(self.plan_file,)))
        self.say("a run without a fault")
        seen = []
        if self.plan.require_rehearsal is not None:
            seen.append(_faultless("verify, a rehearsal", self._try(None, "verify", "fresh", "rehearsed")))
        began = time.monotonic()
        done = self._try(None, "migrate", "fresh", "consolidated")
        self._limit, self._bundle = max(_SECONDS, 10 * (time.monotonic() - began)), done.bundle
        seen.append(_faultless("migrate", done))
        seen.append(_faultless("inventory", self._try(None, "inventory", "fresh", "taken")))
        if done.exit == 0:
            seen.append(_faultless("verify", self._try(None, "verify", "consolidated", "checked"), only_criteria=True))
            seen.append(_faultless("rollback", self._try(None, "rollback", "consolidated", "back")))
            seen.append(_faultless("verify --bundle", self._try(None, "bundle", "", "looked-at")))
        return seen

    def with_every_fault(self) -> None:
        """Try every fault; what became of them is in :attr:`tried`."""
        faults = faults_of(self.plan)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            trials = [pool.submit(self._with, number, fault) for number, fault in enumerate(faults)]
            try:
                self.tried = [(fault, self._result(fault, trial)) for fault, trial in zip(faults, trials, strict=True)]
            finally:
                for trial in trials:
                    trial.cancel()

    def evidence(self) -> list[Evidence]:
        """Return what is known of each fault that could be planted."""
        return [judged(fault, outcome) for fault, outcome in self.tried if not outcome.lacking]

    def lacking(self) -> dict[str, str]:
        """Return the criteria for which no fault could be planted, and what the workspace lacks for it."""
        could = {fault.criterion for fault, outcome in self.tried if not outcome.lacking}
        found: dict[str, list[str]] = {}
        for fault, outcome in self.tried:
            if fault.criterion not in could:
                found.setdefault(fault.criterion, []).append(outcome.lacking)
        return {CAN_FAIL + one: f"not planted: {'; '.join(dict.fromkeys(why))}" for one, why in found.items()}

    def left_out(self) -> list[str]:
        """Return a sentence for each fault that was not planted although its criterion had others."""
        alone = self.lacking().keys()
        return [
            f"{fault.name}: not planted: {outcome.lacking}."
            for fault, outcome in self.tried
            if outcome.lacking and CAN_FAIL + fault.criterion not in alone
        ]

    def close(self) -> None:
        """Remove every copy."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _result(self, fault: Fault, trial: Future[Outcome]) -> Outcome:
        self.say(fault.name)
        return trial.result()

    def _with(self, number: int, fault: Fault) -> Outcome:
        name = f"fault-{number}"
        whole = "fresh" if fault.verb in ("migrate", "inventory") else "" if fault.verb == "bundle" else "consolidated"
        try:
            return self._try(number, fault.verb, whole, name)
        finally:
            shutil.rmtree(self._scratch / name, ignore_errors=True)

    def _try(self, number: int | None, verb: Verb, whole: str, name: str) -> Outcome:
        """Copy a workspace, or the bundle where ``whole`` is empty, and run a trial on the copy."""
        place = self._scratch / name
        place.mkdir()
        copied(self._scratch / whole / "root" if whole else Path(self._bundle), place / "root")
        reports = place / "reports"
        if self.plan.require_rehearsal is not None and name != "rehearsed":
            copied(self._scratch / "rehearsed" / "reports", reports)
        reports.mkdir(exist_ok=True)
        trial = Trial(
            number=number,
            verb=verb,
            root=place / "root",
            plan_file=self._plan_in(place),
            reports=reports,
            live=self.live,
            live_plan=self.plan_file,
            folder=self.folder,
            output=place / "output.txt",
        )
        return _in_a_process(trial, self._limit, self.interrupted)

    def _plan_in(self, place: Path) -> Path:
        """Return the plan in the copy, or a copy of it where it lies outside of the workspace."""
        if self.plan_file.is_relative_to(self.live):
            inside = place / "root" / self.plan_file.relative_to(self.live)
            if inside.is_file():
                return inside
        return Path(shutil.copyfile(self.plan_file, place / self.plan_file.name))

    def _make_room(self) -> None:
        files = [self.plan.target, *(source.file for source in self.plan.sources)]
        size = sum((self.live / file).stat().st_size for file in files if (self.live / file).is_file())
        # A copy, its backup set with dumps, and what the target gains: for each process, and for the two that stay.
        needed, free = 8 * size * ((os.cpu_count() or 1) + 2), shutil.disk_usage(self._scratch).free
        if needed > free:
            where = self._scratch.parent
            what = f"the copies need about {needed // 1_000_000} MB in {where}, {free // 1_000_000} are free."
            raise EngineError(
                what,
                left="Nothing was changed.",
                todo="Make room, or set TMPDIR to a larger disk.",
                id="no-room-for-copies",
            )


def _in_a_process(trial: Trial, limit: float, interrupted: threading.Event) -> Outcome:
    """Run a trial in a process of its own, which is ended when it takes too long or the selftest is interrupted."""
    # The server of forks is a process without threads, connections and locks, with the imports behind it.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["migration.harness.warmed"])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=try_it, args=(trial, sender), daemon=True)
    process.start()
    sender.close()
    until = time.monotonic() + limit
    try:
        while time.monotonic() < until and not interrupted.is_set():
            if receiver.poll(_TICK):
                outcome: Outcome = receiver.recv()
                process.join(_GRACE)  # it ends by itself now
                return outcome
    except EOFError:  # it died
        return Outcome(exit=-1)
    finally:
        process.kill()
        process.join()
        receiver.close()
    return Outcome()


def _faultless(what: str, outcome: Outcome, *, only_criteria: bool = False) -> Evidence:
    """Return whether a run without a fault refuses nothing; a check in which no application is run has no verdict."""
    refused = f"refused by {', '.join(outcome.failed)}" if outcome.failed else "no criterion refused"
    holds = not outcome.failed and outcome.exit is not None and (outcome.exit == 0 or only_criteria)
    observed = refused if only_criteria else f"exit {outcome.exit}, {refused}"
    todo = "" if holds else "Settle what pytest -m verify says first."
    return Evidence(
        FAULTLESS,
        what,
        "no criterion refused" if only_criteria else "exit 0, no criterion refused",
        observed,
        holds,
        todo,
    )

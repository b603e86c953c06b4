"""Describe one run on a private copy, with or without a fault, and judge its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.faults.fault import ALLOWED_SIGNERS
from sqlite_consolidate.observation import Observation

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.faults.fault import Fault


@dataclass(frozen=True)
class Trial:
    """Hold the input of a trial, which can be sent to another process.

    Attributes:
        number: Index of the fault in the list of the plan, or None for a run without a fault.
        mode: The kind of the run.
        root: The private copy. For the check of a bundle it is the folder with the bundle.
        plan_file: The plan of the copy.
        reports: Folder for the report of the run.
        original: The workspace that was copied. No application of the trial may open it.
        output: File for the output of the process.
    """

    number: int | None
    mode: Mode
    root: Path
    plan_file: Path
    reports: Path
    original: Path
    output: Path

    @property
    def settings(self) -> Settings:
        """Return the settings with which the run is opened."""
        signers = self.root.with_name(ALLOWED_SIGNERS)
        return Settings(
            self.root,
            self.plan_file,
            self.reports,
            copy_of=self.original,
            bundle=self.root if self.mode is Mode.BUNDLE else None,
            allowed_signers=signers if signers.exists() else None,
        )


@dataclass(frozen=True)
class TrialResult:
    """Hold the result of a trial.

    Attributes:
        planted: True if the run reached the moment at which the fault is planted.
        skip_reason: What the workspace lacks for the fault; else empty.
        exit: Exit code of the run, or None when its process failed or was ended.
        failed: Ids of the criteria that failed.
        changed: Files of the copy that differ from before.
        folder: Folder of the report, or None when there is none.
        broken: The error, or why the process was ended, when the run has no exit code.
    """

    planted: bool = False
    skip_reason: str = ""
    exit: ExitCode | None = None
    failed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    folder: Path | None = None
    broken: str = ""


def judge_fault(fault: Fault, result: TrialResult) -> Observation:
    """Observe whether the run failed by the criterion of the fault and changed nothing."""
    codes = " or ".join(str(int(code)) for code in fault.exit_codes)
    undone = ", nothing changed" if fault.is_undone else ""
    noticed = result.planted and result.exit in fault.exit_codes and fault.criterion in result.failed
    holds = noticed and not (fault.is_undone and result.changed)
    hint = "" if holds else "Do not rely on this criterion here. Report it with this bundle."
    expected = f"exit {codes}, refused by {fault.criterion}{undone}"
    return Observation(fault.description, expected, _observed(result), holds, hint)


def judge_faultless(name: str, result: TrialResult) -> Observation:
    """Observe whether a run without a fault was accepted."""
    holds = result.exit is ExitCode.ACCEPTED and not result.failed
    hint = "" if holds else "Fix the problems that a rehearsal reports first."
    return Observation(name, "exit 0, no criterion refused", _ended(result), holds, hint)


def _observed(result: TrialResult) -> str:
    if result.exit is not None and not result.planted:
        return f"{_ended(result)}, before the fault was planted"
    if result.exit is None:
        return _ended(result)
    changed = f"changed: {', '.join(result.changed[:5])}" if result.changed else "nothing changed"
    return f"{_ended(result)}, {changed}"


def _ended(result: TrialResult) -> str:
    if result.exit is None:
        return f"no exit code: {result.broken}"
    refused = f"refused by {', '.join(result.failed)}" if result.failed else "no criterion refused"
    return f"exit {int(result.exit)}, {refused}"

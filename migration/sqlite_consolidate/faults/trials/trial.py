"""Describe one run on a private copy, with a fault or without, and judge what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import Settings
from sqlite_consolidate.observation import Observation

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.faults.fault import Fault


@dataclass(frozen=True)
class Trial:
    """What is to be tried; it can be handed to another process.

    Attributes:
        number: Place of the fault among those of the plan, or None for a run without a fault.
        mode: The kind of the run.
        root: The private copy; of the check of a bundle the folder with the bundle.
        plan_file: The copy's plan.
        reports: Where the run leaves its report.
        original: The workspace that was copy_tree; no application of the trial may open it.
        original_plan: Its plan file.
        output: Where the process of the trial prints.
    """

    number: int | None
    mode: Mode
    root: Path
    plan_file: Path
    reports: Path
    original: Path
    original_plan: Path
    output: Path

    @property
    def settings(self) -> Settings:
        """What the run is opened with."""
        bundle = self.root if self.mode is Mode.BUNDLE else None
        return Settings(self.root, self.plan_file, self.reports, bundle=bundle, copy_of=self.original)


@dataclass(frozen=True)
class TrialResult:
    """What a trial came to.

    Attributes:
        planted: Whether the run came as far as the moment at which the fault is planted.
        skip_reason: What the workspace lacks for the fault to be planted in it; else empty.
        exit: Exit code of the run; None where it has none, because its process broke or was ended.
        failed: Ids of the criteria that failed.
        changed: Names of what in the copy is not as it was before.
        folder: Where the run left its report; None where it left none.
        broken: What broke, or why the process was ended, where the run has no exit code.
    """

    planted: bool = False
    skip_reason: str = ""
    exit: ExitCode | None = None
    failed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    folder: Path | None = None
    broken: str = ""


def judge_fault(fault: Fault, result: TrialResult) -> Observation:
    """Observe whether the run failed by the fault's criterion, and left everything as it was before."""
    codes = " or ".join(str(int(code)) for code in fault.exit_codes)
    undone = ", everything as it was before" if fault.is_undone else ""
    noticed = result.planted and result.exit in fault.exit_codes and fault.criterion in result.failed
    holds = noticed and not (fault.is_undone and result.changed)
    hint = "" if holds else "Do not rely on this criterion here; report it with this bundle."
    expected = f"exit {codes}, refused by {fault.criterion}{undone}"
    return Observation(fault.description, expected, _observed(result), holds, hint)


def judge_faultless(name: str, result: TrialResult) -> Observation:
    """Observe whether a run without a fault was accepted."""
    holds = result.exit is ExitCode.ACCEPTED and not result.failed
    hint = "" if holds else "Settle what pytest -m verify says first."
    return Observation(name, "exit 0, no criterion refused", _ended(result), holds, hint)


def _observed(result: TrialResult) -> str:
    if result.exit is not None and not result.planted:
        return f"{_ended(result)}, before the fault was planted"
    if result.exit is None:
        return _ended(result)
    changed = f"not as before: {', '.join(result.changed[:5])}" if result.changed else "everything as it was before"
    return f"{_ended(result)}, {changed}"


def _ended(result: TrialResult) -> str:
    if result.exit is None:
        return f"no exit code: {result.broken}"
    refused = f"refused by {', '.join(result.failed)}" if result.failed else "no criterion refused"
    return f"exit {int(result.exit)}, {refused}"

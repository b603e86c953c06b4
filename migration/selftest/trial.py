"""Trial: one run on a private copy, with a fault or without, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.audit.criteria import CAN_FAIL
from migration.audit.evidence import Evidence

if TYPE_CHECKING:
    from pathlib import Path

    from migration.selftest.fault import Fault, Verb


@dataclass(frozen=True)
class Trial:
    """What is to be tried; it can be handed to another process.

    Attributes:
        number: Place of the fault among those of the plan, or None for a run without a fault.
        verb: The run: a migration, a check, a rollback, or the check of a bundle.
        root: The private copy; of a bundle's check the folder with the bundle.
        plan_file: The copy's plan.
        reports: Where the run leaves its report.
        live: The workspace itself, which applications must not open; ``live_plan`` is its plan.
        folder: Where pytest is started.
        output: Where what it prints goes.
    """

    number: int | None
    verb: Verb
    root: Path
    plan_file: Path
    reports: Path
    live: Path
    live_plan: Path
    folder: Path
    output: Path


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        planted: Whether the run came as far as to the place where the fault was planted.
        lacking: What the workspace lacks for the fault to be planted in it; else empty.
        exit: What pytest exited with; None: it had to be ended.
        failed: Ids of the criteria that did not hold.
        changed: Names of what in the copy is not as it was before.
        bundle: Where the run left its bundle; empty if it left none.
    """

    planted: bool = False
    lacking: str = ""
    exit: int | None = None
    failed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    bundle: str = ""


def judged(fault: Fault, outcome: Outcome) -> Evidence:
    """Return whether the run has refused by the fault's criterion, and everything is as it was before."""
    undone = fault.verb in ("migrate", "verify")
    expected = f"exit {fault.exit}, refused by {fault.criterion}" + (", everything as it was before" if undone else "")
    holds = outcome.planted and outcome.exit == fault.exit and fault.criterion in outcome.failed
    holds = holds and not (undone and outcome.changed)
    todo = "" if holds else "Do not rely on this criterion here; report it with this bundle."
    return Evidence(f"{CAN_FAIL}{fault.criterion}", fault.does, expected, _observed(outcome), holds, todo)


def _observed(outcome: Outcome) -> str:
    if outcome.exit is None:
        return "it had to be ended, for it took too long"
    if not outcome.planted:
        return f"exit {outcome.exit} before the fault was planted"
    refused = f"refused by {', '.join(outcome.failed)}" if outcome.failed else "no criterion refused"
    changed = f"not as before: {', '.join(outcome.changed[:5])}" if outcome.changed else "everything as it was before"
    return f"exit {outcome.exit}, {refused}, {changed}"

"""In use: whoever else has, or could have, a database of the plan open while the run works on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine import sqlite_errors
from migration.engine.files import is_wal, network, synchronized
from migration.engine.findings import Finding
from migration.engine.observation import counted
from migration.engine.processes import holders
from migration.plan.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from migration.plan.model import Plan


@dataclass(frozen=True)
class InUse:
    """What stands in the way of a migration, and what a reader should know.

    Attributes:
        unseen: Number of processes of other users, which could not be examined.
    """

    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    unseen: int = 0


def in_use(plan: Plan, live: Path, *, rehearsal: bool) -> InUse:
    """Name the processes that have a database open, and the places where other machines could.

    A migration needs the processes stopped; a rehearsal, which works on copies, notes them.
    """
    problems, findings = _places(plan, live)
    others = holders(_databases(plan, live))
    for holder in others.found:
        file, who = _relative(holder.file, live), f"process {holder.pid} ({holder.command})"
        if rehearsal:
            text = f"is open in {who}: stop it before pytest -m migrate."
            findings.append(Finding.of("database-open", file, text))
        else:
            hint = "Stop it and run again; nothing was changed."
            what = f"is open, in use by {who}."
            problems.append(sqlite_errors.in_use(file, what, hint, criterion="no-other-process"))
    if others.unseen:
        findings.append(unexamined(others.unseen))
    return InUse(tuple(problems), tuple(findings), others.unseen)


def unexamined(processes: int) -> Finding:
    """State how many processes could not be examined, because they are those of other users."""
    limit = f"{counted(processes, 'process', 'processes')} of other users could not be examined"
    text = f"{limit}: make sure that none of them uses a database of the workspace."
    return Finding.of("processes-unexamined", "", text, count=processes)


def _places(plan: Plan, live: Path) -> tuple[list[Problem], list[Finding]]:
    """Locks on a network file system do not reach other machines reliably, and shared memory of WAL not at all."""
    problems, findings = [], []
    for path in _databases(plan, live):
        file = _relative(path, live)
        kind = network(path)
        if kind and is_wal(path):
            what = f"is in WAL mode on a network file system ({kind}): who else writes to it cannot be seen."
            todo = "Copy the workspace to a local disk and run there (https://sqlite.org/wal.html#noshm)."
            problems.append(Problem("wal-on-network", file, what, todo, criterion="no-other-process"))
        elif kind:
            text = f"is on a network file system ({kind}): make sure that no other machine uses it."
            findings.append(Finding.of("network-file-system", file, text))
        if service := synchronized(path):
            text = f"is in a folder that {service} synchronizes: stop that for the time of the run."
            findings.append(Finding.of("synchronized-folder", file, text))
    return problems, findings


def _databases(plan: Plan, live: Path) -> list[Path]:
    return [live / file for file in dict.fromkeys([plan.target, *(source.file for source in plan.sources)])]


def _relative(path: Path, live: Path) -> str:
    return path.relative_to(live).as_posix() if path.is_relative_to(live) else path.name

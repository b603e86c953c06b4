"""Find the processes and machines that have, or could have, a database of the plan open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite import errors as sqlite_errors
from sqlite_consolidate.engine.sqlite.files import (
    mounted_file_systems,
    network_file_system,
    synchronized_folder,
    uses_wal,
)
from sqlite_consolidate.engine.sqlite.limits import lift_descriptor_limit
from sqlite_consolidate.engine.sqlite.locks.descriptor_lock import KEPT_READERS, is_lockable_by_descriptor
from sqlite_consolidate.engine.sqlite.processes import find_holders, is_in_container
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.processes import Holder
    from sqlite_consolidate.plan.model import Plan

DATABASE_OPEN = "database-open"
"""Id of the finding that a rehearsal makes of a database that is open in another process."""


_DESCRIPTORS, _DESCRIPTORS_OF_WAL = 4, 8
"""Files that a locked database keeps open: two connections, what SQLite cannot close while they hold a lock, and the
one that its copy is read from.

One of many has a single descriptor.
"""

_OTHER_DESCRIPTORS = 250


@dataclass(frozen=True)
class OpenDatabases:
    """Hold what prevents a migration, and what a person should review.

    Attributes:
        unexamined: Number of processes of other users, which could not be examined.
        processes: Database as the plan spells it, to the processes that have it open, in words.
    """

    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    unexamined: int = 0
    processes: Mapping[str, str] = field(default_factory=dict)

    def merge_problems(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return all problems, with at most one for each open database.

        A database that could not be read because it is locked is open as well: the problem that names the lock also
        names the processes.

        Args:
            problems: Those of the databases that were read, or could not be.
        """
        locked = {problem.subject for problem in problems if sqlite_errors.is_in_use_problem(problem)}
        others = [
            problem
            for problem in self.problems
            if problem.subject not in locked or not sqlite_errors.is_in_use_problem(problem)
        ]
        return [*map(self._with_processes, problems), *others]

    def other_findings(self, problems: Sequence[Problem]) -> list[Finding]:
        """Return the findings that no problem of the same database makes redundant."""
        locked = {problem.subject for problem in problems if sqlite_errors.is_in_use_problem(problem)}
        return [item for item in self.findings if item.id != DATABASE_OPEN or item.subject not in locked]

    def _with_processes(self, problem: Problem) -> Problem:
        processes = self.processes.get(problem.subject) if sqlite_errors.is_in_use_problem(problem) else None
        return replace(problem, what=f"{problem.what} It is open in {processes}.") if processes else problem


def find_open_databases(plan: Plan, live: Path, *, rehearsal: bool) -> OpenDatabases:
    """Find the processes that have a database open, and locations that other machines share.

    A migration needs the processes stopped; a rehearsal, which works on copies, notes them.
    """
    problems, findings = _check_locations(plan, live)
    databases = _databases(plan, live)
    others = find_holders(list(databases))
    users = {
        file: format_processes([holder for holder in others.entries if holder.file == path])
        for path, file in databases.items()
        if any(holder.file == path for holder in others.entries)
    }
    for file, names in users.items():
        if rehearsal:
            text = f"is open in {names}: stop it before the migration."
            findings.append(Finding.of(DATABASE_OPEN, file, text))
        else:
            problems.append(
                sqlite_errors.in_use_problem(file, f"is open, in use by {names}.", criterion="no-other-process")
            )
    findings += unseen_findings(others.unseen)
    return OpenDatabases(tuple(problems), tuple(findings), others.unseen, users)


def find_descriptor_problem(plan: Plan, root: Path) -> Problem | None:
    """Return a problem if this process cannot keep the locks of all databases.

    Otherwise its limit of open files is high enough afterwards.
    """
    singles = {root / plan.target, *(root / source.file for source in plan.sources if not source.is_of_pattern)}
    needed = _OTHER_DESCRIPTORS + KEPT_READERS
    for path in _databases(plan, root):
        if path in singles or not is_lockable_by_descriptor(path):
            needed += _DESCRIPTORS_OF_WAL if uses_wal(path) else _DESCRIPTORS
        else:
            needed += 1
    limit = lift_descriptor_limit(needed)
    if not limit:
        return None
    fact = f"the locks of {len(plan.sources)} databases need {needed} open files, and this process may have {limit}."
    hint = f"Raise the hard limit, such as by ulimit -n {needed} of root, or move the files in several runs."
    return Problem("too-many-files", plan.name, fact, hint, criterion="sources-readable")


def locked_problem(file: str, path: Path) -> Problem:
    """Return the problem that a database is locked, with the processes that have it open."""
    problem = sqlite_errors.in_use_problem(file)
    others = find_holders([path]).entries
    return replace(problem, what=f"{problem.what} It is open in {format_processes(others)}.") if others else problem


def format_processes(users: Sequence[Holder]) -> str:
    """Return processes by id and command, such as ``process 7 (python serve.py)``."""
    names = [f"{user.pid} ({user.program})" for user in users]
    return f"{'process' if len(names) == 1 else 'processes'} {' and '.join(names)}"


def describe_unexamined(processes: int) -> str:
    """Return that processes of other users could not be examined, without a full stop."""
    if processes == 1:
        return "1 process of another user could not be examined"
    return f"{processes} processes of other users could not be examined"


OTHER_CONTAINERS = "processes of other containers cannot be seen"


def unseen_findings(processes: int) -> list[Finding]:
    """Return the findings about processes that may have a database open unseen.

    Args:
        processes: Number of processes of other users, which could not be examined.
    """
    findings = [unexamined_finding(processes)] if processes else []
    if is_in_container():
        text = (
            f"{OTHER_CONTAINERS.capitalize()} from here. Make sure that none of them uses a database of the workspace."
        )
        findings.append(Finding.of("processes-elsewhere", "", text))
    return findings


def unexamined_finding(processes: int) -> Finding:
    """Return the finding that processes of other users could not be examined."""
    which = "it uses no" if processes == 1 else "none of them uses a"
    text = f"{describe_unexamined(processes)}. Make sure that {which} database of the workspace."
    return Finding.of("processes-unexamined", "", text, count=processes)


def _check_locations(plan: Plan, live: Path) -> tuple[list[Problem], list[Finding]]:
    """Check for databases on network file systems and in synchronized folders.

    Locks on a network file system do not reach other machines reliably, and the shared memory of WAL mode does not at
    all.
    """
    problems, findings = [], []
    mounted = mounted_file_systems()
    for path, file in _databases(plan, live).items():
        kind = network_file_system(path, mounted)
        if kind and uses_wal(path):
            fact = f"is in WAL mode on a network file system ({kind}): who else writes to it cannot be seen."
            hint = "Copy the workspace to a local disk and run there (https://sqlite.org/wal.html#noshm)."
            problems.append(Problem("wal-on-network", file, fact, hint, criterion="no-other-process"))
        elif kind:
            text = f"is on a network file system ({kind}): make sure that no other machine uses it."
            findings.append(Finding.of("network-file-system", file, text))
        if service := synchronized_folder(path):
            text = f"is in a folder that {service} synchronizes: stop that for the time of the run."
            findings.append(Finding.of("synchronized-folder", file, text))
    return problems, findings


def _databases(plan: Plan, live: Path) -> dict[Path, str]:
    """Return each database of a plan by its path, to the name in the plan."""
    files = [*(source.file for source in plan.sources), plan.target]
    return {live / file: file for file in files}

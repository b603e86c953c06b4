"""Let SQLite roll back the hot journals that a crashed process left behind.

SQLite rolls back a hot journal when a process opens the database for writing (https://sqlite.org/lockingv3.html,
section 4.2). A run lets SQLite do that only if the run has no other problem.
Before that, it copies the database and its journal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import make_private_folders, sync, sync_folder
from sqlite_consolidate.engine.backup.copies import ignore_folder
from sqlite_consolidate.engine.backup.workspace_copy import copy_workspace
from sqlite_consolidate.engine.checks.disk_space import check_disk_space
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.engine.sqlite.files import JOURNAL_MAGIC, FileProblem, has_hot_journal
from sqlite_consolidate.engine.sqlite.processes import lock_owner
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder
from sqlite_consolidate.engine.sqlite.sidecars import JOURNAL, sidecar_path
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.parts.programs import Logs, Scan
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.regular_files import open_regular

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.plan.model import Plan
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass(frozen=True)
class HotJournalRollback:
    """Hold the result for each hot journal of a plan's databases.

    Attributes:
        findings: A finding for each journal that SQLite has rolled back.
        problems: A problem for each journal that is rolled back only when the run has no other problem.
        unread: Databases whose journal SQLite could not roll back.
        inspected: Inspection of private copies of the databases, after SQLite rolled back the journals of the copies.
            None if the databases themselves can be inspected.
    """

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    unread: tuple[FileProblem, ...] = ()
    inspected: InspectedDatabases | None = None


def roll_back_hot_journals(
    plan: Plan, root: Path, keep: Path | None, *, otherwise_fine: bool, limits: Limits | None = None
) -> HotJournalRollback:
    """Roll back the hot journals if the run has no other problem.

    A run that is refused changes nothing.

    Args:
        plan: The plan.
        root: The workspace, or its copy in a rehearsal.
        keep: Folder for copies of the unchanged files. None in a rehearsal, because its files are copies already.
        otherwise_fine: Whether the run has no other problem.
        limits: Of what is read.
    """
    hot = list_hot_journals(plan, root)
    if hot and keep is not None:
        inspected = _inspect_copies(plan, root, hot, limits)
        if inspected.problems or not otherwise_fine:
            return HotJournalRollback(problems=() if otherwise_fine else _waiting_problems(hot), inspected=inspected)
    rolled_back, unread = _roll_back(root, hot, keep)
    kept_files = (
        f"; the files as they were before are in {keep.relative_to(root).as_posix()}" if keep is not None else ""
    )
    text = f"a process died in a transaction and left a hot journal; SQLite rolled that transaction back{kept_files}."
    findings = tuple(Finding.of("hot-journal-rolled-back", file, text) for file in rolled_back)
    return HotJournalRollback(findings=findings, unread=tuple(unread))


def _waiting_problems(hot: list[str]) -> tuple[Problem, ...]:
    fact = "has a hot journal; SQLite rolls it back as soon as the run has no other problem."
    hint = "Fix the other problems and run again."
    return tuple(Problem("hot-journal-waits", file, fact, hint, criterion="sources-readable") for file in hot)


def _roll_back(root: Path, hot: list[str], keep: Path | None) -> tuple[list[str], list[FileProblem]]:
    """Let SQLite roll back the journals.

    Returns:
        The databases that SQLite rolled back, and a problem for each whose journal is still there.
    """
    rolled_back, problems = [], []
    for file in hot:
        try:
            size_limit = (root / file).stat().st_size + _journal(root / file).stat().st_size
            roll_back_hot_journal(root / file, keep)
            size = (root / file).stat().st_size
            if size > size_limit:
                problems.append(_oversized_problem(file, size, size_limit))
                continue
            rolled_back.append(file)
        except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
            if has_hot_journal(root / file):  # otherwise the inspection reports the problem of the database
                fact = f"has a hot journal that SQLite could not roll back ({error})."
                hint = "Give write permission on the file, its folder and the folder of backups, and run again."
                problem = Problem("hot-journal", file, fact, hint, criterion="sources-readable")
                problems.append(FileProblem(file, problem, error))
    return rolled_back, problems


def _oversized_problem(file: str, size: int, size_limit: int) -> FileProblem:
    """Return the problem of a file that is larger after the rollback than it can have been."""
    fact = f"has a damaged hot journal: rolled back, the file has {size} bytes, and both together had {size_limit}."
    hint = "Restore the database from a backup, or move its journal away if the database is sound without it."
    problem = Problem("hot-journal", file, fact, hint, criterion="sources-readable")
    return FileProblem(file, problem)


def list_hot_journals(plan: Plan, root: Path) -> list[str]:
    """Return the databases of the plan whose hot journal can be rolled back.

    The paths are relative to ``root``.

    Two kinds of hot journals are left out, and the inspection of the databases refuses them. One belongs to a
    transaction of a process that still runs. The other belongs to a transaction over several databases: such a journal
    names their super-journal at its end (https://sqlite.org/fileformat.html, section 3).
    """
    files = [plan.target, *(source.file for source in plan.sources)]
    return [
        file
        for file in dict.fromkeys(files)
        if has_hot_journal(root / file)
        and (root / file).is_file()
        and not _names_super_journal(root / file)
        and _is_unlocked(root / file)
        and has_hot_journal(root / file)  # again, because a live transaction may have ended meanwhile
    ]


def roll_back_hot_journal(database: Path, keep: Path | None) -> None:
    """Roll back the interrupted transaction and remove its journal.

    Args:
        database: The file, which no process has open.
        keep: Folder for a copy of database and journal. Both copies are synced before SQLite changes the files.
    """
    if keep is not None:
        make_private_folders(keep.parent)
        sync_folder(keep.parent.parent)
        keep.mkdir(mode=0o700, exist_ok=True)
        ignore_folder(keep)
        for file in (database, _journal(database)):
            copy = keep / file.name
            shutil.copyfile(file, copy)
            copy.chmod(0o600)
            sync(copy)
        sync_folder(keep)
        sync_folder(keep.parent)
    with contextlib.closing(open_existing(database)) as con:
        con.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    sync_folder(database.parent)


def _inspect_copies(plan: Plan, live: Path, hot: list[str], limits: Limits | None) -> InspectedDatabases:
    """Inspect private copies of the databases, on which SQLite rolls back the journals."""
    databases_only = {"references": [], "inserts": [], "scan": Scan(), "smoke": [], "logs": Logs()}
    with scratch_folder("journal") as scratch, ExitStack() as write_locks:
        uncopied = copy_workspace(plan.model_copy(update=databases_only), live, scratch).problems
        _, damaged = _roll_back(scratch, list_hot_journals(plan, scratch), None)
        inspected = inspect_databases(plan, scratch, write_locks, limits, unread=[*uncopied, *damaged], live=live)
    # The problems of the copies do not count, because the copies are always writable and can be on another disk.
    inspected.problems = [problem for problem in inspected.problems if problem.criterion != "space"]
    inspected.problems += [*check_disk_space(plan, live, live), *_unwritable_problems(live, hot)]
    return inspected


def _unwritable_problems(live: Path, hot: list[str]) -> list[Problem]:
    fact = "cannot be written, so that SQLite cannot roll back its hot journal."
    hint = "Give the user who runs this write permission on the file and its folder."
    read_only = [file for file in hot if not os.access(live / file, os.W_OK)]
    return [Problem("read-only", file, fact, hint, criterion="sources-readable") for file in read_only]


def _is_unlocked(database: Path) -> bool:
    try:
        return lock_owner(database) is None
    except OSError:
        return False


def _journal(database: Path) -> Path:
    return sidecar_path(database, JOURNAL)


def _names_super_journal(database: Path) -> bool:
    try:
        with open_regular(_journal(database)) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(JOURNAL_MAGIC)))
            return file.read() == JOURNAL_MAGIC
    except FileNotFoundError:  # its transaction has ended meanwhile
        return False

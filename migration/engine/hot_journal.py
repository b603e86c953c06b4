"""Hot journal: what a process that died in mid-transaction left beside a database, and how it is taken back.

SQLite takes it back by itself for whoever opens the database to write (https://sqlite.org/lockingv3.html, section 4.2);
a run does that on purpose, once nothing else stands in its way, and keeps the files as they were found.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migration.engine.connections import open_existing
from migration.engine.durable import sync, sync_folder
from migration.engine.errors import EngineError
from migration.engine.files import JOURNAL_MAGIC, has_hot_journal
from migration.engine.processes import lock_owner
from migration.engine.rehearse import copy_workspace
from migration.engine.survey import survey
from migration.plan.problem import Problem

if TYPE_CHECKING:
    from migration.engine.limits import Limits
    from migration.plan.model import Plan


@dataclass(frozen=True)
class Settled:
    """What was done about the hot journals of a plan's databases: a finding for each, or what keeps it from being."""

    findings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def settle(plan: Plan, root: Path, keep: Path | None, *, otherwise_fine: bool, limits: Limits | None = None) -> Settled:
    """Take back what dead processes left, if nothing else stands in the way of the run: a refusal changes nothing.

    Args:
        plan: The plan.
        root: The workspace, or its copy in a rehearsal.
        keep: Folder for the files as they were found; None in a rehearsal, where they are copies anyway.
        otherwise_fine: False when the run will be refused for something else.
        limits: Of what is read.
    """
    hot = hot_journals(plan, root)
    if hot and keep is not None and (problems := _foresee(plan, root, hot, limits, otherwise_fine=otherwise_fine)):
        return Settled(problems=tuple(problems))
    for file in hot:
        take_back(root / file, keep)
    kept = f"; as found, it is in {keep.relative_to(root).as_posix()}" if keep is not None else ""
    said = "a process had died in mid-transaction and left a hot journal; SQLite took that transaction back"
    return Settled(findings=tuple(f"{file}: {said}{kept}." for file in hot))


def hot_journals(plan: Plan, root: Path) -> list[str]:
    """Return the databases of the plan whose hot journal can be taken back, as paths relative to ``root``.

    One of a transaction that a living process is in, or that other databases took part in (the journal names their
    super-journal at its end, https://sqlite.org/fileformat.html, section 3), is not among them: the survey refuses it.
    """
    files = [plan.target, *(source.file for source in plan.sources)]
    return [
        file
        for file in dict.fromkeys(files)
        if has_hot_journal(root / file)
        and (root / file).is_file()
        and not _names_super_journal(root / file)
        and lock_owner(root / file) is None
        and has_hot_journal(root / file)  # still: it was not that of a transaction that has ended by now
    ]


def take_back(database: Path, keep: Path | None) -> None:
    """The transaction that was cut short is undone, and the journal gone.

    Args:
        database: The file; nobody has it open.
        keep: Folder that gets database and journal as they were found, on the disk before anything is undone.
    """
    if keep is not None:
        keep.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(keep.parent.parent)
        keep.mkdir(mode=0o700, exist_ok=True)
        for found in (database, _journal(database)):
            copy = keep / found.name
            shutil.copyfile(found, copy)
            copy.chmod(0o600)
            sync(copy)
        sync_folder(keep)
        sync_folder(keep.parent)
    with contextlib.closing(open_existing(database)) as con:
        con.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    sync_folder(database.parent)


def _foresee(plan: Plan, live: Path, hot: list[str], limits: Limits | None, *, otherwise_fine: bool) -> list[Problem]:
    """Return what would stand in the way of the run once the journals are taken back, seen on private copies."""
    with tempfile.TemporaryDirectory(prefix="consolidate-journal-") as folder, ExitStack() as guards:
        scratch = Path(folder).resolve()
        try:
            copy_workspace(plan, live, scratch)
        except EngineError as error:  # locked, or written to: then it was no journal of a dead process
            return [Problem("no-other-process", plan.name, error.what, error.todo, id=error.id)]
        for file in hot_journals(plan, scratch):
            take_back(scratch / file, None)
        problems = survey(plan, scratch, guards, limits).problems
    if otherwise_fine:
        return problems
    what = "has a hot journal; the run lets SQLite take it back once nothing else is wrong."
    return problems + [
        Problem("sources-readable", file, what, "Settle the rest and run again.", id="hot-journal-waits")
        for file in hot
    ]


def _journal(database: Path) -> Path:
    return database.with_name(database.name + "-journal")


def _names_super_journal(database: Path) -> bool:
    try:
        with _journal(database).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(JOURNAL_MAGIC)))
            return file.read() == JOURNAL_MAGIC
    except FileNotFoundError:  # its transaction has ended meanwhile
        return False

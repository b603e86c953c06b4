"""Find the backup sets of a plan and recover from runs that were interrupted."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import remove_part
from sqlite_consolidate.engine.backup import history, manifest
from sqlite_consolidate.engine.backup.archive import archived_name
from sqlite_consolidate.engine.backup.copies import IGNORE
from sqlite_consolidate.engine.backup.ledger import NAME as LEDGER
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
from sqlite_consolidate.engine.backup.rollback import rollback
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import has_wildcard, path_pattern
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from pathlib import Path

    from sqlite_consolidate.plan.model import Plan, Source
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_STAMP = re.compile(r"\d{8}_\d{6}")
_INTERRUPTED_RUN = "an earlier run was interrupted and has been rolled back"


@dataclass(frozen=True)
class BackupSet:
    """Hold one backup set and the state of its run.

    Attributes:
        folder: Folder of the backup set.
        sealed: Its manifest, or None if the run was interrupted before its first change.
        finished: Whether the run has finished.
        rollback_begun: Whether a rollback of the run has begun.
        rolled_back: Whether the run was rolled back completely.
        is_deleted: Whether the folder is gone, so that the facts are those of the row of history in the target.
    """

    folder: Path
    sealed: Manifest | None
    finished: bool
    rollback_begun: bool
    rolled_back: bool
    is_deleted: bool = False

    def archives_left(self, root: Path) -> str:
        """Return how many archives exist, in words."""
        number = len(self.sealed.archive) if self.sealed else 0
        return f"{number - len(self.deleted_archives(root))} of {number} archives"

    def deleted_archives(self, root: Path) -> list[str]:
        """Return the names of the archives that do not exist any more."""
        archives = self.sealed.archive.values() if self.sealed else ()
        return [name for name in archives if not (root / name).exists()]


def backup_sets(root: Path, plan: Plan) -> list[BackupSet]:
    """Return the plan's backup sets, oldest first.

    Raises:
        ProblemError: A sealed backup set has lost its manifest, or its manifest or ledger cannot be read.
    """
    sets = []
    for folder in _folders(root, plan):
        events = Ledger(folder).events()
        if not any(event["event"] == "started" and event.get("plan") == plan.name for event in events):
            continue
        event_names = {event["event"] for event in events}
        sealed = manifest.read(folder, root)
        if sealed is None and "sealed" in event_names and "put-back" not in event_names:
            raise ProblemError(
                Problem(
                    "no-manifest",
                    f"{folder.name}/{manifest.NAME}",
                    "is missing; the copies in that set may be the only ones.",
                    "Restore the file, or move the whole set out of the backups folder.",
                )
            )
        sets.append(
            BackupSet(
                folder, sealed, "finished" in event_names, "putting-back" in event_names, "put-back" in event_names
            )
        )
    return sets


def last_finished(root: Path, plan: Plan) -> BackupSet | None:
    """Return the backup set of the last consolidation that was not rolled back, or None."""
    finished_sets = [
        backup_set for backup_set in backup_sets(root, plan) if backup_set.finished and not backup_set.rolled_back
    ]
    return finished_sets[-1] if finished_sets else None


def remembered(root: Path, plan: Plan) -> BackupSet | None:
    """Return the deleted backup set of a run that the target remembers, or None.

    An operator may delete a backup set by hand. The row of history in the target still has the digest of each source.
    A source that exists again under its old name does not change that.
    """
    if not (root / plan.target).is_file():
        return None
    try:
        row = history.last_of_plan(root / plan.target, plan.name)
    except (ProblemError, sqlite3.Error, OSError):  # the preflight reports why the target cannot be read
        return None
    if row is None:
        return None
    moved = [_has_moved(source, row.sources) for source in plan.sources]
    if not any(moved) or not all(has_moved or s.optional for s, has_moved in zip(plan.sources, moved, strict=True)):
        return None
    folder = root / plan.backups / f"{plan.name}-{row.run}"
    if (folder / manifest.NAME).exists():
        return None
    sources = tuple(
        DatabaseCopy("source", "", file, "", 0, "", digest, {}, 0, "") for file, digest in row.sources.items()
    )
    archive = {file: archived_name(file, row.run) for file in row.sources}
    sealed = Manifest(row.run, row.plan, row.plan_sha256, plan.target, True, sources, (), archive)  # noqa: FBT003
    return BackupSet(folder, sealed, finished=True, rollback_begun=False, rolled_back=False, is_deleted=True)


def _has_moved(source: Source, files: Collection[str]) -> bool:
    """Return whether a run has moved the file of a source, or a file of its pattern."""
    if source.file in files or not has_wildcard(source.file):
        return source.file in files
    return any(map(path_pattern(source.file).fullmatch, files))


def interrupted_sets(root: Path, plan: Plan) -> list[BackupSet]:
    """Return the backup sets of interrupted runs and rollbacks, newest first."""
    sets = reversed(backup_sets(root, plan))
    return [
        backup_set
        for backup_set in sets
        if not backup_set.rolled_back and (backup_set.rollback_begun or not backup_set.finished)
    ]


def recover(root: Path, plan: Plan) -> list[Finding]:
    """Undo interrupted runs, finish interrupted rollbacks and return a finding for each.

    The caller holds the lock of the run. The recovery is idempotent and can be retried after a crash.

    Raises:
        ProblemError: A file is neither as before the run nor as the run has left it.
    """
    findings = []
    for backup_set in interrupted_sets(root, plan):
        if backup_set.sealed is None:
            discard_unsealed(backup_set.folder)
            text = "an earlier run was interrupted before it changed anything; its backup set was deleted."
            findings.append(Finding.of("run-cut-short", backup_set.folder.name, text))
            continue
        result = rollback.roll_back(root, backup_set.folder)
        steps = "; ".join(result.steps) or "nothing had been changed"
        undone = "a rollback was interrupted and has been finished" if backup_set.finished else _INTERRUPTED_RUN
        findings.append(Finding.of("run-cut-short", backup_set.folder.name, f"{undone}: {steps}."))
        findings += [
            Finding.of(
                "recovery-inexact",
                observation.subject,
                f"not as before run {backup_set.folder.name}: {observation.observed}.",
            )
            for observation in result.observations
            if not observation.holds
        ]
    for folder in _folders(root, plan):
        if _is_empty_set(folder):
            discard_unsealed(folder)
        else:
            remove_part(folder / manifest.RECORD)  # a finished run writes its record once more
    return findings


def discard_unsealed(folder: Path) -> None:
    """Delete the folder of a backup set that was never sealed.

    The ledger is deleted last, so that this can be retried after a crash. Another process may delete files at the same
    time.

    Raises:
        ProblemError: The backup set is sealed. A run never deletes a sealed one.
        OSError: A file cannot be deleted.
    """
    if (folder / manifest.NAME).exists():
        raise ProblemError(
            Problem(
                "sealed", folder.name, "is sealed and stays, because it is a backup.", "Remove it by hand if you must."
            )
        )
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            if path.exists():
                shutil.rmtree(path)
        elif path.name != LEDGER:
            path.unlink(missing_ok=True)
    (folder / LEDGER).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()


def already_consolidated(root: Path, plan: Plan) -> BackupSet | None:
    """Return the backup set of the consolidation that fulfils the plan, or None.

    It fulfils the plan if no source has its old name and the target has the data of every table that the plan moves. An
    operator may have deleted archives by hand. A source that exists is a new one, which a run may move.
    """
    if any((root / source.file).exists() for source in plan.sources):
        return None
    last = last_finished(root, plan)
    if last is None or last.sealed is None:
        return remembered(root, plan)
    if tables_not_moved(plan, last):
        return None
    return last if history.is_committed(root / plan.target, last.sealed.run) else None


def tables_not_moved(plan: Plan, finished: BackupSet) -> list[str]:
    """Return each source table of the plan that a finished consolidation did not move.

    Each is named ``file:table``.

    Args:
        plan: The plan as it is now.
        finished: The backup set of the consolidation, which has a copy of the plan of its run.
    """
    if finished.sealed is None or not (finished.folder / manifest.PLAN).is_file():
        return []
    moved = _table_maps(manifest.plan_of_run(finished.folder, finished.sealed))
    wanted = _table_maps(manifest.expand_by_manifest(plan, finished.sealed))
    return [subject for subject, into in wanted.items() if moved.get(subject) != into]


def _table_maps(plan: Plan) -> dict[str, str]:
    """Return the folded target name of each source table.

    The keys are ``file:table``, of a pattern ``pattern:table``.
    """
    sources = [*plan.stated.sources, *(source for source in plan.sources if source.all_tables)]
    return {f"{source.entry.file}:{table.name}": folded(table.into) for source in sources for table in source.tables}


def _folders(root: Path, plan: Plan) -> list[Path]:
    """Return every folder that is named like a backup set of this plan, oldest first."""
    folders = (root / plan.backups).glob(f"{plan.name}-*")
    stamped = [path for path in folders if _STAMP.fullmatch(path.name.removeprefix(f"{plan.name}-"))]
    return sorted(path for path in stamped if path.is_dir() and not path.is_symlink())


def _is_empty_set(folder: Path) -> bool:
    """Return whether a run was killed before its first event was on disk.

    Its backup set has only the empty folders that the run creates, and the file for git, which may be unfinished.
    """
    if Ledger(folder).events():
        return False
    files = {folder / LEDGER, *folder.glob(f"*{IGNORE}*")}
    paths = [path for path in folder.rglob("*") if path not in files]
    return all(path.is_dir() and path.name in {"databases", "code"} for path in paths)

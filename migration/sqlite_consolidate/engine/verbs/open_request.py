"""Determine the mode of a run and the files of its sources, before the run is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.backup_set import backup_sets, interrupted_sets, last_finished, remembered
from sqlite_consolidate.engine.backup.manifest import expand_by_manifest
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import call
from sqlite_consolidate.engine.run.run_lock import holder
from sqlite_consolidate.engine.sqlite.pattern_files import expand_by_files
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted, list_names

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.plan.model import Plan


def with_files(request: RunRequest) -> RunRequest:
    """Return a request whose plan has a source for each file of its patterns.

    A run that moves rows takes the files of the workspace. A check takes those of the consolidation, and a run by
    originals takes those among the originals.

    Raises:
        ProblemError: The files contradict the plan.
    """
    plan, settings = request.valid_plan, request.settings
    if request.mode is Mode.ROLLBACK:
        return request
    if request.mode is Mode.CHECK:
        last = last_finished(settings.workspace, plan) or remembered(settings.workspace, plan)
        return replace(request, plan=expand_by_manifest(plan, last.sealed if last else None))
    if settings.originals is not None:
        sealed = manifest.read(settings.originals)
        if sealed is not None:
            return replace(request, plan=expand_by_manifest(plan, sealed))
    root = settings.originals or settings.workspace
    return replace(request, plan=expand_by_files(plan, root, reports=settings.reports))


def resolve_mode(request: RunRequest, root: Path, plan: Plan) -> RunRequest:
    """Turn a verify after a migration into a check, and refuse a self-test then."""
    if last_finished(root, plan) is None and remembered(root, plan) is None:
        if request.settings.only_checks:
            raise ProblemError(nothing_to_check(request, root, plan))
        return request
    if request.mode is Mode.SELFTEST:
        hint = "Use a workspace before its migration, or a copy of this one that was rolled back."
        raise ProblemError(Problem("nothing-to-try", root.name, "this workspace is consolidated already.", hint))
    return replace(request, mode=Mode.CHECK)


def nothing_to_check(request: RunRequest, root: Path, plan: Plan) -> Problem:
    """Return the problem that a workspace has no consolidation to check.

    It says whether the last one was rolled back.
    """
    undone = [backup_set for backup_set in backup_sets(root, plan) if backup_set.finished and backup_set.rolled_back]
    reason = f" The last one was rolled back ({undone[-1].folder.name})." if undone else ""
    rehearse, consolidate = (request.command(mode.verb) for mode in (Mode.REHEARSAL, Mode.MIGRATE))
    fact = f"there is no consolidation of this plan to check.{reason}"
    return Problem("nothing-to-check", plan.name, fact, f"Rehearse: {rehearse}; or consolidate: {consolidate}")


def originals_request(request: RunRequest, originals: Path) -> RunRequest:
    """Turn a verify into the check of a consolidation that another tool made."""
    if request.mode.verb != "verify":
        verify = call(request.settings.program, "verify")
        fact = f"can only be used with {verify}."
        raise ProblemError(Problem("option-elsewhere", "--originals", fact, f"Run {verify}."))
    if not originals.is_dir():
        fact = "there is no such folder with the original databases."
        raise ProblemError(
            Problem("no-original", str(originals), fact, "Name the folder of the originals, or a backup set.")
        )
    return replace(request, mode=Mode.ORIGINALS)


def deleted_archive_findings(root: Path, finished: BackupSet) -> list[Finding]:
    """Return a finding if archives were deleted while the backup set of their run was kept."""
    deleted = finished.deleted_archives(root)
    if finished.is_deleted or not deleted:
        return []
    files = f"{counted(len(deleted), 'archive')} {'is' if len(deleted) == 1 else 'are'} gone ({list_names(deleted)})"
    text = f"{files}. The backup set has a copy of each source, from which a rollback restores it."
    return [Finding.of("archive-deleted", finished.folder.name, text, count=len(deleted))]


def refuse_deleted_set(root: Path, plan: Plan) -> None:
    """Say what a rollback lacks, if the backup set of the consolidation was deleted."""
    if deleted := remembered(root, plan):
        name = deleted.folder.relative_to(root).as_posix()
        fact = f"the backup set is missing, without which there is no rollback. {deleted.archives_left(root)} are left."
        hint = "Restore the folder from a backup of your own, or rename the archives by hand and restore the target."
        files = deleted.sealed.archive if deleted.sealed else ()
        if again := [file for file in files if (root / file).exists()]:
            hint += f" Before that, move away what was created again: {list_names(again)}."
        raise ProblemError(Problem("no-backup-set", name, fact, hint))


def nothing_to_undo(request: RunRequest, root: Path, plan: Plan, recovered: list[Finding]) -> Problem:
    """Return the problem of a rollback that finds no consolidation.

    Args:
        request: The request of the rollback.
        root: The workspace.
        plan: The plan.
        recovered: The findings about interrupted runs that were rolled back now.
    """
    undone = [backup_set.folder for backup_set in backup_sets(root, plan) if backup_set.rolled_back]
    if recovered:
        reason = " ".join(finding.sentence for finding in recovered)
    elif undone:
        reason = f"the last consolidation of the plan {plan.name} ({undone[-1].name}) was rolled back already."
    else:
        reason = f"no consolidation of the plan {plan.name} was finished in this workspace."
    hint = f"Nothing has to be done. To consolidate, run: {request.command(Mode.MIGRATE.verb)}"
    if not recovered and not undone:
        hint = "Name the workspace that was consolidated, and its plan: --workspace=DIR --plan=FILE."
    return Problem("nothing-to-undo", root.name, f"nothing to roll back: {reason}", hint)


def refuse_unfinished_run(request: RunRequest, root: Path, plan: Plan) -> None:
    """Refuse to judge a workspace while a run changes it or after a run was cut short.

    The workspace is neither in its old nor in its new state then.
    """
    pid = holder(root / plan.backups)
    if pid is not None:
        raise ProblemError(
            Problem("under-way", root.name, f"a run is under way (process {pid}).", "Wait for it to end, then verify.")
        )
    if interrupted_sets(root, plan):
        migrate, undo = (request.command(mode.verb) for mode in (Mode.MIGRATE, Mode.ROLLBACK))
        hint = f"Roll it back: {undo}; or roll it back and migrate: {migrate}"
        raise ProblemError(Problem("cut-short", root.name, "a run was cut short in this workspace.", hint))

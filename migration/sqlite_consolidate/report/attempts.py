"""Collect the earlier runs on a workspace from its reports and its backup sets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from sqlite_consolidate.engine.backup.backup_set import backup_sets
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.evidence import Attempt, Verdict
from sqlite_consolidate.report.past_runs import past_runs, workspace_id

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.run.request import Settings
    from sqlite_consolidate.plan.model import Plan

_NO_END = "the ledger of its backup set has no end, and it was not rolled back yet"


def earlier_attempts(settings: Settings, plan: Plan | None) -> tuple[Attempt, ...]:
    """Return every known run on the workspace, oldest first.

    Failed and interrupted runs are among them. Call this before a run changes anything, because the next run clears
    away what a killed run left.

    Args:
        settings: Where workspace and reports are.
        plan: The plan whose backup sets are read, or None if it cannot be read.
    """
    workspace = workspace_id(settings.evidence_workspace)
    reported = (attempt for _, attempt in past_runs(settings.reports) if attempt is not None)
    attempts = {attempt.run: attempt for attempt in reported if attempt.workspace_id == workspace}
    for backup_set in _backup_sets(settings.workspace, plan):
        recorded = _attempt_of(backup_set, settings.workspace)
        known = attempts.get(recorded.run)
        attempts[recorded.run] = recorded if known is None else _merge(known, recorded)
    return tuple(sorted(attempts.values(), key=lambda attempt: (attempt.started, attempt.run)))


def _backup_sets(root: Path, plan: Plan | None) -> list[BackupSet]:
    try:
        return backup_sets(root, plan) if plan else []
    except ProblemError:  # a set has lost its manifest, and what needs the sets reports that
        return []


def _merge(reported: Attempt, recorded: Attempt) -> Attempt:
    """Add what the backup set knows of a run to what its report knows."""
    reasons = filter(None, (reported.cut_short, recorded.cut_short)) if reported.cut_short else ()
    return replace(reported, backup_set=recorded.backup_set, cut_short=" and ".join(reasons))


def _attempt_of(backup_set: BackupSet, root: Path) -> Attempt:
    """Return the run that made a backup set, by the set's ledger and record."""
    events = Ledger(backup_set.folder).events()
    start = next(event for event in events if event["event"] == "started")
    has_ended = backup_set.finished or backup_set.rolled_back
    attempt = Attempt(
        run=f"{start.get('run', '')}-migrate",
        mode=Mode.MIGRATE,
        verdict="not shown",
        headline="Rolled back." if backup_set.rolled_back and not backup_set.finished else "",
        exit_code=None,
        started=_seconds(start["at"]),
        finished=_seconds(events[-1]["at"]) if has_ended else "",
        workspace=root.name,
        workspace_id=workspace_id(root),
        backup_set=backup_set.folder.relative_to(root).as_posix(),
        cut_short="" if has_ended else _NO_END,
    )
    return _with_record(attempt, backup_set.folder)


def _with_record(attempt: Attempt, folder: Path) -> Attempt:
    """Add the verdict from the record in the backup set, if the run wrote one."""
    from sqlite_consolidate.engine.backup.manifest import RECORD

    try:
        document = json.loads((folder / RECORD).read_bytes())
        verdict, headline, code, finished = (document[key] for key in ("verdict", "headline", "exit_code", "finished"))
    except (OSError, ValueError, LookupError, TypeError):
        return attempt
    if not finished or verdict not in get_args(Verdict) or not isinstance(code, int | None):
        return attempt
    if not isinstance(headline, str) or not isinstance(finished, str):
        return attempt
    return replace(attempt, verdict=verdict, headline=headline, exit_code=code, finished=finished)


def _seconds(moment: str) -> str:
    """Return a ledger's time without its milliseconds, as reports write it."""
    return f"{moment[:19]}{moment[23:]}"

"""Earlier attempts on a workspace: what the reports know of them, and what only the backup sets know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.backup_set import backup_sets
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.evidence import Attempt
from sqlite_consolidate.report.past_runs import past_runs, workspace_id

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.backup.backup_set import BackupSet
    from sqlite_consolidate.engine.run.request import Settings
    from sqlite_consolidate.plan.model import Plan

_NO_END = "the ledger of its backup set has no end, and nothing had put it back yet"


def earlier_attempts(said: Settings, plan: Plan | None) -> tuple[Attempt, ...]:
    """Return every run on the workspace that is known, oldest first: failed ones, and those that were cut short, too.

    To be asked before a run does anything: what a killed run left is cleared away by the next one.

    Args:
        said: Where workspace and reports are.
        plan: The plan whose backup sets are looked at, or None while it cannot be read.
    """
    own = workspace_id(said.evidence_workspace)
    known = {one.run: one for _, one in past_runs(said.reports) if one is not None and one.workspace_id == own}
    for one in _backup_sets(said.workspace, plan):
        told = _attempt_of(one, said.workspace)
        reported = known.get(told.run)
        known[told.run] = told if reported is None else _merge(reported, told)
    return tuple(sorted(known.values(), key=lambda one: (one.started, one.run)))


def _backup_sets(root: Path, plan: Plan | None) -> list[BackupSet]:
    try:
        return backup_sets(root, plan) if plan else []
    except ProblemError:  # a set has lost its manifest: whoever needs the sets says so
        return []


def _merge(reported: Attempt, told: Attempt) -> Attempt:
    """Add to what the report says what the backup set says."""
    how = " and ".join(one for one in (reported.cut_short, told.cut_short) if one) if reported.cut_short else ""
    return replace(reported, backup_set=told.backup_set, cut_short=how)


def _attempt_of(one: BackupSet, root: Path) -> Attempt:
    """Tell of the run that made a backup set by what lies in the set."""
    events = Ledger(one.folder).events()
    began = next(event for event in events if event["event"] == "started")
    ended = one.finished or one.rolled_back
    told = Attempt(
        run=f"{began.get('run', '')}-migrate",
        mode=Mode.MIGRATE,
        verdict="not shown",
        headline="Put back." if one.rolled_back and not one.finished else "",
        exit_code=None,
        started=_seconds(began["at"]),
        finished=_seconds(events[-1]["at"]) if ended else "",
        workspace=root.name,
        workspace_id=workspace_id(root),
        backup_set=one.folder.relative_to(root).as_posix(),
        cut_short="" if ended else _NO_END,
    )
    return _with_record(told, one.folder)


def _with_record(told: Attempt, folder: Path) -> Attempt:
    """Add what the record in the set says, if the run came so far as to leave one."""
    from sqlite_consolidate.engine.backup.manifest import RECORD

    try:
        said = json.loads((folder / RECORD).read_bytes())
        verdict, headline, code, finished = (said[key] for key in ("verdict", "headline", "exit_code", "finished"))
    except (OSError, ValueError, LookupError, TypeError):
        return told
    if not finished:
        return told
    return replace(told, verdict=verdict, headline=headline, exit_code=code, finished=finished)


def _seconds(moment: str) -> str:
    """Return a ledger's time, which has milliseconds, as reports write it."""
    return f"{moment[:19]}{moment[23:]}"

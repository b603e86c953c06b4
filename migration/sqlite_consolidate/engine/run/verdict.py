"""Decide the verdict, the exit code and the headline of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from sqlite_consolidate.engine.run.run_log import RunLog

Verdict = Literal["accepted", "refused", "not shown"]

FAILED_CHECK = "Not intact any more"
"""Verdict on a finished consolidation of which a criterion failed."""

BEFORE_ACTING = "Refused"
UNCONFIRMED = "Not confirmed"
FAILED_ROLLBACK = "Rollback refused"
AFTER_ACTING = {Mode.MIGRATE: "Failed and rolled back", Mode.REHEARSAL: "Rehearsal failed"}
"""Words for a run that was refused after it had begun to change files or copies."""


def verdict(log: RunLog) -> Verdict:
    """Return ``accepted`` only if each stage and each demanded criterion passed.

    A criterion that is not required counts as passed. The log may be that of a run, or one that was rebuilt from its
    evidence.
    """
    records = log.all_stages()
    outcomes = [result.outcome for result in log.results.values()]
    if log.errors or Outcome.FAILED in outcomes or any(record.outcome == "failed" for record in records):
        return "refused"
    if log.already_consolidated:
        return "accepted"
    if log.interrupted is not None or any(record.outcome != "passed" for record in records):
        return "not shown"
    return "not shown" if any(log.unverified(stage) for stage in stages_of(log.mode)) else "accepted"


def exit_code(log: RunLog, *, has_acted: bool) -> ExitCode:
    """Return the exit code of a run that has ended.

    Args:
        log: Log of the run.
        has_acted: Whether the run has begun to change files, including copies.
    """
    if log.rolled_back is not None and not log.rolled_back.complete:
        return ExitCode.INTERNAL
    if log.interrupted is not None:
        return log.interrupted
    if verdict(log) == "accepted":
        return ExitCode.ACCEPTED
    return ExitCode.FAILED if has_acted or log.mode.only_judges else ExitCode.REFUSED


def next_verb(log: RunLog, *, has_acted: bool, lacks_plan: bool) -> str:
    """Return the verb of the command that follows a run, or an empty text.

    Args:
        log: Log of the run.
        has_acted: Whether the run has begun to change files. An inventory has, if it wrote a plan.
        lacks_plan: Whether there is no plan file.
    """
    if log.mode is Mode.BUNDLE:
        return ""
    if lacks_plan:
        return Mode.INVENTORY.verb
    is_incomplete = log.rolled_back is not None and not log.rolled_back.complete
    if is_incomplete and log.mode is not Mode.REHEARSAL:
        return Mode.ROLLBACK.verb
    if not log.finished or verdict(log) != "accepted":
        return log.mode.verb
    return "" if log.mode is Mode.INVENTORY and not has_acted else log.mode.next_verb


CHANGED = "The workspace was changed while the smoke tests ran."
UNTOUCHED = "The workspace was not touched."
_BUNDLE_REFUSED = "The bundle is not as a run leaves it: do not rely on it."
PLAN_WRITTEN = "A plan was written: do not rely on it."
_ON_COPIES = (Mode.REHEARSAL, Mode.SELFTEST)


def touch_of_workspace(log: RunLog) -> str:
    """Return in one sentence whether the workspace changed while programs ran on a copy of it."""
    return CHANGED if _has_workspace_changed(log) else UNTOUCHED


def _has_workspace_changed(log: RunLog) -> bool:
    return any(finding.id == WORKSPACE_CHANGED for finding in log.findings)


def _changes_left(log: RunLog) -> str:
    """Return in one sentence what a run without acceptance left changed."""
    if log.rolled_back is not None:
        return log.rolled_back.text
    if _has_workspace_changed(log):
        return CHANGED
    if log.extra.get("inventory", {}).get("written"):
        return PLAN_WRITTEN
    if "only-looked" in log.results and log.results["only-looked"].outcome is Outcome.FAILED:
        return "A database, or a file beside one, was changed."
    return "Nothing was changed."


def _open_decisions(log: RunLog) -> str:
    """Return how many decisions an inventory leaves to a person, or an empty text."""
    inventory = log.extra.get("inventory")
    count = inventory.get("decisions") if isinstance(inventory, dict) else 0
    return f"Its plan leaves {counted(count, 'decision')} to you." if isinstance(count, int) and count else ""


def refusal_word(mode: Mode, code: int | None, *, has_failed_criterion: bool) -> str:
    """Return the word for a run whose verdict is ``refused``.

    Args:
        mode: Mode of the run.
        code: Its exit code, or None if unknown.
        has_failed_criterion: Whether a criterion failed. A check that was not made has none.
    """
    if mode.only_judges:
        return FAILED_CHECK if mode is Mode.CHECK and has_failed_criterion else UNCONFIRMED
    if mode is Mode.ROLLBACK:
        return FAILED_ROLLBACK
    return AFTER_ACTING.get(mode, BEFORE_ACTING) if code == ExitCode.FAILED else BEFORE_ACTING


def headline(log: RunLog, code: int) -> str:
    """Return the verdict in one sentence.

    Args:
        log: Log of the run.
        code: Its exit code, if it has ended.
    """
    if not log.finished:
        return "Unfinished: the run had not ended when this was written."
    if log.rolled_back is not None and not log.rolled_back.complete:
        return f"NOT ROLLED BACK: {log.rolled_back.text}"
    decided = verdict(log)
    if decided == "accepted":
        if log.already_consolidated:
            return "Already consolidated: there was nothing to do."
        touch = touch_of_workspace(log) if log.mode in _ON_COPIES else ""
        return " ".join(filter(None, (log.mode.accepted, touch, log.headline_suffix, _open_decisions(log))))
    changes = _changes_left(log)
    if log.interrupted is not None:
        return f"Interrupted. {changes}"
    failed = any(result.outcome is Outcome.FAILED for result in log.results.values())
    word = refusal_word(log.mode, code, has_failed_criterion=failed) if decided == "refused" else "Not shown"
    return f"{word}. {_BUNDLE_REFUSED if log.mode is Mode.BUNDLE else changes}"

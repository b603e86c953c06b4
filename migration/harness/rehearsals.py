"""Rehearsals: the last one of this very plan that passed, as its own evidence says, and whether it still counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from migration.engine.observation import Observation

if TYPE_CHECKING:
    from pathlib import Path

    from migration.harness.state import RunState


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that passed, its rollback included.

    Attributes:
        run: Its id, which is the name of its folder among the reports.
        finished: When it ended.
        digests: Content digest of each database that it copied, by the path inside the workspace.
        seconds: Time that each stage took, by its id.
    """

    run: str
    finished: datetime
    digests: dict[str, str]
    seconds: dict[str, float]


def last_passed(reports: Path, plan_sha256: str) -> Rehearsal | None:
    """Return the last rehearsal of the plan with these bytes that passed; None when no report of one is there."""
    found = (_read(path, plan_sha256) for path in reports.glob("*-rehearsal/evidence.json"))
    return max((one for one in found if one is not None), key=lambda one: one.finished, default=None)


def standing(state: RunState) -> Observation:
    """Say whether a rehearsal of this plan on these databases passed, and when; it holds unless the plan demands more.

    The databases have been read by now: what the rehearsal copied is compared with them by content digest.
    """
    subject, limit = state.settings.plan.name, state.plan.require_rehearsal if state.plan else None
    expected = "none demanded by the plan" if limit is None else f"one that is at most {timedelta(seconds=limit)} old"
    if state.mode == "rehearsal":
        return Observation(subject, expected, "this run is the rehearsal", holds=True)
    known = last_passed(state.settings.reports, state.plan_sha256)
    todo = f"Rehearse: pytest -m verify (reports in {state.settings.reports.name}), then migrate."
    if known is None:
        observed = "no report of a rehearsal of this very plan that passed"
        return Observation(subject, expected, observed, holds=limit is None, todo=todo)
    changed = _changed(known, state)
    same = "on these very databases" if not changed else f"; changed since then: {', '.join(changed)}"
    observed = f"{known.run} passed at {known.finished.isoformat(timespec='seconds')} {same}".replace(" ;", ";")
    in_time = limit is None or state.started - known.finished <= timedelta(seconds=limit)
    return Observation(subject, expected, observed, holds=limit is None or (in_time and not changed), todo=todo)


def _changed(known: Rehearsal, state: RunState) -> list[str]:
    databases = [*state.sources, *([state.target] if state.target else [])]
    now = {one.file: one.digest for one in databases}
    return sorted(file for file in now.keys() | known.digests.keys() if now.get(file) != known.digests.get(file))


def _read(path: Path, plan_sha256: str) -> Rehearsal | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        if data["verdict"] != "accepted" or data["plan"]["sha256"] != plan_sha256:
            return None
        databases = [*data["sources"], *([data["target"]] if data["target"] else [])]
        digests = {str(one["file"]): str(one["before"]["digest"]) for one in databases if one["before"]["digest"]}
        seconds = {str(one["id"]): float(one["seconds"]) for one in data["stages"]}
        return Rehearsal(str(data["run"]), datetime.fromisoformat(data["finished"]).astimezone(UTC), digests, seconds)
    except (OSError, ValueError, KeyError, TypeError):  # not ours, or damaged: no proof of anything
        return None

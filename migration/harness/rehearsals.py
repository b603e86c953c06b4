"""Find the last rehearsal of a plan that passed, as its own evidence says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration.engine.rehearsed import Rehearsal

if TYPE_CHECKING:
    from pathlib import Path


def last_passed(reports: Path, plan_sha256: str) -> Rehearsal | None:
    """Return the last rehearsal of the plan with these bytes that passed; None when no report of one is there."""
    found = (_read(path, plan_sha256) for path in reports.glob("*-rehearsal/evidence.json"))
    return max((one for one in found if one is not None), key=lambda one: one.finished, default=None)


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

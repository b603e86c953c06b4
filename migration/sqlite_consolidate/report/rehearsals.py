"""Find the last rehearsal of a run's plan whose own evidence gives its verdict again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlite_consolidate
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.results import LastRehearsal, Rehearsal
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.bundle_check import entries as entries_check
from sqlite_consolidate.report.bundle_check import files as bundle_check
from sqlite_consolidate.report.bundle_check import verdict as verdict_check
from sqlite_consolidate.report.bundle_check.parse import schema_of, tell
from sqlite_consolidate.report.bundle_check.pytest_files import page as page_check
from sqlite_consolidate.report.bundle_check.reader import read_bundle
from sqlite_consolidate.report.evidence_json import SCHEMA
from sqlite_consolidate.report.file_names import EVIDENCE
from sqlite_consolidate.report.past_runs import workspace_id
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record

_CHECKS: dict[str, Callable[[BundleContents], list[Observation]]] = {
    "bundle-whole": bundle_check.whole,
    "evidence-valid": bundle_check.valid,
    "verdict-follows": verdict_check.following,
    "evidence-consistent": entries_check.consistent,
    "counts-add-up": verdict_check.adding_up,
    "files-agree": lambda told: [*bundle_check.agreeing(told), *page_check.faithful(told)],
}
"""A rehearsal is held against itself by the checks of a bundle, under the ids of their criteria."""
_CHECKED = 99  # more than there are other demands


@dataclass(frozen=True)
class _Refusal:
    """Why a report does not count, and how many demands it met before."""

    met: int
    run: str
    unmet: str
    reason: str


def last_rehearsal(request: RunRequest) -> LastRehearsal:
    """Return the last rehearsal that counts for a run, or why the best of the others does not.

    It counts if it is of the same plan, workspace and version, was accepted, has ended, and is whole and agrees with
    itself. Digests show that its files belong together; they do not show who made them.
    """
    refusals: list[_Refusal] = []
    folders = (path.parent for path in request.settings.reports.glob(f"*-{Mode.REHEARSAL}/{EVIDENCE}"))
    for folder in sorted(folders, key=lambda folder: folder.name, reverse=True):
        refusal = _refusal(folder, request)
        if refusal is None:
            judged = _judged(folder)
            if isinstance(judged, Rehearsal):
                return LastRehearsal(judged)
            refusal = judged
        refusals.append(refusal)
    best = max(refusals, key=lambda refusal: (refusal.met, refusal.run), default=None)
    return LastRehearsal(None, f"{best.run} {best.reason}", best.unmet) if best else LastRehearsal()


def _refusal(folder: Path, request: RunRequest) -> _Refusal | None:
    """Return the first demand that the evidence by itself does not meet."""
    run = one_line(folder.name)
    met = 0
    try:
        for demand, reason in _demands(json.loads((folder / EVIDENCE).read_bytes()), folder, request):
            if reason:
                return _Refusal(met, run, demand, reason)
            met += 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return _Refusal(met, run, "evidence", "has evidence that is damaged, or none of ours")
    return None


def _demands(document: dict[str, Any], folder: Path, request: RunRequest) -> Iterator[tuple[str, str]]:
    """Yield each demand, in order, and why it is not met; empty where it is."""
    yield "mode", "" if document["mode"] == Mode.REHEARSAL.in_evidence else "is no rehearsal"
    yield "run", "" if document["run"] == folder.name else "has the evidence of another run"
    yield "plan", "" if document["plan"]["sha256"] == request.plan_sha256 else "is of another plan"
    known = workspace_id(request.settings.evidence_workspace)
    yield "workspace", "" if document["workspace"]["id"] == known else "is of another workspace"
    version = document["versions"]["sqlite-consolidate"]
    ours = version == sqlite_consolidate.__version__ and schema_of(document) == document["schema"] == SCHEMA
    other = f"is of another version (it is {one_line(str(version))}, this is {sqlite_consolidate.__version__})"
    yield "version", "" if ours else other
    yield "verdict", "" if document["verdict"] == "accepted" else "was not accepted"
    in_time = _moment(document["started"]) <= _moment(document["finished"]) <= request.started
    yield "time", "" if in_time else "ended in the future, or before it began"


def _judged(folder: Path) -> Rehearsal | _Refusal:
    """Return the rehearsal, or what of its report contradicts itself."""
    run = one_line(folder.name)
    try:
        told = tell(read_bundle(folder))
    except (ProblemError, OSError) as error:
        return _Refusal(_CHECKED, run, "bundle-whole", f"has a report that cannot be read: {one_line(str(error))}")
    for criterion, check in _CHECKS.items():
        wrong = next((seen for seen in check(told) if not seen.holds), None)
        if wrong is not None:
            reason = one_line(
                f"does not agree with itself: {wrong.subject} has to be {wrong.expected}, and is {wrong.observed}"
            )
            return _Refusal(_CHECKED, run, criterion, reason[:500])
    return _rehearsal(told.record) if told.record else _Refusal(_CHECKED, run, "evidence-valid", "has no evidence")


def _rehearsal(record: Record) -> Rehearsal:
    databases = [*record.sources, *([record.target] if record.target else [])]
    digests = {database.file: database.digest for database in databases if database.digest}
    seconds = {stage.id: stage.seconds for stage in record.stages}
    tables = {
        database.file: {name: (content.rows, content.digest) for name, content in database.contents["live"].items()}
        for database in databases
        if "live" in database.contents
    }
    return Rehearsal(record.run, _moment(record.finished), digests, tables, seconds)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)

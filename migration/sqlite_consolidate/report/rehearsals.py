"""Find the last accepted rehearsal of a plan, and check its report as a bundle."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlite_consolidate
from sqlite_consolidate.engine.content.digest import database_state
from sqlite_consolidate.engine.content.worker import ReadProcess
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.results import LastRehearsal, Rehearsal
from sqlite_consolidate.engine.sqlite.files import file_status
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.evidence_json import SCHEMA
from sqlite_consolidate.report.file_names import EVIDENCE
from sqlite_consolidate.report.past_runs import workspace_id
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.report.evidence import DatabaseRecord, Record

MOST_BYTES_HERE = 1_000_000
"""Largest evidence, in bytes, that this process reads itself. That of a thousand files is about as large."""

_SECONDS = 900.0
"""Time that the second process may take. Evidence of ten thousand files takes about 20 s."""

_ALL_DEMANDS = 99  # a report that meets all demands of its evidence ranks before every other refusal
_WORKSPACE = "workspace"
"""The demand without which a report in a shared folder is no candidate."""


@dataclass(frozen=True)
class _Refusal:
    """Hold the first demand that a report does not meet.

    ``met`` is the number of demands that it met before.
    """

    met: int
    run: str
    unmet: str
    reason: str


@dataclass(frozen=True)
class _Sought:
    """Hold what a rehearsal has to be of.

    Attributes:
        reports: Folder of the reports.
        workspace: Id of the workspace.
        plan_sha256: Digest of the plan.
        started: When the run began for which the rehearsal counts.
    """

    reports: Path
    workspace: str
    plan_sha256: str
    started: datetime

    @property
    def folders(self) -> list[Path]:
        """Return the folders of reports of rehearsals, the latest first."""
        folders = (path.parent for path in self.reports.glob(f"*-{Mode.REHEARSAL}/{EVIDENCE}"))
        return sorted(folders, key=lambda folder: folder.name, reverse=True)


def last_rehearsal(request: RunRequest) -> LastRehearsal:
    """Return the last rehearsal that counts for a run.

    A rehearsal counts if it has the plan, the workspace and the version of the run, was accepted, has ended, and its
    report is complete and consistent. If none counts, the result states why the report of this workspace that met most
    demands does not. Digests show that the files of a report belong together. They do not show who made them.

    A second process reads large reports, because that takes 26 KB of memory for each of very many files.
    """
    settings = request.settings
    workspace = workspace_id(settings.evidence_workspace)
    sought = _Sought(settings.reports, workspace, request.plan_sha256, request.started)
    statuses = [file_status(folder / EVIDENCE) for folder in sought.folders]
    is_large = any(status and status.st_size > MOST_BYTES_HERE for status in statuses)
    return _find_in_second_process(sought) if is_large else _find(sought)


def _find_in_second_process(sought: _Sought) -> LastRehearsal:
    files = [folder / EVIDENCE for folder in sought.folders]
    arguments = [str(sought.reports), sought.workspace, sought.plan_sha256, sought.started.isoformat()]
    command = [sys.executable, "-P", "-m", "sqlite_consolidate.report.rehearsals", *arguments]
    try:
        with ReadProcess(command, files, sought.reports.name, Limits(reader_seconds=_SECONDS)) as reader:
            answer = reader.output()
    except ProblemError as error:
        return LastRehearsal(None, one_line(str(error)), "reader")
    if not answer:
        return LastRehearsal(None, "the process that read the reports of rehearsals exited unexpectedly", "reader")
    return cast("LastRehearsal", pickle.loads(answer))  # noqa: S301 -- this program has written it


def main() -> None:
    """Write the last rehearsal that counts as the second process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent process, which then ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reports, workspace, plan_sha256, started = sys.argv[1:]
    rehearsal = _find(_Sought(Path(reports), workspace, plan_sha256, datetime.fromisoformat(started)))
    sys.stdout.buffer.write(pickle.dumps(rehearsal))
    sys.stdout.buffer.flush()
    os._exit(0)  # the thread cannot be ended otherwise


def _end_with_parent() -> None:
    """End this process when the parent process ends, even if that was killed."""
    sys.stdin.buffer.read()
    os._exit(1)


def _find(sought: _Sought) -> LastRehearsal:
    refusals: list[_Refusal] = []
    for folder in sought.folders:
        refusal = _refusal(folder, sought)
        if refusal is None:
            result = _check_report(folder)
            if isinstance(result, Rehearsal):
                return LastRehearsal(result)
            refusal = result
        if refusal.unmet != _WORKSPACE:
            refusals.append(refusal)
    best = max(refusals, key=lambda refusal: (refusal.met, refusal.run), default=None)
    return LastRehearsal(None, f"{best.run} {best.reason}", best.unmet) if best else LastRehearsal()


def _refusal(folder: Path, sought: _Sought) -> _Refusal | None:
    """Return the first demand that the evidence does not meet.

    The other files of the report are not read for it.
    """
    run = one_line(folder.name)
    met = 0
    try:
        for demand, reason in _demands(json.loads((folder / EVIDENCE).read_bytes()), folder, sought):
            if reason:
                return _Refusal(met, run, demand, reason)
            met += 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return _Refusal(met, run, "evidence", "has evidence that is damaged or of another program")
    return None


def _demands(document: dict[str, Any], folder: Path, sought: _Sought) -> Iterator[tuple[str, str]]:
    """Yield each demand in order, with the reason why it is not met, or an empty text."""
    from sqlite_consolidate.report.bundle_check.parse import schema_of

    yield _WORKSPACE, "" if document["workspace"]["id"] == sought.workspace else "is of another workspace"
    yield "mode", "" if document["mode"] == Mode.REHEARSAL.in_evidence else "is no rehearsal"
    yield "run", "" if document["run"] == folder.name else "has the evidence of another run"
    yield "plan", "" if document["plan"]["sha256"] == sought.plan_sha256 else "is of another plan"
    version = document["versions"]["sqlite-consolidate"]
    same_version = version == sqlite_consolidate.__version__ and schema_of(document) == document["schema"] == SCHEMA
    reason = f"is of another version (it is {one_line(str(version))}, this is {sqlite_consolidate.__version__})"
    yield "version", "" if same_version else reason
    yield "verdict", "" if document["verdict"] == "accepted" else "was not accepted"
    in_time = _parse_time(document["started"]) <= _parse_time(document["finished"]) <= sought.started
    yield "time", "" if in_time else "ended before it began, or after this run began"


def _check_report(folder: Path) -> Rehearsal | _Refusal:
    """Return the rehearsal, or the first contradiction in its report."""
    from sqlite_consolidate.report.bundle_check.checks import BUNDLE_CHECKS
    from sqlite_consolidate.report.bundle_check.parse import parse_bundle
    from sqlite_consolidate.report.bundle_check.reader import read_bundle

    run = one_line(folder.name)
    try:
        contents = parse_bundle(read_bundle(folder))
    except (ProblemError, OSError) as error:
        return _Refusal(_ALL_DEMANDS, run, "bundle-whole", f"has a report that cannot be read: {one_line(str(error))}")
    for criterion, check in BUNDLE_CHECKS.items():
        failed = next((observation for observation in check(contents) if not observation.holds), None)
        if failed is not None:
            reason = one_line(
                f"contradicts itself: {failed.subject} must be {failed.expected}, but is {failed.observed}"
            )
            return _Refusal(_ALL_DEMANDS, run, criterion, reason[:500])
    return (
        _rehearsal(contents.record)
        if contents.record
        else _Refusal(_ALL_DEMANDS, run, "evidence-valid", "has no evidence")
    )


def _rehearsal(record: Record) -> Rehearsal:
    databases = [*record.sources, *([record.target] if record.target else [])]
    seconds = {stage.id: stage.seconds for stage in record.stages}
    states = {database.file: _state(database) for database in databases if database.digest}
    offsets = {(key_map.source, key_map.table, key_map.column): key_map.offset for key_map in record.key_maps}
    sources = {source.name: source.file for source in record.sources}
    return Rehearsal(record.run, _parse_time(record.finished), states, seconds, offsets, sources)


def _state(database: DatabaseRecord) -> bytes:
    live = database.contents.get("live", {})
    return database_state(database.digest, {name: (content.rows, content.digest) for name, content in live.items()})


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


if __name__ == "__main__":
    main()

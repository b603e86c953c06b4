"""Check that manifest, zip, id, times, rollback command and SQL belong to one run."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.request import PROGRAMS
from sqlite_consolidate.report.file_names import MANIFEST, SQL
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record

_SKEW = timedelta(hours=1)
"""How far the clock of another machine may differ, and the time in an id be later than the start of its run."""

_UNMEASURED = 60.0
"""Seconds by which the stages together may exceed the run, because a clock may be set back meanwhile."""

_OPTIONS: tuple[list[str], ...] = ([], ["--workspace"], ["--plan"], ["--workspace", "--plan"])
"""Options of a rollback command, in their order."""

_Pair = tuple[str, str, str]


def contradictions_of_identity(contents: BundleContents, record: Record) -> Iterator[_Pair]:
    """Yield each value that cannot belong to the same run as the others."""
    yield from _manifest(contents, record)
    if contents.bundle.top not in ("", record.run):
        yield "folder in the zip", record.run, one_line(contents.bundle.top)
    if contents.of_this_release:
        yield from _times(record)
        yield from _rollback_command(record)
        yield from _statements(contents.bundle.text(SQL), record)


def _manifest(contents: BundleContents, record: Record) -> Iterator[_Pair]:
    manifest = json.loads(contents.bundle.text(MANIFEST))
    for key, expected in (("schema", 1), ("run", record.run)):
        if manifest.get(key) != expected:
            yield f"{MANIFEST}: {key} of the manifest", str(expected), str(manifest.get(key))
    if extra := sorted(manifest.keys() - {"schema", "run", "about", "files"}):
        yield f"{MANIFEST}: keys", "none but its own", ", ".join(map(one_line, extra))


def _times(record: Record) -> Iterator[_Pair]:
    started, finished = _moment(record.started), _moment(record.finished)
    stamp, _, mode = record.run.rpartition("-")
    if mode != record.mode:
        yield "run: mode", record.mode, mode
    if started is None or finished is None or finished < started:
        yield "finished", f"not before {record.started}", record.finished
        return
    if finished > (now := datetime.now(UTC)) + _SKEW:
        yield "finished", f"not after {now.isoformat(timespec='seconds')}", record.finished
    named = _moment(stamp, "%Y%m%d_%H%M%S")
    if named is None or not timedelta() <= named - started <= _SKEW:
        yield "run: time", f"that of {record.started}", stamp
    seconds = sum(stage.seconds for stage in record.stages)
    if seconds > (longest := (finished - started).total_seconds() + _UNMEASURED):
        yield "stages: seconds", f"at most {longest:g} together", f"{seconds:g}"


def _rollback_command(record: Record) -> Iterator[_Pair]:
    """Yield the rollback command if this project does not write such a command.

    The operator will copy and run it.
    """
    command = record.rollback.get("command")
    if not command:
        return
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    calls = [[*program, "rollback"] for program in PROGRAMS]
    given = [words[len(call) :] for call in calls if words[: len(call)] == call]
    known = [[word.partition("=")[0] for word in options] in _OPTIONS for options in given]
    if known != [True] or shlex.join(words) != command:
        yield "rollback: command", "pytest -m rollback with its workspace and plan", one_line(command)


def _statements(log: str, record: Record) -> Iterator[_Pair]:
    """Yield each moved table that the SQL log does not mention."""
    for move in record.moves:
        line = f"-- {move.subject} -> {move.into}: "
        if line not in log:
            yield f"sql.log: {one_line(move.subject)}", one_line(line), "missing"


def _moment(text: str, form: str = "%Y-%m-%dT%H:%M:%S%z") -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None

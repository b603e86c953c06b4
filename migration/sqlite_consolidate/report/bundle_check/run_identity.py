"""Check that manifest, zip, id, times, rollback command and SQL belong to one run."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
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

_OPTIONS = ("--workspace", "--plan", "--allowed-signers", "--reports", "--originals", "--target")
"""Options that a command can have, in their order."""

_Pair = tuple[str, str, str]


def contradictions_of_identity(contents: BundleContents, record: Record) -> Iterator[_Pair]:
    """Yield each value that cannot belong to the same run as the others."""
    yield from _manifest(contents, record)
    if contents.bundle.top not in ("", record.run):
        yield "folder in the zip", record.run, one_line(contents.bundle.top)
    if contents.of_this_release:
        yield from _times(record)
        yield from _command("rollback: command", record.rollback.get("command", ""), {Mode.ROLLBACK.verb})
        yield from _command("next_command", record.next_command, _next_verbs(record))
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


def _next_verbs(record: Record) -> set[str]:
    """Return the verbs of which one can follow a run."""
    accepted = record.verdict == "accepted"
    incomplete = {Mode.ROLLBACK.verb} if record.exit_code == ExitCode.INTERNAL else set()
    unplanned = set() if record.plan.get("sha256") else {Mode.INVENTORY.verb}
    return {record.mode.next_verb if accepted else record.mode.verb, *incomplete, *unplanned}


def _command(subject: str, command: str, verbs: set[str]) -> Iterator[_Pair]:
    """Yield a command that this project does not write.

    The operator will copy and run it.
    """
    if not command:
        return
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    calls = [[*program, verb] for program in PROGRAMS for verb in verbs]
    given = [words[len(call) :] for call in calls if words[: len(call)] == call]
    options = [[word.partition("=")[0] for word in words] for words in given]
    known = [names == [name for name in _OPTIONS if name in names] for names in options]
    if known != [True] or shlex.join(words) != command:
        expected = f"pytest -m {' or '.join(sorted(verbs))} with its workspace and plan"
        yield subject, expected, one_line(command)


def _statements(log: str, record: Record) -> Iterator[_Pair]:
    """Yield each moved table that the SQL log does not mention.

    A log has its tables in the order of the evidence, and is searched from the last one on, because it may be long.
    """
    place = 0
    for move in record.moves:
        line = f"-- {move.subject} -> {move.into}: "
        place = log.find(line, max(place, 0))
        if place < 0 and (place := log.find(line)) < 0:
            yield f"sql.log: {one_line(move.subject)}", one_line(line), "missing"


def _moment(text: str, form: str = "%Y-%m-%dT%H:%M:%S%z") -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None

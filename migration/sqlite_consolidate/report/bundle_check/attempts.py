"""Check the list of earlier runs in the evidence for contradictions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.exit_codes import INTERRUPTIONS, ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.report.statements.comparison import facts_of
from sqlite_consolidate.report.statements.endings import earlier_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.report.evidence import Attempt, Comparison, Record

_ACCEPTED = (None, ExitCode.ACCEPTED, ExitCode.INTERNAL, *INTERRUPTIONS)

_Pair = tuple[str, str, str]


def contradictions_of_attempts(record: Record) -> Iterator[_Pair]:
    """Yield each contradiction in the list of earlier runs or about the last rehearsal."""
    runs = [attempt.run for attempt in record.attempts]
    in_order = [attempt.run for attempt in sorted(record.attempts, key=lambda attempt: (attempt.started, attempt.run))]
    if list(dict.fromkeys(in_order)) != runs:
        yield "attempts", f"each run once, by their beginning: {', '.join(in_order)}", ", ".join(runs)
    if record.run in runs:
        yield f"attempts: {record.run}", "other runs than this one", "this one"
    for attempt in record.attempts:
        for subject, expected, observed in _contradictions(attempt, record):
            yield f"attempts: {attempt.run}: {subject}", expected, observed
    yield from _drilled(record)
    if record.last_run is not None:
        yield from _last_run(record, record.last_run)


def _contradictions(attempt: Attempt, record: Record) -> Iterator[_Pair]:
    if not attempt.run.endswith(f"-{attempt.mode}"):
        yield "mode", attempt.run.rpartition("-")[2], attempt.mode
    if attempt.report not in ("", attempt.run):
        yield "report", attempt.run, attempt.report
    started, record_started = _moment(attempt.started), _moment(record.started)
    if started is None or record_started is None or started > record_started:
        yield "started", f"not after {record.started}", attempt.started
    finished = _moment(attempt.finished)
    if attempt.finished and (finished is None or started is None or finished < started):
        yield "finished", f"not before {attempt.started}", attempt.finished
    if bool(attempt.cut_short) == bool(attempt.finished):
        yield "cut_short", "only for a run without an end", attempt.cut_short or "nothing"
    yield from _verdict(attempt)


def _verdict(attempt: Attempt) -> Iterator[_Pair]:
    """Yield what contradicts the verdict of an earlier run.

    Only the first words of its headline are compared, because earlier releases continued in other words.
    """
    words = "Already consolidated" if attempt.already else attempt.mode.accepted.partition(":")[0]
    accepted = attempt.verdict == "accepted"
    known = (words, *earlier_words(words))
    if any(attempt.headline[: len(text)] == text for text in known) != accepted:
        yield "headline", f"{words} ..." if accepted else "no acceptance", attempt.headline
    refused = attempt.verdict == "refused" and attempt.exit_code == ExitCode.ACCEPTED
    if refused or (accepted and attempt.exit_code not in _ACCEPTED):
        yield "exit_code", f"that of a run that was {attempt.verdict}", str(attempt.exit_code)


def _drilled(record: Record) -> Iterator[_Pair]:
    """Yield a contradiction if no accepted rehearsal ended at the stated time."""
    drilled = record.rollback.get("drilled")
    if not drilled or record.mode is not Mode.MIGRATE:
        return
    rehearsals = [attempt for attempt in record.attempts if attempt.mode is Mode.REHEARSAL]
    passed = [attempt.finished for attempt in rehearsals if attempt.verdict == "accepted"]
    if drilled not in passed:
        yield "rollback: drilled", " or ".join(passed) or "no rehearsal passed", drilled


def _last_run(record: Record, last: Comparison) -> Iterator[_Pair]:
    """Yield what of the comparison with the last run is not so of this run."""
    if last.run not in [attempt.run for attempt in record.attempts]:
        yield "last_run: run", "an earlier run", last.run
    facts = facts_of(record)
    sentences = [sentence for _, _, sentence in facts.findings]
    for change in last.changes:
        subject = f"last_run: {change.kind} {change.subject}"
        if change.kind == "finding":
            if change.after and change.after not in sentences:
                yield subject, "a finding of this run", change.after
        else:
            values = facts.criteria if change.kind == "criterion" else facts.values.get(change.kind, {})
            expected = values.get(change.subject, "")
            if change.after != expected:
                yield subject, expected or "nothing", change.after or "nothing"
    for kind, number in Counter(change.kind for change in last.changes).items():
        if number > last.numbers.get(kind, 0):
            yield f"last_run: numbers: {kind}", f"at least {number}", str(last.numbers.get(kind, 0))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None

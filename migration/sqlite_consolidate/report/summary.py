"""Write the record as at most twenty lines of plain text for a ticket."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlite_consolidate.findings import list_findings
from sqlite_consolidate.observation import Outcome, says_all
from sqlite_consolidate.report.file_names import EVIDENCE
from sqlite_consolidate.report.formatting import (
    duration,
    moment,
    shortened,
    size,
    time_taken,
)
from sqlite_consolidate.report.questions import counts
from sqlite_consolidate.report.signing.plan_approval import approval_in
from sqlite_consolidate.report.statements.endings import ending_of
from sqlite_consolidate.text import counted, list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.findings import Level
    from sqlite_consolidate.report.evidence import Attempt, DatabaseRecord, Record

_MOST_FAILURES = 3
_WIDTH = 240
_LEVELS: tuple[tuple[str, Level], ...] = (("To review:", "attention"), ("Notes:    ", "note"))

_MOST_SOURCES = 100


def summary(record: Record, evidence_sha256: str) -> str:
    """Return the summary as printable text of at most 20 lines.

    Args:
        record: The record of the run.
        evidence_sha256: Digest of its ``evidence.json``. A summary that is kept elsewhere proves the evidence by it.
    """
    lines = [
        first_line(record),
        record.headline,
        f"Change:    {_or_dash(record.change.get('id'))}  {record.change.get('reason', '')}",
        f"People:    {_people(record)}",
        f"When:      {_when(record)}",
        f"Plan:      {_or_dash(record.plan.get('path'))}  sha256 {_or_dash(record.plan.get('sha256'))}",
        f"Sources:   {_or_dash(list_names([source.file for source in record.sources], _MOST_SOURCES))}",
        f"Target:    {_target(record.target)}",
        criteria_line(counts(record)),
        *_failures(record),
        *_findings(record),
        evidence_line(evidence_sha256),
        f"Backups:   {_or_dash(record.backup_set)}",
    ]
    # The command is never shortened, because the operator copies it.
    return "\n".join([*map(summary_line, lines), _rollback(record)]) + "\n"


def summary_line(text: str) -> str:
    """Return a text as one printable line of bounded length."""
    return shortened(one_line(text).rstrip(), _WIDTH)


def first_line(run: Record | Attempt) -> str:
    """Return the first line of the summary, with verdict and run."""
    return _first_line(run, ending_of(run).word)


def first_lines_of_earlier_releases(run: Record) -> list[str]:
    """Return the first line of the summary in the words of earlier releases."""
    return [_first_line(run, word) for word in ending_of(run).earlier]


def _first_line(run: Record | Attempt, word: str) -> str:
    return f"sqlite-consolidate: {word.upper()}  (verdict: {run.verdict}, run {run.run})"


def criteria_line(number: Mapping[str, int] | Mapping[Outcome, int]) -> str:
    """Return the line with the number of criteria of each outcome."""
    return "Criteria:  " + ", ".join(f"{count} {outcome}" for outcome, count in number.items())


def evidence_line(sha256: str) -> str:
    """Return the line with the digest of the evidence."""
    return f"Evidence:  {EVIDENCE}  sha256 {sha256}"


def _or_dash(text: str | None) -> str:
    return text or "—"


def _people(record: Record) -> str:
    requested, approved = (_or_dash(record.change.get(field)) for field in ("requested_by", "approved_by"))
    verified = f" (verified: {approval})" if (approval := approval_in(record)) else ""
    return f"requested by {requested}, approved by {approved}{verified}, run by {record.user} on {record.host}"


def _when(record: Record) -> str:
    if not record.finished:
        return f"{moment(record.started)}, not finished"
    estimates = [stage.estimate for stage in record.stages if stage.estimate]
    estimate = f", estimated {duration(sum(estimates))}" if estimates else ""
    return f"{moment(record.started)} to {moment(record.finished)}, took {time_taken(record)}{estimate}"


def _target(target: DatabaseRecord | None) -> str:
    if target is None:
        return "—"
    rows = f"{counted(sum(target.rows.values()), 'row')} before"
    if target.size_after is None:
        return f"{target.file}: {rows}; {_or_dash(size(target.size))}"
    rows += f", {sum(target.rows_after.values())} after"
    return f"{target.file}: {rows}; {_or_dash(size(target.size))} before, {_or_dash(size(target.size_after))} after"


def _failures(record: Record) -> list[str]:
    """Return at most four lines of failures, and one for unexamined criteria."""
    failed = [entry for entry in record.criteria if entry.outcome is Outcome.FAILED]
    lines = [
        f"  FAILED {entry.criterion}: {shortened(entry.subject, 60)}: {_difference(entry)}"
        for entry in failed[:_MOST_FAILURES]
    ]
    if len(failed) > _MOST_FAILURES:
        lines.append(f"  and {len(failed) - _MOST_FAILURES} more failures")
    if record.not_shown:
        lines.append(f"  NOT EXAMINED: {', '.join(record.not_shown)}")
    return lines


def _difference(entry: Evidence) -> str:
    """Return the rows that differ, or expected and observed if the rows are not known.

    Two digests tell a reader nothing.
    """
    if entry.rows_text:
        return entry.rows_text
    if says_all(entry.expected):
        return shortened(entry.observed, 120)
    return f"expected {shortened(entry.expected, 60)}, observed {shortened(entry.observed, 60)}"


def _findings(record: Record) -> list[str]:
    """Return the first finding of each level, and the number of findings of each id."""
    lines = []
    for label, level in _LEVELS:
        findings = list_findings(record.findings, level)
        if findings:
            more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
            lines.append(f"{label} {shortened(findings[0].finding.sentence, _WIDTH // 2)}{more}")
    kinds = Counter(finding.id for finding in record.findings if finding.level == "attention")
    if len(kinds) > 1:
        lines.insert(1, "           " + ", ".join(f"{number} {id}" for id, number in kinds.items()))
    return lines


def _rollback(record: Record) -> str:
    drilled = record.rollback.get("drilled")
    drill = f"rehearsed {moment(drilled)}" if drilled else "not rehearsed"
    command = record.rollback.get("command")
    return one_line(f"Rollback:  {command}  ({drill})" if command else "Rollback:  —")

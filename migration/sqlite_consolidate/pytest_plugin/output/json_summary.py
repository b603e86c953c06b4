"""Write the record as one JSON object for a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.findings import list_findings
from sqlite_consolidate.report.questions import counts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record


def json_summary(record: Record, *, report: Path, bundle: Path | None, next_step: str) -> str:
    """Return the summary of a run as one JSON object in ASCII.

    Args:
        record: The record of the run.
        report: The page of the run.
        bundle: The zip file of the run, or None if it has none.
        next_step: The command that follows and what to do before, or empty.
    """
    summary: dict[str, Any] = {
        "run": record.run,
        "mode": str(record.mode),
        "verdict": record.verdict,
        "exit_code": int(record.exit_code),
        "headline": record.headline,
        "already": record.already,
        "started": record.started,
        "finished": record.finished,
        "plan": record.plan,
        "criteria": {str(outcome): number for outcome, number in counts(record).items()},
        "not_passed": [
            {
                "criterion": entry.criterion,
                "subject": entry.subject,
                "outcome": str(entry.outcome),
                "expected": entry.expected,
                "observed": entry.observed,
                "todo": entry.todo,
            }
            for entry in record.criteria
            if not entry.holds and entry.subject and not entry.repeats
        ],
        "findings": [
            {"id": item.finding.id, "level": str(item.finding.level), "text": item.sentence}
            for item in (*list_findings(record.findings, "attention"), *list_findings(record.findings, "note"))
        ],
        "files": {"report": str(report), "bundle": str(bundle) if bundle else None, "backup_set": record.backup_set},
        "commands": {"next": next_step, "rollback": record.rollback.get("command", "")},
    }
    return json.dumps(summary, indent=2)

"""``evidence.json``, schema 1: the record of a run in the form that other programs may rely on."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from migration.audit.words import last_of
from migration.plan.printable import printable

if TYPE_CHECKING:
    from migration.audit.evidence import Attempt, DatabaseRecord, Evidence, MoveRecord, Record, SmokeRecord, StageRecord

SCHEMA = 1
_LONGEST_OUTPUT = 20_000  # characters of one stream of one application


def to_json(record: Record) -> str:
    """Return the record as JSON: ASCII only, indented, with a newline at its end.

    A criterion that was demanded but not shown is listed among the criteria, with the verdict ``"not shown"``.
    """
    document = {
        "schema": SCHEMA,
        "run": record.run,
        "mode": _mode(record),
        "verdict": record.verdict,
        "headline": record.headline,
        "exit_code": record.exit_code,
        "already": record.already,
        "started": record.started,
        "finished": record.finished,
        "host": record.host,
        "user": record.user,
        "versions": record.versions,
        "plan": record.plan,
        "change": record.change,
        "workspace": {"name": record.workspace, "id": record.workspace_id},
        "sources": [_database(source) for source in record.sources],
        "target": _database(record.target) if record.target else None,
        "moves": [_move(one) for one in record.moves],
        "differences": [asdict(one) for one in record.differences],
        "stages": [_stage(stage) for stage in record.stages],
        "criteria": [
            *map(_criterion, record.criteria),
            *(_missing(one, record.unanswerable.get(one, "")) for one in record.not_shown),
        ],
        "smoke": [_application(one) for one in record.smoke],
        "not_shown": list(record.not_shown),
        "unanswerable": record.unanswerable,
        "findings": list(record.findings),
        "backup_set": record.backup_set,
        "archive": record.archive,
        "rollback": record.rollback,
        "put_back": record.put_back,
        "attempts": [_attempt(one) for one in record.attempts],
        **record.extra,
    }
    return json.dumps(printable_texts(document), indent=2) + "\n"


def _mode(run: Record | Attempt) -> str:
    """Judging by originals, and judging a bundle, is a check to whoever reads the evidence."""
    return "check" if run.mode in ("originals", "bundle") else run.mode


def _database(database: DatabaseRecord) -> dict[str, Any]:
    return {
        "name": database.name,
        "file": database.file,
        "before": {"size": database.size, "digest": database.digest, "rows": database.rows},
        "after": {"size": database.size_after, "digest": database.digest_after, "rows": database.rows_after},
        "versions": database.versions,
        "contents": {
            place: {table: asdict(one) for table, one in tables.items()} for place, tables in database.contents.items()
        },
    }


def _move(move: MoveRecord) -> dict[str, Any]:
    return {
        "source": move.source,
        "table": move.table,
        "into": move.into,
        "rows": move.rows,
        "arrived": move.arrived,
        "skipped": move.skipped,
        "replaced": move.replaced,
    }


def _application(ran: SmokeRecord) -> dict[str, Any]:
    return asdict(ran) | {name: last_of(getattr(ran, name), _LONGEST_OUTPUT) for name in ("stdout", "stderr")}


def _stage(stage: StageRecord) -> dict[str, Any]:
    return {"id": stage.id, "outcome": stage.outcome, "seconds": stage.seconds, "estimate": stage.estimate}


def _criterion(evidence: Evidence) -> dict[str, Any]:
    return {
        "id": evidence.criterion,
        "subject": evidence.subject,
        "verdict": "shown" if evidence.holds else "failed",
        "expected": evidence.expected,
        "observed": evidence.observed,
    }


def _missing(criterion: str, why: str) -> dict[str, Any]:
    return {"id": criterion, "subject": "", "verdict": "not shown", "expected": "", "observed": why}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "run": attempt.run,
        "mode": _mode(attempt),
        "verdict": attempt.verdict,
        "headline": attempt.headline,
        "exit_code": attempt.exit_code,
        "started": attempt.started,
        "finished": attempt.finished,
        "backup_set": attempt.backup_set,
        "report": attempt.report,
        "cut_short": attempt.cut_short,
    }


def printable_texts(value: Any) -> Any:
    """Make every text printable: a lone surrogate is no JSON that all readers accept, an ESC none they should show."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(key)): printable_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable_texts(item) for item in value]
    return value

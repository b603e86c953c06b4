"""Make the 614 rows of ``workspace.db`` in an order that foreign keys allow."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlite_consolidate.sample.values import as_json, identity, iso, moment, paragraphs, stamp, word

if TYPE_CHECKING:
    from sqlite_consolidate.sample.values import Row

_LAYERS = ("core", "service", "adapter", "tool")
_STATUS = ("todo", "in_progress", "done", "done", "blocked")
_PRIORITY = ("high", "medium", "low")


def workspace_rows() -> dict[str, list[Row]]:
    """Return the rows of the ten tables that have any. The other 17 stay empty."""
    return {
        "architecture_components": [_component(number) for number in range(1, 54)],
        "workspace_tasks": [_task(number) for number in range(62)],
        "code_component_mappings": [_mapping(number) for number in range(183)],
        "unregistered_files": [_file(number) for number in range(289)],
        "bastard_reports": [_report(number) for number in range(8)],
        "cross_repo_issues": [_issue(number) for number in range(4)],
        "workspace_sessions": [_session(number) for number in range(3)],
        "work_contexts": [_context(number) for number in range(4)],
        "session_activities": [_activity(number) for number in range(4)],
        "architecture_decisions": [_decision(number) for number in range(4)],
    }


def _component(number: int) -> Row:
    return {
        "id": number,
        "name": f"{word(number)} {number:02d}",
        "layer": _LAYERS[number % 4],
        "path": f"meridian-core/src/meridian_core/{_LAYERS[number % 4]}/{number:02d}",
        "description": paragraphs(number) if number % 6 == 0 else None,
        "is_active": int(number % 9 != 0),
        "created_at": moment(number).strftime("%Y-%m-%d %H:%M:%S"),
    }


def _task(number: int) -> Row:
    return {
        "id": f"WS-{number + 1:03d}",
        "title": f"Register the {word(number)} with the {word(number * 7 + 3)}",
        "description": paragraphs(number) if number % 2 else "",
        "status": _STATUS[number % 5],
        "priority": _PRIORITY[number % 3],
        "component_id": number % 53 + 1 if number % 4 else None,
        "tags": as_json([word(number), "wms"]),
        "estimate_hours": number / 8 if number % 7 else None,
        "created_at": iso(number),
        "updated_at": iso(number + 5) if number % 3 else None,
    }


def _mapping(number: int) -> Row:
    return {
        "file_path": f"src/{_LAYERS[number % 4]}/{word(number)}_{number // 2:03d}.py",
        "component_id": number % 53 + 1,
        "confidence": round(1 - number / 300, 4),
        "mapped_by": "scanner" if number % 10 else "Zoë",
        "mapped_at": iso(number, minutes=3),
    }


def _file(number: int) -> Row:
    path = f"scratch/{number % 17:02d}/{word(number)}-{number:03d}.txt"
    return {
        "path": path,
        "size": number * number * 3,
        "sha256": hashlib.sha256(path.encode()).digest() if number % 11 else None,
        "first_seen": stamp(number, minutes=11),
        "note": f"looks like a copy of {word(number + 2)}" if number % 13 == 0 else None,
    }


def _report(number: int) -> Row:
    return {
        "report_type": "weekly" if number % 2 else "on demand",
        "body": f"# Report {number}\n\n{paragraphs(number)}\n\n| file | owner |\n|---|---|\n| {word(number)} | — |\n",
        "score": 0.1 * number,
        "generated_at": iso(number, minutes=10_080),
    }


def _issue(number: int) -> Row:
    return {
        "id": identity("issue", number),
        "repo": ("meridian-core", "workspace")[number % 2],
        "issue_number": 118 + number,
        "title": f"{word(number + 3)}: wrong owner",
        "state": "open" if number else "closed",
        "labels": as_json({"area": word(number), "since": iso(number)}),
    }


def _session(number: int) -> Row:
    return {
        "id": identity("session", number),
        "agent": ("planner", "coder", "Ærøskøbing")[number],
        "started_at": iso(number, minutes=1_440),
        "ended_at": (iso(1, minutes=1_440), iso(2, minutes=1_440), None)[number],
        "summary": paragraphs(number),
    }


def _context(number: int) -> Row:
    return {
        "id": number + 1,
        "session_id": identity("session", number % 3),
        "task_id": f"WS-{number * 9 + 1:03d}",
        "state": as_json({"open_files": [f"{word(number)}.py"], "cursor": {"line": 40 + number, "column": None}}),
        "is_active": (0, 0, 0, 1)[number],
    }


def _activity(number: int) -> Row:
    return {
        "id": (1, 2, 5, 8)[number],  # some were deleted: the AUTOINCREMENT mark remembers more than the rows show
        "session_id": identity("session", number % 3),
        "kind": ("opened", "edited", "tested", "committed")[number],
        "detail": as_json({"file": f"{word(number)}.py", "seconds": 12.5 * number}),
        "occurred_at": stamp(number),
    }


def _decision(number: int) -> Row:
    return {
        "id": f"ADR-{number + 1:04d}",
        "title": f"Keep the {word(number)} apart from the {word(number + 1)}",
        "status": ("superseded", "accepted", "accepted", "proposed")[number],
        "context": paragraphs(number),
        "decision": "We write it down once.\nEverybody else reads it there.",
        "consequences": ("One more file.", "", "Slower, but never wrong.", None)[number],
        "supersedes": "ADR-0001" if number == 1 else None,
        "decided_on": moment(number, minutes=20_160).date().isoformat(),
    }

"""Make the rows of the application's databases, the newest last.

There are 85 tasks, 5 rows of metadata of the queue, 1 proposal and 72 decisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.sample.values import as_json, identity, iso, paragraphs, stamp, word

if TYPE_CHECKING:
    from sqlite_consolidate.sample.values import Row

_STATUS = ("pending", "in_progress", "completed", "completed", "failed")
_PRIORITY = ("critical", "high", "medium", "low")
_CAPABILITY = ("code", "review", "architecture", None)
_AGENTS = ("planner", "coder", "reviewer", None)
_DURATION_LIMIT = 120.0


def task_rows() -> list[Row]:
    """Return the 85 rows of ``tasks``."""
    return [_task(number) for number in range(1, 86)]


def metadata_rows() -> list[Row]:
    """Return the 5 rows of ``task_queue_metadata``."""
    values = {
        "schema_version": "7",
        "created_by": "TaskQueueDB",
        "settings": as_json({"retry": {"max": 3, "backoff": 1.5}, "language": "de", "title": "Aufgaben für heute"}),
        "last_task": "task-0085",
        "notes": "moved twice already:\n  once from JSON,\n  once from a shared drive — never again",
    }
    return [
        {"key": key, "value": value, "updated_at": iso(number, minutes=900)}
        for number, (key, value) in enumerate(values.items())
    ]


def proposal_rows() -> list[Row]:
    """Return the 1 row of ``proposals``, which waits for its review."""
    proposal: Row = {
        "id": identity("proposal", 1),
        "hypothesis": "Smaller tasks fail less often: „Prüfung vor dem Zusammenführen“ halves the retries",
        "rationale": paragraphs(3),
        "pattern_id": "pattern-0007",
        "performance_data": as_json({"success_rate": 0.8627450980392157, "samples": 51, "p95_seconds": 1.0e2}),
        "implementation_result": None,
        "metadata": as_json({"source": "学習", "tags": ["retry", "size"], "parent": None}),
        "status": "pending",
        "created_at": stamp(118),
        "reviewed_at": None,
        "implemented_at": None,
        "review_notes": "",
    }
    return [proposal]


def decision_rows() -> list[Row]:
    """Return the 72 rows of ``orchestration_decisions``."""
    return [_decision(number) for number in range(72)]


def _task(number: int) -> Row:
    failed = {"at": iso(number), "error": "no answer in 120 s", "attempt": 1 + number % 3}
    return {
        "id": f"task-{number:04d}",
        "title": f"{word(number)}: settle the {word(number * 5 + 1)}",
        "description": paragraphs(number) if number % 3 else None,
        "status": _STATUS[number % 5],
        "priority": _PRIORITY[number % 4],
        "capability_required": _CAPABILITY[number % 4],
        "estimated_tokens": number * 1_250 if number % 6 else None,
        "tags": as_json([word(number), f"sprint-{number // 10}"]) if number % 8 else "[]",
        "dependencies": as_json([f"task-{number - 1:04d}"] if number % 5 == 0 else []),
        "failures": as_json([failed]) if _STATUS[number % 5] == "failed" else None,
        "metadata": as_json({"effort": number / 3, "reviewer": None if number % 3 else "Søren", "size": {"n": number}}),
        "file": f"meridian-core/src/meridian_core/{word(number)}.py" if number % 2 else "",
        "created_by": ("planner", "Zoë", "import")[number % 3],
        "created_at": iso(number),
        "updated_at": iso(number + 2) if number % 7 else None,
        "version": number % 4,
    }


def _decision(number: int) -> Row:
    success = (1, 1, 0, None)[number % 4]
    return {
        "id": identity("decision", number),
        "timestamp": stamp(number, minutes=41),
        "task_id": f"task-{number % 85 + 1:04d}",
        "agent_id": _AGENTS[number % 4],
        "task_type": _CAPABILITY[number % 3],
        "success": success,
        "failure_reason": "timeout:\n„keine Antwort“" if success == 0 else None,
        "tokens_used": number * 731 if success is not None else None,
        "duration_seconds": min(number * 1.7, _DURATION_LIMIT),
        "decision_process": as_json({"scores": {"planner": number / 7, "coder": 0.5}, "chosen": _AGENTS[number % 4]}),
        "metadata": as_json({"host": "größe-01", "dry": False}) if number % 2 else None,
        "dry_run": int(number % 12 == 0),
    }

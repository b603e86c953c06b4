"""Read and write the task queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from meridian_core.orchestration.orchestrator_utils import get_logs_dir
from meridian_core.storage import connect


@dataclass(frozen=True)
class Task:
    """One task of the queue.

    ``version`` counts its changes.
    """

    id: str
    title: str
    status: str
    priority: str
    tags: tuple[str, ...]
    version: int


class TaskQueueDB:
    """Read and write the tables ``tasks`` and ``task_queue_metadata``."""

    def __init__(self, db_path: Path | str | None = None) -> None:
        # fmt: off
        self.db_path = Path(db_path) if db_path is not None else (
            get_logs_dir() / "task_queue.db"      # beside the logs,   for historical reasons
        )
        # fmt: on
        with connect(self.db_path, "tasks"):
            pass  # a queue that is not there is noticed now, not at the first task

    def load_tasks(self, status: str | None = None) -> list[Task]:
        """Return all tasks, or those with ``status``, oldest first."""
        where, values = ("", ()) if status is None else (" WHERE status = ?", (status,))
        query = "SELECT id, title, status, priority, tags, version FROM tasks" + where + " ORDER BY created_at, id"
        with connect(self.db_path, "tasks") as db:
            rows = db.execute(query, values).fetchall()
        return [
            Task(id_, title, status_, priority, tuple(json.loads(tags or "[]")), version)
            for id_, title, status_, priority, tags, version in rows
        ]

    def add_task(self, task_id: str, title: str, *, priority: str = "medium", tags: tuple[str, ...] = ()) -> None:
        """Add a new pending task to the queue."""
        now = datetime.now(UTC).isoformat()
        row = (task_id, title, "pending", priority, json.dumps(tags, ensure_ascii=False), now, now, 0)
        with connect(self.db_path, "tasks") as db:
            db.execute(
                "INSERT INTO tasks (id, title, status, priority, tags, created_at, updated_at, version)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def set_status(self, task: Task, status: str) -> bool:
        """Change the status of ``task`` unless another process has changed the task.

        Returns:
            Whether the status was changed.
        """
        with connect(self.db_path, "tasks") as db:
            done = db.execute(
                "UPDATE tasks SET status = ?, updated_at = ?, version = version + 1 WHERE id = ? AND version = ?",
                (status, datetime.now(UTC).isoformat(), task.id, task.version),
            )
            return done.rowcount == 1

    def metadata(self) -> dict[str, str]:
        """Return the metadata of the queue."""
        with connect(self.db_path, "task_queue_metadata") as db:
            return dict(db.execute("SELECT key, value FROM task_queue_metadata ORDER BY key").fetchall())

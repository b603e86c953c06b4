"""Record which agent got which task, and its result."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from meridian_core.orchestration.orchestrator_utils import get_logs_dir
from meridian_core.storage import connect


class OrchestrationDecisionDB:
    """Read and write the table ``orchestration_decisions``."""

    def __init__(self, db_path: Path | str | None = None) -> None:
        # fmt: off
        default_path   =   get_logs_dir() / "orchestration_decisions.db"   # own file: written often, read rarely
        # fmt: on
        self.db_path = Path(db_path) if db_path is not None else default_path
        with connect(self.db_path, "orchestration_decisions"):
            pass  # nothing is created here: an empty record of decisions would look like a complete one

    def record_decision(self, task_id: str, agent_id: str, *, success: bool, failure_reason: str | None = None) -> str:
        """Add one decision, made now, and return its id."""
        decision_id = str(uuid.uuid4())
        row = (decision_id, time.time(), task_id, agent_id, int(success), failure_reason, 0)
        with connect(self.db_path, "orchestration_decisions") as db:
            db.execute(
                "INSERT INTO orchestration_decisions"
                " (id, timestamp, task_id, agent_id, success, failure_reason, dry_run) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return decision_id

    def count_decisions(self, agent_id: str | None = None) -> int:
        """Return the number of decisions, in total or for one agent."""
        where, values = ("", ()) if agent_id is None else (" WHERE agent_id = ?", (agent_id,))
        with connect(self.db_path, "orchestration_decisions") as db:
            return int(db.execute("SELECT count(*) FROM orchestration_decisions" + where, values).fetchone()[0])

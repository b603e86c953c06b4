"""Propose what the system could do in another way."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian_core.orchestration.orchestrator_utils import get_logs_dir
from meridian_core.storage import connect


@dataclass(frozen=True)
class Proposal:
    """One proposal.

    ``performance`` has the measurements by name.
    """

    id: str
    hypothesis: str
    status: str
    performance: dict[str, Any]


class ProposalManager:
    """Read and write the table ``proposals``."""

    # fmt: off
    def __init__(self,
                 db_path: Path | str | None = None) -> None:
        if db_path is None:
            db_path = get_logs_dir() / "proposals.db"  # one file a topic; see the orchestrator for the others
        self.db_path = Path( db_path )
        with connect(self.db_path, "proposals"): pass
    # fmt: on

    def load_proposals(self, status: str | None = None) -> list[Proposal]:
        """Return all proposals, or those with ``status``, newest first."""
        where, values = ("", ()) if status is None else (" WHERE status = ?", (status,))
        query = "SELECT id, hypothesis, status, performance_data FROM proposals" + where + " ORDER BY created_at DESC"
        with connect(self.db_path, "proposals") as db:
            rows = db.execute(query, values).fetchall()
        return [Proposal(id_, text, status_, json.loads(measured or "{}")) for id_, text, status_, measured in rows]

    def propose(self, hypothesis: str, rationale: str) -> str:
        """Add a proposal that waits for review, and return its id."""
        proposal_id = str(uuid.uuid4())
        with connect(self.db_path, "proposals") as db:
            db.execute(
                "INSERT INTO proposals (id, hypothesis, rationale, status, created_at) VALUES (?, ?, ?, ?, ?)",
                (proposal_id, hypothesis, rationale, "pending", time.time()),
            )
        return proposal_id

    def review(self, proposal_id: str, *, approved: bool, notes: str = "") -> None:
        """Close the review of a proposal."""
        with connect(self.db_path, "proposals") as db:
            db.execute(
                "UPDATE proposals SET status = ?, reviewed_at = ?, review_notes = ? WHERE id = ?",
                ("approved" if approved else "rejected", time.time(), notes, proposal_id),
            )

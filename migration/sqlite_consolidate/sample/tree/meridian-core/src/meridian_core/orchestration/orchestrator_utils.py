"""Find the files of the orchestrator."""

from __future__ import annotations

from pathlib import Path


# Everything below src/ may be installed elsewhere one day; until then the logs lie beside it.
def get_logs_dir() -> Path:
    """Return ``meridian-core/logs``, relative to this file."""
    return Path(__file__).resolve().parents[3] / "logs"

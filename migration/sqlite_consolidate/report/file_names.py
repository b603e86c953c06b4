"""Name the files in the report folder of a run, which its bundle holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EVIDENCE = "evidence.json"
SUMMARY = "summary.txt"
PLAN = "plan.toml"
DIFF = "code.diff"
SQL = "sql.log"
PAGE = "audit.html"
JUNIT = "junit.xml"
MANIFEST = "manifest.json"
SIGNATURE = f"{MANIFEST}.sig"
APPROVAL = f"{PLAN}.sig"


def zip_of(folder: Path) -> Path:
    """Return the path of the ``.zip`` beside a run's folder."""
    return folder.with_name(f"{folder.name}.zip")

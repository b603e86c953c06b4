"""Tell what each stage of a run costs, from its evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READING_REASONS = {
    "10-preflight": "The page reader proves each database. SQLite looks up keys, and checks databases below 64 MB.",
    "20-backup": "Each database is read for its copy, and each copy once after it was written.",
    "30-schema": "",
    "40-transfer": "The rows are copied and counted. Pages of the target are read again where its indexes grow.",
    "50-verify": "SQLite's quick_check reads the target about twice, and the page reader once.",
    "60-commit": "",
    "70-references": "",
    "80-smoke": "",
    "90-archive": "The page reader hashes each archive once, and compares it with the pages that it proved before.",
    "95-final": "The pages of the target are those that were proved before COMMIT.",
}
"""Stage to the reason why it reads databases, which other stages read as well."""


@dataclass(frozen=True)
class StageCost:
    """Hold the cost of one stage.

    Attributes:
        id: Its id.
        seconds: Elapsed time.
        read: Megabytes that system calls read, also from the page cache; 0 where the system does not count them.
        written: Megabytes that they wrote, likewise.
    """

    id: str
    seconds: float
    read: float
    written: float


def costs_of(evidence: Path) -> list[StageCost]:
    """Return the costs of all stages that ran."""
    return [
        StageCost(stage["id"], stage["seconds"], (stage["read"] or 0) / 1e6, (stage["written"] or 0) / 1e6)
        for stage in json.loads(evidence.read_bytes())["stages"]
        if stage["outcome"] == "passed"
    ]


def stage_table(costs: Sequence[StageCost]) -> str:
    """Return the costs as a table in Markdown."""
    rows = ["| stage | time | read | written | why it reads |", "| --- | --- | --- | --- | --- |"]
    for cost in costs:
        moved = f"{cost.read:.0f} MB | {cost.written:.0f} MB"
        rows.append(f"| {cost.id} | {cost.seconds:.2f} s | {moved} | {READING_REASONS[cost.id]} |")
    return "\n".join(rows) + "\n"

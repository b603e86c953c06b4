"""Read from the bundle of a workspace what the roll-up needs.

The bundle itself stays where its run has written it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter

from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.regular_files import read_regular
from sqlite_consolidate.report.evidence_json import record_from_json
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST
from sqlite_consolidate.text import with_message_id

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.report.evidence import DatabaseRecord, Record

_MAX_REASONS, _MAX_LENGTH = 3, 300
_MAX_HINT = 300


@dataclass(frozen=True)
class BundleSummary:
    """Hold what the roll-up needs of the bundle of one run.

    Attributes:
        folder: Absolute, on the host of the run.
        manifest_sha256: Digest of ``manifest.json``, which has the digests of all files. Empty if the run was cut
            short.
        mode: Mode of the run. ``verdict``, ``headline`` and ``already`` are those of ``evidence.json``.
        reasons: The first criteria that failed, with what was observed and what to do, and how many more failed.
        rows: Number of rows that the target has gained, without the history; None when it is unknown.
    """

    __pydantic_config__ = ConfigDict(strict=True, revalidate_instances="always")

    folder: str
    manifest_sha256: str = ""
    mode: str = ""
    verdict: str = "not shown"
    headline: str = ""
    already: bool = False
    reasons: tuple[str, ...] = ()
    rows: int | None = None


_SUMMARY = TypeAdapter(BundleSummary)


def read_new_bundle(reports: Path, before: AbstractSet[Path]) -> BundleSummary | None:
    """Return the bundle of the run that has just ended.

    None is returned when the run was refused before it began a bundle. A bundle that cannot be read has a headline that
    says so.

    Args:
        reports: The folder of the workspace's reports.
        before: Entries of the folder before the run.
    """
    folder = reports
    try:
        new = [path for path in sorted(set(reports.iterdir()) - before) if path.is_dir() and not path.is_symlink()]
        if not new:
            return None
        folder = new[-1]
        manifest, evidence = folder / MANIFEST, folder / EVIDENCE
        if os.path.lexists(manifest) and os.path.lexists(evidence):
            return _summary(folder, read_regular(manifest), read_regular(evidence))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        fact = f"{EVIDENCE} is not that of a run ({type(error).__name__})."
        return BundleSummary(str(folder), headline=with_message_id(fact, "Run it again.", id="bad-evidence"))
    return BundleSummary(str(folder), headline="Unfinished: the run was cut short before it wrote its evidence.")


def _summary(folder: Path, manifest: bytes, evidence: bytes) -> BundleSummary:
    """Return the summary of a bundle.

    Raises:
        Exception: The evidence lacks a key or has a value of another type.
    """
    record = record_from_json(json.loads(evidence))
    summary = BundleSummary(
        folder=str(folder),
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        mode=str(record.mode),
        verdict=record.verdict,
        headline=record.headline,
        already=record.already,
        reasons=_reasons(record),
        rows=_rows(record.target),
    )
    return _SUMMARY.validate_python(summary)


def _reasons(record: Record) -> tuple[str, ...]:
    failed = [entry for entry in record.criteria if entry.outcome is Outcome.FAILED]
    rest = [f"and {len(failed) - _MAX_REASONS} more: see its report"] if len(failed) > _MAX_REASONS else []
    return (*map(_reason, failed[:_MAX_REASONS]), *rest)


def _reason(entry: Evidence) -> str:
    """Return in one line what failed and what to do, with the id of the message."""
    fact = f"{entry.criterion}: {entry.subject}: {entry.rows_text or entry.difference}"[:_MAX_LENGTH]
    return f"{fact.removesuffix('.')}. To do: {entry.todo[:_MAX_HINT]}" if entry.todo else fact


def _rows(target: DatabaseRecord | None) -> int | None:
    if target is None or not target.rows_after:
        return None
    return _sum(target.rows_after) - _sum(target.rows)


def _sum(rows: dict[str, int]) -> int:
    return sum(count for table, count in rows.items() if table != HISTORY)

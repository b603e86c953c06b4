"""Read the earlier runs of a reports folder from their manifests, and remove old ones.

A manifest is small whatever the size of its run, so a thousand runs are read in a moment. It is first written when a
run begins, so that a killed run is known by a manifest without an end.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
from dataclasses import fields
from itertools import takewhile
from typing import TYPE_CHECKING, Any, get_args

from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.regular_files import read_regular
from sqlite_consolidate.report.evidence import Attempt, Verdict
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST, zip_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record


_RUN = re.compile(r"\d{8}_\d{6}-[a-z]+")
_MOST_BYTES = 1_000_000  # bytes; a manifest of ours has some thousand
_NO_END = "its report has no end, so it was killed or was still running"
_FIELDS = [field.name for field in fields(Attempt) if field.name not in ("report", "cut_short")]
_TYPES: dict[str, tuple[type, ...]] = {
    "already": (bool,),
    "exit_code": (int, type(None)),
    "has_failed_criterion": (bool, type(None)),
}
_ADDED = {"has_failed_criterion": None}  # fields that manifests of earlier releases lack


def workspace_id(workspace: Path) -> str:
    """Return 16 hex digits that identify a workspace without revealing its path.

    Args:
        workspace: The folder's absolute path, symbolic links resolved.
    """
    identity = f"{platform.node()}\0{workspace}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(identity).hexdigest()[:16]


def describe_run(record: Record) -> dict[str, Any]:
    """Return what a manifest states about its run.

    These are the fields of an :class:`Attempt`, except for the place of its report.
    """
    values = {name: getattr(record, name) for name in _FIELDS}
    return {**values, "plan": record.plan.get("path", "")}


def past_runs(reports: Path) -> Iterator[tuple[Path, Attempt | None]]:
    """Yield each run's folder below ``reports``, oldest first, with its manifest.

    The manifest is None if it is missing, damaged, or not of schema 1. Links, and files and folders of other names than
    a run's, are ignored.
    """
    if not reports.is_dir():
        return
    for folder in sorted(reports.iterdir()):
        if _RUN.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            yield folder, _read_manifest(folder / MANIFEST)


def proposed_plan(reports: Path, attempts: Sequence[Attempt]) -> str:
    """Return the digest of the plan that the last inventory with a plan proposed.

    It is empty if there is none, or if a run of another kind came later, because that can have used the plan.

    Args:
        reports: Folder with one folder per run.
        attempts: The earlier runs on the workspace, oldest first.
    """
    inventories = takewhile(lambda attempt: attempt.mode is Mode.INVENTORY, reversed(attempts))
    return next(filter(None, (_plan_digest(reports / attempt.report / EVIDENCE) for attempt in inventories)), "")


def _plan_digest(evidence: Path) -> str:
    """Return the digest of the plan of a run, or an empty text if the run has none."""
    try:
        return str(json.loads(read_regular(evidence))["plan"]["sha256"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def remove_old_runs(reports: Path, workspace: str, keep: int) -> None:
    """Remove the report folders and zips of a workspace, except for its newest runs.

    A run that may have changed the workspace is evidence, and stays: each migrate and rollback that was not refused.
    So does a run without an end, and one whose manifest cannot be read.

    Args:
        reports: Folder with one folder per run.
        workspace: Id of the workspace, see :func:`workspace_id`.
        keep: Number of newest runs that stay.

    Raises:
        OSError: A folder cannot be removed.
    """
    of_workspace = [(folder, past) for folder, past in past_runs(reports) if past and past.workspace_id == workspace]
    for folder, past in of_workspace[:-keep]:
        has_changed = past.mode in (Mode.MIGRATE, Mode.ROLLBACK) and past.exit_code != ExitCode.REFUSED
        if not has_changed and not past.cut_short:
            zip_of(folder).unlink(missing_ok=True)
            shutil.rmtree(folder)


def parse_manifest(manifest: bytes, report: str) -> Attempt | None:
    """Return the run that a manifest describes, or None if it is damaged or unknown.

    Args:
        manifest: The bytes of ``manifest.json``.
        report: Name of the folder of the manifest, or empty if that does not matter.
    """
    try:
        document = _ADDED | json.loads(manifest)["about"]
        values = {name: document[name] for name in _FIELDS}
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not all(isinstance(value, _TYPES.get(name, (str,))) for name, value in values.items()):
        return None
    if values["mode"] not in list(Mode) or values["verdict"] not in get_args(Verdict):
        return None
    return Attempt(
        **values | {"mode": Mode.named(values["mode"])}, report=report, cut_short="" if values["finished"] else _NO_END
    )


def _read_manifest(manifest: Path) -> Attempt | None:
    try:
        if manifest.is_symlink() or not manifest.is_file() or manifest.stat().st_size > _MOST_BYTES:
            return None
        return parse_manifest(manifest.read_bytes(), manifest.parent.name)
    except OSError:
        return None

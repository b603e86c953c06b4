"""Change the report of a run as a forger does, who also updates digests and copies."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.pipeline import run_stages
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.report.bundle_check.bundle_run import BundleRun
from sqlite_consolidate.report.evidence_json import record_from_json
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST
from sqlite_consolidate.report.summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

Files = dict[str, bytes]


def update_digests(files: Files) -> None:
    """Update summary and manifest after a change of other files."""
    manifest = json.loads(files[MANIFEST])
    before = manifest["files"][EVIDENCE]["sha256"].encode()
    after = hashlib.sha256(files[EVIDENCE]).hexdigest().encode()
    files["summary.txt"] = files["summary.txt"].replace(before, after)
    document = json.loads(files[EVIDENCE])
    keys = {"run", "mode", "verdict", "headline", "exit_code", "started", "finished", "already", "backup_set"}
    manifest["about"] |= {key: document[key] for key in keys}
    manifest["run"] = document["run"]
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
        if name != MANIFEST
    }
    files[MANIFEST] = json.dumps(manifest).encode()


def edit(files: Files, change: Callable[[Any], object]) -> None:
    """Change the evidence, write its summary, and update the digests."""
    document = json.loads(files[EVIDENCE])
    change(document)
    before = hashlib.sha256(files[EVIDENCE]).hexdigest()
    files["summary.txt"] = summary(record_from_json(document), before).encode()
    files[EVIDENCE] = json.dumps(document).encode()
    update_digests(files)


def read(folder: Path) -> Files:
    """Return the files of a report."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(folder: Path, files: Files) -> None:
    """Write the files as a report."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def forge(folder: Path, change: Callable[[Any], object]) -> None:
    """Change the evidence of a report, remove its page, and update the digests."""
    files = read(folder)
    files.pop("audit.html", None)
    (folder / "audit.html").unlink(missing_ok=True)
    edit(files, change)
    write(folder, files)


def shift_earlier(document: Any, by: timedelta) -> None:
    """Move the start and end of a run to an earlier time."""
    for key in ("started", "finished"):
        document[key] = (datetime.fromisoformat(document[key]) - by).isoformat()


def entry_of(document: Any, criterion: str, place: int = 0) -> Any:
    """Return an entry of a criterion."""
    return [entry for entry in document["criteria"] if entry["id"] == criterion][place]


def failing_subjects(folder: Path, files: Files) -> dict[str, set[str]]:
    """Return the subjects that failed, by criterion."""
    write(folder / "bundle", files)
    settings = Settings(workspace=folder / "nowhere", plan=folder / "none.toml", reports=folder)
    run = BundleRun(RunRequest(Mode.BUNDLE, settings), folder / "bundle")
    run_stages(run)
    return {
        criterion: {entry.subject for entry in result.evidence if not entry.holds}
        for criterion, result in run.log.results.items()
        if not result.outcome.holds
    }


def in_page(pattern: str, text: str) -> Callable[[Files], None]:
    """Return a forgery that replaces the first match of a pattern in the page."""

    def _replace(files: Files) -> None:
        page = files["audit.html"].decode()
        forged = re.sub(pattern, lambda _found: text, page, count=1)
        assert forged != page
        files["audit.html"] = forged.encode()

    return _replace


def without(criterion: str, place: int = 0) -> Callable[[Any], None]:
    """Return a forgery that removes an entry of a criterion from the evidence."""

    def _remove(document: Any) -> None:
        document["criteria"].remove(entry_of(document, criterion, place))

    return _remove

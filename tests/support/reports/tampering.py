"""Change a bundle and update only its digests."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.reports.forgery import Files


def update_digests(files: Files) -> None:
    """Update summary and manifest after a change of the evidence."""
    old = json.loads(files["manifest.json"])["files"]["evidence.json"]["sha256"].encode()
    new = hashlib.sha256(files["evidence.json"]).hexdigest().encode()
    files["summary.txt"] = files["summary.txt"].replace(old, new)
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
        if name != "manifest.json"
    }
    files["manifest.json"] = json.dumps(manifest).encode()


def edited(files: Files, change: Callable[[Any], object]) -> None:
    """Change the evidence, and update the digests."""
    document = json.loads(files["evidence.json"])
    change(document)
    files["evidence.json"] = json.dumps(document).encode()
    update_digests(files)


def zipped(path: Path, files: Files) -> Path:
    """Pack the files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def with_other_count(document: Any) -> None:
    """Change the number of rows of a table after the run."""
    document["target"]["after"]["rows"]["tasks"] -= 1


def with_a_failure_hidden(document: Any) -> None:
    """Make an entry fail without changing the verdict."""
    document["criteria"][3]["outcome"] = "failed"

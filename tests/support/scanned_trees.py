"""Build trees of code and scan them for the names of two old databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.scan import find_mentions
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope

if TYPE_CHECKING:
    from pathlib import Path

DATABASES = ["logs/task_queue.db", "logs/tasks.db"]


def write(root: Path, file: str, content: str | bytes) -> Path:
    """Write one file below the root, with its folders."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def scan(root: Path, *paths: str) -> list[tuple[str, int, str, str]]:
    """Scan, and return file, line, database and kind of each mention."""
    result = find_mentions(ScanScope(root, paths or ["."], DATABASES))
    return [(mention.file, mention.line, mention.database, mention.kind) for mention in result.mentions]

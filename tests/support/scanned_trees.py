"""Build trees of code and scan them for the names of two old databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.old_names import KINDS_IN_USE, OldNames
from sqlite_consolidate.engine.code.scanning.scan import find_mentions, mentions_in
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DATABASES = ["logs/task_queue.db", "logs/tasks.db"]

VERDICTS = {
    "mention": KINDS_IN_USE,
    "attention": {"sentence", "open pattern"},
    "note": {"documentation"},
}
"""What the scan says about a text, by the kinds of mentions in it. The first that fits counts."""


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


def verdicts(file: str, corpus: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return texts by what the scan says about each, in the order of a corpus.

    Args:
        file: Name of the file that has a text.
        corpus: Texts by the expected verdict.
    """
    names = OldNames(["data/old.db", "logs/events-2025-07.db", "var/users.sqlite"], "main.db")
    by_verdict: dict[str, tuple[str, ...]] = dict.fromkeys(corpus, ())
    for text in (text for texts in corpus.values() for text in texts):
        kinds = {mention.kind for mention in mentions_in(file, f"{text}\n".encode(), names)}
        verdict = next((verdict for verdict, meant in VERDICTS.items() if kinds & meant), "nothing")
        by_verdict[verdict] = (*by_verdict.get(verdict, ()), text)
    return by_verdict

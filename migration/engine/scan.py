"""One answer: where the scanned trees still name an old database."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from migration.engine.code_files import encoding_of, is_python, line_starts
from migration.engine.mention import SHOWN, Kind, Mention, OldNames, excerpt
from migration.engine.observation import Observation
from migration.engine.scan_files import files_in
from migration.engine.scan_python import python_mentions
from migration.plan.printable import one_line
from migration.plan.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Mention", "ScanResult", "mentions", "stale_observations"]

_HEAD = 4096  # a NUL in the first bytes: not text
_DOCUMENTATION = frozenset({".md", ".rst", ".txt", ".adoc", ".log"})
_CONFIG = frozenset({".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".json", ".xml", ".properties"})


@dataclass(frozen=True)
class ScanResult:
    """What a scan saw.

    Attributes:
        mentions: Every mention, in the order of files and lines.
        files_read: Number of text files that were looked at from beginning to end.
        not_scanned: Files that were not, each with the reason as its text; ``unreadable`` ones should have been.
    """

    mentions: tuple[Mention, ...]
    files_read: int
    not_scanned: tuple[Mention, ...]


def mentions(
    root: Path,
    paths: Sequence[str],
    databases: Sequence[str],
    never_open: frozenset[tuple[int, int]] = frozenset(),
) -> ScanResult:
    """Return every remaining mention of an old database's file name; no database is opened.

    Args:
        root: The workspace.
        paths: Folders and files to scan, relative to it.
        databases: Files of the old databases; what counts is the last part of each path.
        never_open: Device and inode of files that must not be opened, and of folders that must not be entered.
    """
    names = OldNames(databases)
    trees = files_in(root, paths, never_open)
    found: list[Mention] = []
    unread = list(trees.not_scanned)
    files_read = 0
    for file in trees.files:
        try:
            data = _text_bytes(root / file)
        except OSError as error:
            unread.append(Mention(file, 0, f"it cannot be read: {error.strerror}", "", "unreadable"))
            continue
        if data is not None:
            files_read += 1
            found += _mentions_in(file, data, names)
    return ScanResult(tuple(found), files_read, tuple(unread))


def stale_observations(result: ScanResult) -> list[Observation]:
    """Observe each mention that is still in use and each place that could not be looked at.

    If there is none, one observation that holds says how many files were read. Documentation is counted there.
    """
    stale = [_stale(mention) for mention in result.mentions if mention.kind != "documentation"]
    unread = [_unread(one) for one in result.not_scanned if one.kind == "unreadable"]
    if stale or unread:
        return stale + unread
    observed = f"{result.files_read} files read, none does"
    if result.mentions:
        observed += f"; {len(result.mentions)} mentions in documentation"
    if result.not_scanned:
        observed += f"; {len(result.not_scanned)} files not read: too large"
    return [Observation("scanned files", "none names an old database", observed, holds=True)]


def _stale(mention: Mention) -> Observation:
    return Observation(
        f"{mention.file}:{mention.line}",
        f"no mention of {mention.database}",
        one_line(mention.text)[:SHOWN],
        holds=False,
        todo="Add a [[reference]] for it to the plan, or change it by hand before the run.",
    )


def _unread(one: Mention) -> Observation:
    todo = "Make it readable, or correct `paths` of [scan] in the plan."
    return Observation(one.file, "can be scanned", one.text, holds=False, todo=todo)


def _text_bytes(path: Path) -> bytes | None:
    """Return the file's bytes, or None if it is not text."""
    with path.open("rb") as opened:
        head = opened.read(_HEAD)
        return None if b"\0" in head else head + opened.read()


def _mentions_in(file: str, data: bytes, names: OldNames) -> list[Mention]:
    if not is_python(file):
        return _by_line(file, _decoded(file, data), _kind(file), names) if names.may_be_in(data) else []
    if not names.may_be_put_together_in(data):
        return []
    text = _decoded(file, data)
    try:
        return python_mentions(file, text, names)
    except SyntaxError:  # template, or Python of another age: what it says still counts
        return _by_line(file, text, "code", names)


def _by_line(file: str, text: str, kind: Kind, names: OldNames) -> list[Mention]:
    """Return every mention in a text without regard to its syntax, one a line and name."""
    starts = [*line_starts(text), len(text)]
    found: dict[tuple[int, str], Mention] = {}
    for offset, name in names.find(text):
        number = bisect.bisect_right(starts, offset, hi=len(starts) - 1)
        line = text[starts[number - 1] : starts[number]]
        found.setdefault((number, name), Mention(file, number, excerpt(line, name), name, kind))
    return list(found.values())


def _decoded(file: str, data: bytes) -> str:
    encoding = encoding_of(file, data)
    return data.decode("latin-1" if isinstance(encoding, Problem) else encoding)


def _kind(file: str) -> Kind:
    path = PurePosixPath(file)
    if path.suffix.lower() in _DOCUMENTATION:
        return "documentation"
    return "config" if path.suffix.lower() in _CONFIG or path.name.startswith(".env") else "code"

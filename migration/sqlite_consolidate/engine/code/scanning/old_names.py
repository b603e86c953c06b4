"""Find the names of old databases in any text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.code.scanning.name_patterns import NamePatterns
from sqlite_consolidate.engine.code.source_files import has_only_literals
from sqlite_consolidate.engine.sqlite.sidecars import SIDECAR_PATTERN
from sqlite_consolidate.secret_masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MentionKind = Literal[
    "code", "config", "sentence", "open pattern", "documentation", "exempt", "not scanned", "link outside", "unreadable"
]

KINDS_IN_USE = frozenset({"code", "config"})
"""Kinds of mentions that may not remain."""

EXCERPT_LENGTH = 120
_READ_AROUND = 2000  # characters on both sides of a name in which secrets are looked for

_SEPARATOR = r"[/\\]+"
_ELSEWHERE = re.compile(r"\b(?:https?|ftps?|wss?)://[^\s\"'`<>()]*\Z|[\w.+-]@\Z")
_LONGEST_URL = 500
_BETWEEN_PIECES = b"\"'+ \t\r\n\\()"


@dataclass(frozen=True)
class Mention:
    """Hold a place that names an old database, or a file that was not scanned.

    Attributes:
        file: Path relative to the workspace.
        line: From 1; 0 when it is about the whole file.
        text: The line without secrets and the space around it, at most 120 characters; or the reason for not looking.
        database: File name of the database; empty when it is about the whole file, or may be any.
        kind: ``code`` and ``config`` are still in use; ``sentence`` is a text for people in code, and an ``open
            pattern`` can produce the name of any database, so both have to be judged; ``documentation`` (prose,
            comments, docstrings) is only listed, and so are ``exempt`` (the plan says why) and ``not scanned`` (too
            large) or ``link outside`` (of the workspace); ``unreadable`` could not be looked at though it had to be.
        reason: Why the plan exempts it.
        pattern: Pattern of the computed name that can be that of the database; empty if the database is named.
    """

    file: str
    line: int
    text: str
    database: str
    kind: MentionKind
    reason: str = ""
    pattern: str = ""

    @property
    def subject(self) -> str:
        """Return the database or the pattern, as it is shown and exempted."""
        return self.pattern or self.database


class OldNames:
    """Recognise the file names of the old databases.

    A name counts as a whole, or with a sidecar's ending: ``tasks.db-wal``; not ``old_tasks.db``, not ``tasks.db.bak``.
    In an address of the web or of mail it is no file of the workspace.
    Where the target has the same file name, as much of the path counts as tells the two apart: ``logs/tasks.db``.

    Args:
        databases: Paths of the old databases.
        target: Path of the new one.
    """

    def __init__(self, databases: Iterable[str], target: str = "") -> None:
        files_by_name = [(distinguishing_name(database, target), database) for database in databases]
        self.paths = dict(files_by_name)
        self.names = tuple(self.paths)
        self.patterns = NamePatterns(files_by_name)
        # Longer names come first, so that "tasks.db-1" is not found as "tasks.db" where both are old.
        longest_first = sorted(self.names, key=len, reverse=True)
        names = "|".join(_SEPARATOR.join(map(re.escape, name.split("/"))) for name in longest_first)
        self._pattern = re.compile(rf"(?<![\w.-])({names or '(?!)'})(?:{SIDECAR_PATTERN})?(?![\w~]|[.-]\w)")
        files = [PurePosixPath(name) for name in self.names]
        self._bytes = [file.name.encode() for file in files]
        self._ends = {file.suffix.removeprefix(".").encode() or file.name.encode() for file in files}
        self._parts = [(file.stem.encode(), _suffix_pattern(file.suffix.removeprefix("."))) for file in files]

    def find(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the offset and the name of every mention in the text."""
        for match in self._pattern.finditer(text):
            if not _ELSEWHERE.search(text, max(0, match.start() - _LONGEST_URL), match.start()):
                yield match.start(), re.sub(_SEPARATOR, "/", match.group(1))

    def may_occur_in(self, data: bytes) -> bool:
        """Return quickly whether a file may contain one of the names in one piece."""
        return self._has_an_end(data) and any(name in data for name in self._bytes)

    def may_be_assembled_in(self, data: bytes) -> bool:
        """Return quickly whether a program may assemble one of the names from pieces."""
        if not self._has_an_end(data):
            return False
        if self.patterns.may_be_built_in(data):
            return True
        squeezed = data.translate(None, _BETWEEN_PIECES)
        return any(stem in squeezed and ending.search(data) for stem, ending in self._parts)

    def _has_an_end(self, data: bytes) -> bool:
        """Return whether the file has the suffix of a database, or the whole name of one without.

        Most files have none, and hundreds of names are not looked for in them.
        """
        return any(end in data for end in self._ends)


def _suffix_pattern(suffix: str) -> re.Pattern[bytes]:
    """Return the pattern of a suffix in a program, such as ``.db`` or ``"db"``."""
    end = re.escape(suffix.encode())
    return re.compile(rb"\." + end + rb"(?!\w)|[\"']" + end + rb"[\"']" if end else b"")


def distinguishing_name(database: str, target: str) -> str:
    """Return the shortest end of the path that is no end of the target's path."""
    parts, others = PurePosixPath(database).parts, PurePosixPath(target).parts
    for count in range(1, len(parts) + 1):
        if parts[-count:] != others[-count:]:
            return "/".join(parts[-count:])
    return parts[-1]


def excerpt(line: str, name: str, file: str) -> str:
    """Return the stripped line without secrets, or 120 characters around the name.

    Args:
        line: The line.
        name: What is to be in the excerpt.
        file: File of the line, whose name tells the language.
    """
    around = max(0, line.find(name) - _READ_AROUND)
    line = mask_secrets(line[around : around + 2 * _READ_AROUND].strip(), in_code=has_only_literals(file))
    if len(line) <= EXCERPT_LENGTH:
        return line
    start = max(0, min(line.find(name) - EXCERPT_LENGTH // 4, len(line) - EXCERPT_LENGTH))
    return line[start : start + EXCERPT_LENGTH]

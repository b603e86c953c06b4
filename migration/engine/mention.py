"""One answer: what counts as naming an old database, in any text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind = Literal["code", "config", "documentation", "not scanned", "unreadable"]

SHOWN = 120


@dataclass(frozen=True)
class Mention:
    """One place that names an old database; or a file that was not looked at, and why.

    Attributes:
        file: Path relative to the workspace.
        line: From 1; 0 when it is about the whole file.
        text: The line without the space around it, at most 120 characters; or the reason for not looking.
        database: File name of the database; empty when it is about the whole file.
        kind: ``code`` and ``config`` are still in use; ``documentation`` (prose, comments, docstrings) is only listed,
            and so is ``not scanned`` (too large); ``unreadable`` could not be looked at though it had to be.
    """

    file: str
    line: int
    text: str
    database: str
    kind: Kind


class OldNames:
    """The file names of the old databases, and how they are recognised.

    A name counts as a whole, or with a sidecar's ending: ``tasks.db-wal``; not ``old_tasks.db``, not ``tasks.db.bak``.
    """

    def __init__(self, databases: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(PurePosixPath(database).name for database in databases))
        # A longer name first: where "tasks.db" and "tasks.db-1" are both old, each is found as itself.
        names = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w.-])({names or '(?!)'})(?:-(?:wal|shm|journal))?(?![\w~]|[.-]\w)")
        self._bytes = [name.encode() for name in self.names]
        paths = [PurePosixPath(name) for name in self.names]
        self._parts = [(path.stem.encode(), path.suffix.removeprefix(".").encode()) for path in paths]

    def find(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the offset and the name of every mention in the text."""
        for found in self._pattern.finditer(text):
            yield found.start(), found.group(1)

    def may_be_in(self, data: bytes) -> bool:
        """Tell quickly whether a file may have one of the names as it is."""
        return any(name in data for name in self._bytes)

    def may_be_put_together_in(self, data: bytes) -> bool:
        """Tell quickly whether a program may put one of the names together from stem and suffix."""
        return any(stem in data and suffix in data for stem, suffix in self._parts)


def excerpt(line: str, name: str) -> str:
    """Return the line without the space around it; of a long one, 120 characters around the name."""
    line = line.strip()
    if len(line) <= SHOWN:
        return line
    start = max(0, min(line.find(name) - SHOWN // 4, len(line) - SHOWN))
    return line[start : start + SHOWN]

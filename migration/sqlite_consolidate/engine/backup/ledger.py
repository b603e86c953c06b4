"""Record each step of a run on disk before the step is taken."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.atomic_files import sync_folder, written_file_named
from sqlite_consolidate.plan.values import inside
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.regular_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

NAME = "ledger.jsonl"
_LINES_AT_A_TIME = 200  # that are written together

RECORDED = "recorded"
"""Event that follows when the record and the rollback instructions are in the backup set."""

Event = dict[str, Any]

_REQUIRED = {"rewriting": ("file", "after")}
"""Facts that the readers of an event rely on. They are texts, as are the name and the time of each event."""

_TEXTS = ("run", "plan", "sha256")
"""Facts that are texts where an event has them."""


class Ledger:
    """Append events to a file of JSON lines.

    An event survives a power failure once :meth:`note` has returned.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def note(self, event: str, **facts: object) -> None:
        """Append one event and wait until it is on disk.

        If a crash has left an incomplete line, the event begins on a new line.

        Raises:
            OSError: The disk is full or broken. This event does not count, and all earlier events still do.
        """
        self._append(event, [facts])

    def note_all(self, event: str, facts: Iterable[dict[str, Any]]) -> None:
        """Append several events of one kind and wait once until they are on disk.

        There may be one of each of very many files, so some are written at a time.

        Raises:
            OSError: The disk is full or broken. An event counts if its whole line is on disk.
        """
        reader = iter(facts)
        first = [*islice(reader, 2)]
        if len(first) == 1:
            self.note(event, **first[0])
        elif first:
            self._append(event, chain(first, reader))

    def _append(self, event: str, facts: Iterable[dict[str, Any]]) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = (json.dumps({"event": event, "at": at, **each}).encode() + b"\n" for each in facts)
        parts = iter(lambda: b"".join(islice(lines, _LINES_AT_A_TIME)), b"")
        new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with written_file_named(self.path):
                size = os.fstat(handle).st_size
                ends_with_newline = not size or os.pread(handle, 1, size - 1) == b"\n"
                beginning = b"" if ends_with_newline else b"\n"
                for part in chain([beginning + next(parts)], parts):
                    unwritten = memoryview(part)
                    while unwritten:  # os.write writes only a part when the disk fills up, and fails at the next call
                        unwritten = unwritten[os.write(handle, unwritten) :]
                os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            sync_folder(self.path.parent)

    def events(self) -> list[Event]:
        """Return all complete events, oldest first.

        A line that a crash has left incomplete does not count.

        Raises:
            ProblemError: The file cannot be read, or has a complete line that no run writes (``bad-ledger``).
        """
        return list(self._events())

    def last_event(self) -> str:
        """Return the name of the last complete event, or an empty text."""
        name = ""
        for event in self._events():
            name = str(event["event"])
        return name

    def _events(self) -> Iterator[Event]:
        if not self.path.exists():
            return
        for number, line in enumerate(self._complete_lines(), 1):
            try:
                event = json.loads(line)
            except (ValueError, RecursionError) as error:
                if _is_incomplete(line, error):
                    continue
                event = None
            if not _is_event(event):
                raise ProblemError(self.problem(f"line {number} is not an event of a run."))
            yield event

    def _complete_lines(self) -> Iterator[bytes]:
        """Yield each line that has an end, without all of them in memory."""
        try:
            with open_regular(self.path) as file:
                yield from (line.removesuffix(b"\n") for line in file if line.endswith(b"\n"))
        except OSError as error:
            raise ProblemError(self.problem(f"cannot be read ({error.strerror}).")) from error

    def problem(self, fact: str) -> Problem:
        """Return the problem that a fact about the file is."""
        hint = "Restore the file from another copy, or move the whole set out of the backups folder."
        return Problem("bad-ledger", f"{self.path.parent.name}/{NAME}", fact, hint)

    def has(self, *events: str) -> bool:
        """Return whether the ledger has one of these events."""
        return bool({event["event"] for event in self._events()} & {*events})

    def all(self, event: str) -> list[Event]:
        """Return every event of one kind, oldest first."""
        return [entry for entry in self._events() if entry["event"] == event]


_LONGEST_WORD = len("\\u0000")


def _is_incomplete(line: bytes, error: Exception) -> bool:
    """Return whether a crash or a power failure can have left a line that is not JSON.

    Only its end is missing, or the file system has not written all of its bytes.
    """
    if b"\0" in line:
        return True
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos > len(error.doc) - _LONGEST_WORD


_PATHS = ("file", "archive", "kept", "removed")
"""Facts that are paths of the workspace or of the backup set where an event has them."""


def _is_event(event: object) -> bool:
    """Return whether a run can have written an event, by the facts that readers use."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return False
    texts = [event.get(name) for name in ("at", *_REQUIRED.get(event["event"], ()))]
    texts += [event[name] for name in _TEXTS if name in event]
    objects = event.get("objects", {})
    if not all(isinstance(text, str) for text in texts) or not isinstance(objects, dict):
        return False
    paths = [event[name] for name in _PATHS if name in event]
    return all(isinstance(value, str) for value in objects.values()) and all(map(_is_inside, paths))


def _is_inside(path: object) -> bool:
    try:
        return isinstance(path, str) and bool(inside(path))
    except ValueError:
        return False

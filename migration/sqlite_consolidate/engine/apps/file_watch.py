"""Find the files that applications created, changed or removed, other than databases."""

from __future__ import annotations

import os
import stat
from collections import ChainMap
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.atomic_files import replace
from sqlite_consolidate.engine.backup.copied_files import is_database, is_passed_over
from sqlite_consolidate.engine.backup.copy_contents import SMALL
from sqlite_consolidate.engine.content.digest import digest_file
from sqlite_consolidate.engine.sqlite.sidecars import SIDECARS

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator
    from pathlib import Path

Identity = tuple[int, int]


@dataclass(frozen=True)
class FileChange:
    """Hold the change of one file, named relative to the workspace.

    Attributes:
        file: Path relative to the workspace.
        kind: How it has changed.
        is_relied_on: Whether the run relies on the file as it was.
    """

    file: str
    kind: Literal["created", "changed", "removed", "given other permissions"]
    is_relied_on: bool = False


class FileWatch:
    """Watch the files of a workspace by what the file system reports about each.

    The status of a file has the time of its last change of status, which no application can set. A file on which the
    run relies is read as well if it is small, or if its status has changed. Databases are watched elsewhere.
    """

    def __init__(
        self,
        root: Path,
        *,
        skip: Collection[str] = (),
        relied_on: ChainMap[str, str] | None = None,
        never_open: frozenset[Identity] = frozenset(),
    ) -> None:
        """Record the present state.

        Args:
            root: The workspace, or its copy.
            skip: Files and folders that are not watched, relative to the workspace.
            relied_on: Files on which the run relies, relative to the workspace, with the digest of each. They are
                watched even in a folder that is skipped.
            never_open: Device and inode of databases to which this process has connections.
        """
        self._root, self._skip, self._never_open = root, frozenset(skip), never_open
        self._relied_on = (relied_on or ChainMap()).new_child()  # no copy, because there may be very many files
        self._states = self._first = self._read_states()

    def changes(self) -> list[FileChange]:
        """Return the changes since the last call, or since the watch began, by name."""
        before = self._states
        self._states = self._read_states_after(before)
        names = chain(before, self._states.keys() - before.keys())
        changes = (self._change(name, before.get(name), self._states.get(name)) for name in names)
        happened = sorted(filter(None, changes), key=attrgetter("file"))
        for change in happened:  # each change is that of one application
            if change.is_relied_on and change.kind == "changed":
                self._relied_on[change.file] = digest_file(self._root / change.file)
        return happened

    def restore(self, name: str, data: bytes, mode: int) -> None:
        """Write a file on which the run relies as it was before.

        Raises:
            OSError: The file cannot be written.
        """
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, data, mode)
        self._relied_on[name] = digest_file(path)
        self._states = {**self._states, name: _state(path.lstat())}

    def has_changed(self, ignored: Container[str] = ()) -> bool:
        """Return whether any other file has changed since the last call of ``changes``.

        The call does not begin a new period.
        """
        now = self._read_states()
        names = (name for name in chain(now, self._states.keys() - now.keys()) if name not in ignored)
        return any(self._change(name, self._states.get(name), now.get(name)) for name in names)

    def is_as_at_first(self, name: str, digest: str) -> bool:
        """Return whether a file on which the run relies is as it was when the watch began.

        A large file is read only if its status has changed.

        Args:
            name: The file, relative to the workspace.
            digest: Digest of its bytes when the watch began.
        """
        try:
            now = _state((self._root / name).lstat())
        except OSError:
            return False
        size, mode = _size_and_mode(now)
        if not stat.S_ISREG(mode):
            return False
        return (size > SMALL and now == self._first.get(name)) or digest_file(self._root / name) == digest

    def _change(self, name: str, before: bytes | None, now: bytes | None) -> FileChange | None:
        is_relied_on = name in self._relied_on
        if is_relied_on:
            if now is None:
                return FileChange(name, "removed", is_relied_on) if before is not None else None
            if before is None:
                return FileChange(name, "created", is_relied_on)
            size, mode = _size_and_mode(now)
            if stat.S_IFMT(_size_and_mode(before)[1]) != stat.S_IFMT(mode):  # a link to a file with the same bytes
                return FileChange(name, "changed", is_relied_on)
            if (before == now and size > SMALL) or digest_file(self._root / name) == self._relied_on[name]:
                return None
            return FileChange(name, "changed", is_relied_on)
        if before == now or (now is not None and self._is_database(name)):
            return None
        return FileChange(name, "created" if before is None else "removed" if now is None else "changed")

    def _is_database(self, name: str) -> bool:
        try:
            status = (self._root / name).lstat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) in self._never_open or is_database(self._root / name)

    def _read_states(self) -> dict[str, bytes]:
        states = {name: _state(entry.stat(follow_symlinks=False)) for name, entry in self._entries()}
        for name in chain.from_iterable(self._relied_on.maps):  # the chain would make a copy
            try:
                states[name] = _state((self._root / name).lstat())
            except OSError:
                continue
        return states

    def _read_states_after(self, before: dict[str, bytes]) -> dict[str, bytes]:
        """Return the present states, of which those as before are the same objects.

        There may be very many.
        """
        now = self._read_states()
        if now == before:
            return before
        return {name: before[name] if state == before.get(name) else state for name, state in now.items()}

    def _entries(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield every file and link that is watched, in the folders that can be listed."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._root / folder) as listing:
                    entries = list(listing)
            except OSError:
                continue
            if folder and is_passed_over(folder, {entry.name for entry in entries}):
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if name in self._skip or entry.name.endswith(SIDECARS):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                else:
                    yield name, entry


_STATE = Struct("=QqqQL")


def _state(status: os.stat_result) -> bytes:
    """Return what a status tells, packed because there may be very many files."""
    return _STATE.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)


def _size_and_mode(state: bytes) -> tuple[int, int]:
    size, *_, mode = _STATE.unpack(state)
    return size, mode

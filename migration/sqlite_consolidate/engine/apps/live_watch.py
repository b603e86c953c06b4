"""Find the files of the live workspace that change while programs run on a copy."""

from __future__ import annotations

import os
import posixpath
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.copied_files import is_cache, is_version_control
from sqlite_consolidate.engine.sqlite.processes import find_holders
from sqlite_consolidate.engine.sqlite.sidecars import SHM, SIDECARS, WAL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

WORKSPACE_CHANGED = "workspace-changed"
"""Id of the findings that files of the workspace changed while programs ran on a copy."""

_LIBRARY_CACHES = frozenset({".cache", ".vite"})  # bundlers of JavaScript keep them in node_modules


@dataclass(frozen=True)
class LiveChanges:
    """Hold the files of the live workspace that changed during one program.

    Attributes:
        files: Number of files that were watched.
        unexplained: Changed files that no other process is known to write.
        of_others: Changed files that another process has open, or has changed at another time as well.
    """

    files: int
    unexplained: tuple[str, ...] = ()
    of_others: tuple[str, ...] = ()


class LiveWatch:
    """Watch the live workspace by what the file system reports about each file.

    It opens none of them. The status of a file has the time of its last change of status, which no program can set. It
    does not name the process that made a change. Another process may use the workspace during a rehearsal. Therefore a
    file that such a process has open, or that changed while no program of the rehearsal ran, is reported as such.
    """

    def __init__(self, live: Path, *, skip: Collection[Path] = (), folders: Sequence[str] = ("",)) -> None:
        """Record the present state.

        Args:
            live: The workspace.
            skip: Folders that are not watched, such as that of the reports.
            folders: Folders that are watched, relative to the workspace. The default is all of it.
        """
        self._live, self._folders = live, folders
        temporary = Path(tempfile.gettempdir()).resolve()
        self._skip = {os.fspath(path) for path in (*skip, temporary)}
        self._busy: set[str] = set()
        self._states = self._read_states()

    def note_others(self) -> None:
        """Note that all changes since the last call of any method are those of other processes."""
        before, self._states = self._states, self._read_states()
        for name in _changed(before, self._states):
            self._busy.add(_database(name))
            if (name in before) != (name in self._states):
                self._busy.add(posixpath.dirname(name) + "/")

    def changes(self) -> LiveChanges:
        """Return the changes since the last call of any method."""
        before, self._states = self._states, self._read_states()
        names = _changed(before, self._states)
        held = self._held(names) if names else set()
        others = {
            name
            for name in names
            if {name, _database(name)} & (self._busy | held)
            or ((name in before) != (name in self._states) and posixpath.dirname(name) + "/" in self._busy)
        }
        files = sum(1 for name in self._states if not name.endswith("/"))
        unexplained = dict.fromkeys(_database(name) for name in names if name not in others)
        return LiveChanges(files, tuple(unexplained), tuple(dict.fromkeys(_database(name) for name in sorted(others))))

    def _held(self, names: Sequence[str]) -> set[str]:
        """Return the files that another process has open."""
        files = {self._live / _database(name): _database(name) for name in names}
        return {files[holder.file] for holder in find_holders([*files]).entries}

    def _read_states(self) -> dict[str, tuple[int, ...]]:
        return dict(self._entries())

    def _entries(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield each file, link and folder with its state. The name of a folder ends with a slash."""
        folders = [*self._folders]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._live / folder) as listing:
                    entries = [*listing]
            except OSError:
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:  # gone since the folder was listed
                    continue
                if stat.S_ISDIR(status.st_mode):
                    if not self._is_skipped(entry):
                        folders.append(name)
                        yield f"{name}/", (status.st_ino, status.st_mode)
                elif not _is_empty_sidecar(name, status.st_size):
                    yield name, _state(status)

    def _is_skipped(self, entry: os.DirEntry[str]) -> bool:
        name = entry.name
        is_ours = entry.path in self._skip
        return is_ours or is_cache(name) or is_version_control(name) or name in _LIBRARY_CACHES


def _changed(before: dict[str, tuple[int, ...]], now: dict[str, tuple[int, ...]]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _database(name: str) -> str:
    """Return the name of the database to which a sidecar file belongs.

    Any other file is returned as it is.
    """
    suffix = next((suffix for suffix in SIDECARS if name.endswith(suffix)), "")
    return name.removesuffix(suffix)


def _is_empty_sidecar(name: str, size: int) -> bool:
    """Return whether a sidecar file holds no rows.

    A program that only reads may create or remove it.
    """
    return name.endswith(SHM) or (name.endswith(WAL) and not size)


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode

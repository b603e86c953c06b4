"""Durability: what a power cut could still undo or tear, read from the system calls of a run that went well.

A kill does not show it: the kernel goes on and writes everything out.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.crash.injector import Call

_SCRATCH = ".reloaded"  # a database that is thrown away
_SIDECARS = ("-wal", "-shm")  # SQLite tells by itself whether they count
_JOURNAL = "-journal"  # so with its bytes; but when it comes back, the transaction that it belonged to is gone
_LOCK = "run.lock"  # the kernel's lock counts, not the file


def not_durable(calls: Iterable[Call], were: Iterable[str] = ()) -> list[str]:
    """Return in words each renaming that came before the bytes, and what was not on the disk when it mattered.

    That is: a file that is given a name before its bytes are synced, anything at all that is not synced when a source
    loses its name, and folders and files that were never synced by the end of the run.

    Args:
        calls: All of the run, in order.
        were: The files that were there before; to open one of these gives no new name.
    """
    found: list[str] = []
    files: set[str] = set()
    folders: dict[str, str] = {}
    there = set(were)
    for call in calls:
        old, path = call.paths[0], call.paths[-1]
        gone = call.name.startswith(("unlink", "rmdir"))
        if (
            path.endswith(_SIDECARS)
            or _SCRATCH in path
            or path.endswith(_LOCK)
            or (path.endswith(_JOURNAL) and not gone)
        ):
            continue
        if call.writes:
            files.add(path)
        elif call.syncs:
            files.discard(path)
            folders.pop(path, None)
        elif call.names and (gone or path not in there):
            if old != path and old in files:
                found.append(f"{path} got its name before its bytes were on the disk")
            folder = posixpath.dirname(path) or "."
            late = sorted(files | folders.keys() - {folder})  # that one is synced together with the name
            if ".archived_" in path and late and not gone:
                found.append(f"{path} got its name before these were on the disk: {', '.join(late)}")
            files.discard(old)
            there = there - {path} if gone else there | {path}
            folders[folder] = path
    found += [f"{path} was never synced" for path in sorted(files)]
    return found + [f"the folder {folder} was never synced after {path}" for folder, path in sorted(folders.items())]

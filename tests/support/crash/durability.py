"""Durability: what a power cut could still undo or tear, read from the system calls of a command that went well.

A kill does not show it: the kernel goes on and writes everything out. Nor does every power cut: ext4 writes out more
than it is asked for.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.crash.injector import Call

_SCRATCH = ".reloaded"  # a database that is thrown away
_LOCK = "run.lock"  # the kernel's lock counts, not the file
_SIDECARS = ("-wal", "-shm", "-journal")  # SQLite tells by itself whether their bytes count
_KEPT = ("/set-aside/", ".hot-journals/")  # where they are no longer beside a database, and their bytes count
_JOURNAL = "-journal"  # but when it comes back, the transaction that it belonged to is gone
_LEDGER = "/ledger.jsonl"
_CLAIMS = (
    "started",
    "sealed",
    "committed",
    "archived",
    "recorded",
    "finished",
    "target-restored",
    "put-back",
)  # others announce
_CUTS = ("ftruncate", "truncate")  # the header of a database says where it ends: what comes after does not count


def not_durable(calls: Iterable[Call], were: Iterable[str] = ()) -> list[str]:
    """Return in words what was not on the disk when it mattered.

    That is: a file that is given a name before its bytes are synced; anything at all that is not synced when a source
    loses its name, when the ledger says that something is done, or by the end; a name that is taken away before a new
    one is synced; and what lies beside the name of a database when a file is given that name.

    Args:
        calls: All of the command, in order.
        were: The files that were there before; to open one of these gives no new name.
    """
    cache, found = _Cache(were), list[str]()
    for call in calls:
        if _SCRATCH in call.paths[-1] or call.paths[-1].endswith(_LOCK):
            continue
        found += cache.too_early(call)
        cache.take(call)
    found += [f"{path} was never synced" for path in sorted(cache.files)]
    return found + [f"the folder {_folder(path)} was never synced after {path}" for path in cache.pending()]


class _Cache:
    """What only the kernel knows at a moment of a command: bytes of files, names that came and names that went."""

    def __init__(self, were: Iterable[str]) -> None:
        self.files: set[str] = set()
        self._names: dict[str, bool] = {}  # whether it came
        self._there = set(were)

    def pending(self) -> list[str]:
        """Return the names that came or went, except those that SQLite passes over."""
        return sorted(
            path
            for path, came in self._names.items()
            if not _is_sidecar(path) or (path.endswith(_JOURNAL) and not came)
        )

    def take(self, call: Call) -> None:
        """The call was made."""
        old, path = call.paths[0], call.paths[-1]
        if call.syncs:
            self.files.discard(path)
            self._names = {name: came for name, came in self._names.items() if _folder(name) != path}
        elif call.names and (_goes(call) or path not in self._there):
            self._names[path] = not _goes(call)
            if call.name.startswith("rename"):
                self._there.discard(old)
            self._there = self._there - {path} if _goes(call) else self._there | {path}
            self.files.discard(old)
        elif not call.names and call.name not in _CUTS and not _is_sidecar(path):
            self.files.add(path)

    def too_early(self, call: Call) -> Iterator[str]:
        """Yield what should have been on the disk before this call."""
        old, path = call.paths[0], call.paths[-1]
        if old != path and old in self.files:
            yield f"{path} got its name before its bytes were on the disk"
        if old != path and (beside := [path + one for one in _SIDECARS if path + one in self._there | {*self._names}]):
            yield f"{path} got its name before these were off the disk: {', '.join(beside)}"
        if ".archived_" in path and call.names and not _goes(call):
            if late := self._late(_folder(path)):
                yield f"{path} got its name before these were on the disk: {', '.join(late)}"
            if begun := sorted(one for one in self._there if one.endswith(_JOURNAL) and _is_sidecar(one)):
                yield f"{path} got its name in the middle of a transaction: {', '.join(begun)}"
        if path.endswith(_LEDGER) and (claim := _claim(call)) and (late := self._late(_folder(path))):
            yield f"the ledger said {claim!r} before these were on the disk: {', '.join(late)}"
        if ledger := [name for name in self._names if name.endswith(_LEDGER) and not {name, _folder(name)} & {path}]:
            yield f"{path} came before the name of {ledger[0]} was on the disk"
        if _goes(call) and not path.startswith("backups/") and (late := [name for name in self._came() if name != old]):
            yield f"{path} lost its name before these had theirs on the disk: {', '.join(late)}"

    def _late(self, but: str) -> list[str]:
        return sorted(self.files | {_folder(path) for path in self.pending()} - {but})

    def _came(self) -> list[str]:
        return [path for path in self.pending() if self._names[path]]


def _claim(call: Call) -> str:
    return next((one for one in _CLAIMS if call.writes and f'\\": \\"{one}\\"' in call.arguments), "")


def _goes(call: Call) -> bool:
    return call.name.startswith(("unlink", "rmdir"))


def _is_sidecar(path: str) -> bool:
    return path.endswith(_SIDECARS) and not any(kept in path for kept in _KEPT)


def _folder(path: str) -> str:
    return posixpath.dirname(path) or "."

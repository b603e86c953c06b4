"""Find what a power cut could still lose, from the system calls of a successful command.

A kill does not show it, because the kernel still writes everything to the disk. A power cut may not show it either,
because ext4 writes more than a program has asked for.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.crash.injector import Call

_SCRATCH = ".reloaded"  # a temporary database
_LOCK = "run.lock"  # the kernel's lock counts, not the file
_SIDECARS = ("-wal", "-shm", "-journal")  # SQLite decides whether their bytes count
_KEPT = ("/set-aside/", ".hot-journals/")  # folders where they are beside no database, so that their bytes count
_JOURNAL = "-journal"  # if it is restored, its transaction is lost
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
)  # other events announce a step
_CUTS = ("ftruncate", "truncate")  # the header of a database has its size, so that bytes after it do not count


def not_durable(calls: Iterable[Call], were: Iterable[str] = ()) -> list[str]:
    """Return what was not on the disk in time, as texts.

    This is a file that gets a name before its bytes are synced. It is anything unsynced when a source loses its name,
    when
    the ledger records a step as done, or at the end. It is a name that is removed before a new one is synced. It is a
    sidecar file beside the name of a database when a file gets that name.

    Args:
        calls: All calls of the command, in order.
        were: The files that existed before. Opening one of these adds no name.
    """
    cache, problems = _Cache(were), list[str]()
    for call in calls:
        if _SCRATCH in call.paths[-1] or call.paths[-1].endswith(_LOCK):
            continue
        problems += cache.too_early(call)
        cache.take(call)
    problems += [f"{path} was never synced" for path in sorted(cache.files)]
    return problems + [f"the folder {_folder(path)} was never synced after {path}" for path in cache.pending()]


class _Cache:
    """Hold what only the kernel has at one moment, as file bytes and changes of names."""

    def __init__(self, were: Iterable[str]) -> None:
        self.files: set[str] = set()
        self._names: dict[str, bool] = {}  # True if the name was added
        self._names_now = set(were)

    def pending(self) -> list[str]:
        """Return the names that were added or removed, except those that SQLite ignores."""
        return sorted(
            path
            for path, came in self._names.items()
            if not _is_sidecar(path) or (path.endswith(_JOURNAL) and not came)
        )

    def take(self, call: Call) -> None:
        """Apply a call."""
        old, path = call.paths[0], call.paths[-1]
        if call.syncs:
            self.files.discard(path)
            self._names = {name: came for name, came in self._names.items() if _folder(name) != path}
        elif call.names and (_is_removal(call) or path not in self._names_now):
            self._names[path] = not _is_removal(call)
            if call.name.startswith("rename"):
                self._names_now.discard(old)
            self._names_now = self._names_now - {path} if _is_removal(call) else self._names_now | {path}
            self.files.discard(old)
        elif not call.names and call.name not in _CUTS and not _is_sidecar(path):
            self.files.add(path)

    def too_early(self, call: Call) -> Iterator[str]:
        """Yield what should have been on the disk before this call."""
        old, path = call.paths[0], call.paths[-1]
        if old != path and old in self.files:
            yield f"{path} got its name before its bytes were on the disk"
        if old != path and (
            beside := [path + suffix for suffix in _SIDECARS if path + suffix in self._names_now | {*self._names}]
        ):
            yield f"{path} got its name before these were off the disk: {', '.join(beside)}"
        if ".archived_" in path and call.names and not _is_removal(call):
            if late := self._late(_folder(path)):
                yield f"{path} got its name before these were on the disk: {', '.join(late)}"
            if begun := sorted(name for name in self._names_now if name.endswith(_JOURNAL) and _is_sidecar(name)):
                yield f"{path} got its name in the middle of a transaction: {', '.join(begun)}"
        if path.endswith(_LEDGER) and (claim := _claim(call)) and (late := self._late(_folder(path))):
            yield f"the ledger said {claim!r} before these were on the disk: {', '.join(late)}"
        if ledger := [name for name in self._names if name.endswith(_LEDGER) and not {name, _folder(name)} & {path}]:
            yield f"{path} came before the name of {ledger[0]} was on the disk"
        if (
            _is_removal(call)
            and not path.startswith("backups/")
            and (late := [name for name in self._came() if name != old])
        ):
            yield f"{path} lost its name before these had theirs on the disk: {', '.join(late)}"

    def _late(self, but: str) -> list[str]:
        return sorted(self.files | {_folder(path) for path in self.pending()} - {but})

    def _came(self) -> list[str]:
        return [path for path in self.pending() if self._names[path]]


def _claim(call: Call) -> str:
    return next((event for event in _CLAIMS if call.writes and f'\\": \\"{event}\\"' in call.arguments), "")


def _is_removal(call: Call) -> bool:
    return call.name.startswith(("unlink", "rmdir"))


def _is_sidecar(path: str) -> bool:
    return path.endswith(_SIDECARS) and not any(kept in path for kept in _KEPT)


def _folder(path: str) -> str:
    return posixpath.dirname(path) or "."

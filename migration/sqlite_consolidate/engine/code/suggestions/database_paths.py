"""Relate the path that code states to an old database and to the target."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.text import list_names

if TYPE_CHECKING:
    from sqlite_consolidate.engine.code.scanning.old_names import OldNames


class DatabasePaths(NamedTuple):
    """Hold the paths of old databases of one name, and of the target.

    All are relative to the workspace.
    """

    old: tuple[str, ...]
    target: str

    @classmethod
    def of(cls, name: str, names: OldNames, target: str) -> DatabasePaths:
        """Return the paths of the old databases that are recognised by a name."""
        return cls(tuple(map(posixpath.normpath, names.paths[name])), target)

    @property
    def names(self) -> str:
        """Return the old databases as text."""
        return list_names(self.old)

    def way_of(self, written: str) -> tuple[str, str] | None:
        """Return the old database to which a written path leads, and the folder before that path.

        It is the first of several if the target has the same path from each of their folders. None means that it may
        be another file. The workspace is ".".
        """
        ways = [(old, folder) for old in self.old if (folder := _base_folder(old, written))]
        return ways[0] if len({self.path_to_target(folder) for _, folder in ways}) == 1 else None

    def path_to_target(self, folder: str) -> str:
        """Return the path from a folder of the workspace to the target."""
        return posixpath.relpath(self.target, folder)


def _base_folder(old: str, written: str) -> str:
    """Return the folder from which a written path leads to a database, or an empty text."""
    if written != old and not old.endswith(f"/{written}"):
        return ""
    return old[: len(old) - len(written)].rstrip("/") or "."

"""Relate the path that code states to an old database and to the target."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.text import list_names

if TYPE_CHECKING:
    from sqlite_consolidate.engine.code.scanning.old_names import OldNames

_PATH_AT_END = re.compile(r"[\w./\\-]*\Z")


class Way(NamedTuple):
    """Hold how a written path leads to an old database.

    Attributes:
        old: The database, or the first of several.
        folder: Folder before the written path. The workspace is ".".
        leads_to_several: Whether the path leads to another old database from another folder.
    """

    old: str
    folder: str
    leads_to_several: bool


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

    def path_at_end(self, text: str) -> str:
        """Return the path at the end of a text.

        A file name with blanks is one if no word and no blank is before it.
        """
        path: str = _PATH_AT_END.findall(text)[0]
        name = posixpath.basename(self.old[0])
        if name not in path and text.endswith(name):
            front = text.removesuffix(name)
            folder = _PATH_AT_END.findall(front)[0]
            if not front.removesuffix(folder).endswith(" "):
                return f"{folder}{name}"
        return path

    def way_of(self, written: str) -> Way | None:
        """Return how a written path leads to an old database.

        It is the first of several if the target has the same path from each of their folders. None means that it may
        be another file.
        """
        ways = [(old, folder) for old in self.old if (folder := _base_folder(old, written))]
        if len({self.path_to_target(folder) for _, folder in ways}) != 1:
            return None
        return Way(*ways[0], leads_to_several=len(ways) > 1)

    def path_to_target(self, folder: str) -> str:
        """Return the path from a folder of the workspace to the target."""
        return posixpath.relpath(self.target, folder)


def _base_folder(old: str, written: str) -> str:
    """Return the folder from which a written path leads to a database, or an empty text."""
    if written != old and not old.endswith(f"/{written}"):
        return ""
    return old[: len(old) - len(written)].rstrip("/") or "."

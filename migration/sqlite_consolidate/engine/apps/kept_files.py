"""Keep files open, so that those which an application deletes can be written again."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import make_private_folders
from sqlite_consolidate.engine.backup.copies import publish_file
from sqlite_consolidate.engine.content.digest import digest_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST = 100  # files; a process may have as few as 256 open
_PRIVATE = 0o600  # permissions of nearly all of these files, which may be very many


class KeptFiles:
    """Hold the files of a backup set open while applications run.

    The bytes of an open file exist as long as it is open, even if its name is deleted. Without these files a run that
    an application has spoiled could not be rolled back.
    """

    def __init__(self, root: Path, digests: Mapping[str, str]) -> None:
        """Open the first hundred files.

        Args:
            root: The workspace, or its copy.
            digests: Files relative to it, the most important first, with the digest of each.
        """
        self._root, self._digests = root, digests
        self._folders = sorted(
            {folder.as_posix() for name in digests for folder in PurePosixPath(name).parents} - {"."}
        )
        modes = ((name, stat.S_IMODE((root / name).lstat().st_mode)) for name in chain(self._folders, digests))
        self._modes = {name: mode for name, mode in modes if mode != _PRIVATE}
        self._resources = ExitStack()
        self._files = {name: self._resources.enter_context((root / name).open("rb")) for name in [*digests][:_MOST]}

    def restore_missing(self) -> list[str]:
        """Write each deleted file again, and return the names of those that are as before."""
        restored = []
        for name, file in self._files.items():
            path = self._root / name
            if os.path.lexists(path):
                continue
            make_private_folders(path.parent)
            part = path.with_name(f".{path.name}.part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as copy:
                file.seek(0)
                shutil.copyfileobj(file, copy)
            publish_file(part, path)
            if digest_file(path) == self._digests[name]:
                restored.append(name)
        return restored

    def restore_modes(self) -> list[str]:
        """Give each file and folder its permissions again, and return the names that had others.

        A folder comes before its files, which can only be examined through it.
        """
        changed = []
        for name in chain(self._folders, self._digests):
            path, mode = self._root / name, self._modes.get(name, _PRIVATE)
            with suppress(OSError):  # a file that is missing is noticed as such
                now = path.lstat().st_mode
                if stat.S_IMODE(now) != mode and not stat.S_ISLNK(now):
                    changed.append(name)
                    path.chmod(mode)
        return changed

    def __contains__(self, name: str) -> bool:
        """Return whether this is one of the files, or a folder that holds one."""
        return name in self._digests or name in self._folders

    def close(self) -> None:
        """Close the files."""
        self._resources.close()

"""One answer: which files git ignores, asked of git itself, or read from ``.gitignore`` where git has no answer."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from migration.engine.version_control import git

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pathspec import GitIgnoreSpec

_NONE_IGNORED = 1  # git's exit code when it ignores none of the paths


def ignored(root: Path, files: Sequence[str]) -> frozenset[str]:
    """Return those of the files that git ignores; tracked ones are never among them where git itself can be asked.

    It cannot be where it is not installed, where the workspace is no repository, holds several of them, or belongs to
    somebody else. There the ``.gitignore`` files of the workspace say it, and those above it up to the repository's
    top.

    Args:
        root: The workspace; it may be a subfolder of a repository.
        files: Paths relative to it.
    """
    answer = _asked_of_git(root, files)
    return _read_from_files(root, files) if answer is None else answer


def _asked_of_git(root: Path, files: Sequence[str]) -> frozenset[str] | None:
    answer = git(root, "check-ignore", "--stdin", "-z", asked=b"\0".join(os.fsencode(file) for file in files))
    if answer is None or answer.returncode > _NONE_IGNORED:
        return None
    return frozenset(os.fsdecode(file) for file in answer.stdout.split(b"\0") if file)


def _read_from_files(root: Path, files: Sequence[str]) -> frozenset[str]:
    rules = _Rules(root.resolve())
    return frozenset(file for file in files if rules.ignore(rules.within / file, is_folder=(root / file).is_dir()))


class _Rules:
    """The ``.gitignore`` files of a tree; one in a folder goes before those above it."""

    def __init__(self, root: Path) -> None:
        self._top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
        self.within = PurePosixPath(root.relative_to(self._top).as_posix())
        self._specs: dict[PurePosixPath, GitIgnoreSpec] = {}
        self._folders: dict[PurePosixPath, bool] = {PurePosixPath(): False}

    def ignore(self, path: PurePosixPath, *, is_folder: bool = False) -> bool:
        """Tell whether the path is ignored; in an ignored folder everything is."""
        if is_folder and path in self._folders:
            return self._folders[path]
        found = self.ignore(path.parent, is_folder=True) or self._matched(path, is_folder=is_folder)
        if is_folder:
            self._folders[path] = found
        return found

    def _matched(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        for folder in path.parents:
            name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
            include = self._spec(folder).check_file(name).include
            if include is not None:
                return include
        return False

    def _spec(self, folder: PurePosixPath) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        if folder not in self._specs:
            try:
                text = (self._top / folder / ".gitignore").read_text("utf-8", "replace")
            except OSError:
                text = ""
            self._specs[folder] = GitIgnoreSpec.from_lines(text.splitlines())
        return self._specs[folder]

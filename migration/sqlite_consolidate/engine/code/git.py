"""Ask git about ignored and uncommitted files."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pathspec import GitIgnoreSpec


_GIT_SECONDS = 10.0
_NOT_TRACKED = frozenset({"??", "!!"})


def uncommitted_findings(root: Path, files: Sequence[str]) -> list[Finding]:
    """Return a finding for each file with uncommitted edits and each untracked file.

    A run is not refused because of them: the backup set keeps every file as it was before, and a rollback restores
    exactly that. Without git, or outside a repository, there is no finding. Nothing is written.

    Args:
        root: The workspace; it may be a subfolder of a repository, or hold several.
        files: Files that are to be changed, relative to it.
    """
    by_folder = defaultdict(list)
    for file in files:
        by_folder[PurePosixPath(file).parent].append(file)
    states = {
        file: state
        for folder, some in by_folder.items()
        for file, state in _uncommitted_states(root, folder, some).items()
    }
    return [_finding(file, states[file]) for file in files if file in states]


def archive_findings(root: Path, archives: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each archive that ``git add`` would add.

    A database that git tracks is left out, because its rows are in the repository already. Without git, or outside a
    repository, there is no finding. Nothing is written.

    Args:
        root: The workspace.
        archives: Each database that is going to be archived to its name as an archive, relative to the workspace.
    """
    by_folder = defaultdict(list)
    for database in archives:
        by_folder[PurePosixPath(database).parent].append(database)
    added = set()
    for folder, databases in by_folder.items():
        ignored = _ignored_by_git(root / folder, [PurePosixPath(archives[database]).name for database in databases])
        if ignored is not None:
            unignored = [database for database in databases if PurePosixPath(archives[database]).name not in ignored]
            added |= set(unignored) - _tracked_by_git(root / folder, unignored)
    text = "would be added by git add, with all rows of the database: add *.archived_* to .gitignore."
    return [Finding.of("archive-unignored", archives[database], text) for database in archives if database in added]


def _tracked_by_git(folder: Path, files: Sequence[str]) -> set[str]:
    """Return the files of one folder that git tracks."""
    names = {PurePosixPath(file).name: file for file in files}
    result = run_git(folder, "ls-files", "-z", "--", *(f":(literal){name}" for name in names)) if names else None
    if result is None or result.returncode:
        return set()
    return {names[name] for name in map(os.fsdecode, result.stdout.split(b"\0")) if name in names}


def _uncommitted_states(root: Path, folder: PurePosixPath, files: Sequence[str]) -> dict[str, str]:
    """Return git's two-letter state of each file in a folder that is not as committed."""
    names = {PurePosixPath(file).name: file for file in files}
    literal = [f":(literal){name}" for name in names]
    options = ["--porcelain", "-z", "--ignored", "--untracked-files=all", "--no-renames"]
    result = run_git(root / folder, "status", *options, "--", *literal)
    if result is None or result.returncode:
        return {}
    lines = [os.fsdecode(line) for line in result.stdout.split(b"\0") if line]
    # The paths begin at the top of the repository; all of them are files of this folder, or an ignored one around it.
    states = {PurePosixPath(line[3:]).name: line[:2] for line in lines}
    is_folder_ignored = any(line.startswith("!!") and line.endswith("/") for line in lines)
    return {
        file: "!!" if is_folder_ignored else states[name]
        for name, file in names.items()
        if is_folder_ignored or name in states
    }


def _finding(file: str, state: str) -> Finding:
    if state in _NOT_TRACKED:
        text = f"is not tracked by git: where it is absent, git apply needs --exclude={file} with code.diff."
        return Finding.of("untracked-file", file, text)
    text = "has uncommitted edits: commit them first if the diff of the run must contain only its own changes."
    return Finding.of("uncommitted-edits", file, text)


def run_git(folder: Path, *args: str, asked: bytes = b"") -> subprocess.CompletedProcess[bytes] | None:
    """Run a read-only git command in ``folder`` and return its result.

    The result is None without git or outside a repository. Nothing is written, not even git's own index, and no
    program that the repository's configuration names is run.
    """
    if _find_top(folder.resolve()) is None:
        return None
    # A variable such as GIT_DIR, set where pytest runs inside a hook, would make git look at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *args]
    try:
        return subprocess.run(
            command, input=asked, capture_output=True, env=environment, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _find_top(folder: Path) -> Path | None:
    """Return the top folder of the repository that a real folder is in, or None."""
    return next((top for top in (folder, *folder.parents) if os.path.lexists(top / ".git")), None)


_NONE_IGNORED = 1  # git's exit code when it ignores none of the paths


def ignored_files(root: Path, files: Sequence[str]) -> frozenset[str]:
    """Return the files that git ignores.

    Git never ignores a tracked file. Git cannot be asked where it is not installed, where the workspace is not a
    repository or holds several, or where the workspace belongs to another user. Then the ``.gitignore`` files of the
    workspace and of the folders above it, up to the top of the repository, are read.

    Args:
        root: The workspace; it may be a subfolder of a repository.
        files: Paths relative to it.
    """
    result = _ignored_by_git(root, files)
    return _ignored_by_files(root, files) if result is None else result


def _ignored_by_git(root: Path, files: Sequence[str]) -> frozenset[str] | None:
    result = run_git(root, "check-ignore", "--stdin", "-z", asked=b"\0".join(os.fsencode(file) for file in files))
    if result is None or result.returncode > _NONE_IGNORED:
        return None
    return frozenset(os.fsdecode(file) for file in result.stdout.split(b"\0") if file)


def _ignored_by_files(root: Path, files: Sequence[str]) -> frozenset[str]:
    rules, top = _Rules(root.resolve()), os.fspath(root)
    return frozenset(file for file in files if rules.ignore(file, is_folder=os.path.isdir(f"{top}/{file}")))  # noqa: PTH112 -- a hundred thousand files


class _Rules:
    """Apply the ``.gitignore`` files of a tree, those of an inner folder first.

    Paths are texts, because the tree may have a hundred thousand files. The folder at the top is empty.
    """

    def __init__(self, root: Path) -> None:
        self._top = _find_top(root) or root
        self._within = root.relative_to(self._top).as_posix()
        self._specs: dict[str, list[tuple[str, GitIgnoreSpec]]] = {}
        self._folders: dict[str, bool] = {"": False}

    def ignore(self, file: str, *, is_folder: bool = False) -> bool:
        """Return whether a path below the workspace is ignored.

        Everything in an ignored folder is.
        """
        path = posixpath.normpath(f"{self._within}/{file}")
        return self._ignore("" if path == "." else path, is_folder=is_folder)

    def _ignore(self, path: str, *, is_folder: bool) -> bool:
        if is_folder and path in self._folders:
            return self._folders[path]
        is_ignored = self._ignore(posixpath.dirname(path), is_folder=True) or self._matched(path, is_folder=is_folder)
        if is_folder:
            self._folders[path] = is_ignored
        return is_ignored

    def _matched(self, path: str, *, is_folder: bool) -> bool:
        for folder, spec in self._specs_for(posixpath.dirname(path)):
            name = path.removeprefix(f"{folder}/" if folder else "") + ("/" if is_folder else "")
            include = spec.check_file(name).include
            if include is not None:
                return include
        return False

    def _specs_for(self, folder: str) -> list[tuple[str, GitIgnoreSpec]]:
        """Return the rules of a folder and of those above it, each with its folder."""
        if folder not in self._specs:
            above = self._specs_for(posixpath.dirname(folder)) if folder else []
            spec = _rules_in(self._top / folder / ".gitignore")
            self._specs[folder] = [(folder, spec), *above] if spec else above
        return self._specs[folder]


def _rules_in(file: Path) -> GitIgnoreSpec | None:
    """Return the rules of a ``.gitignore`` file, or None where there are none."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    from pathspec import GitIgnoreSpec  # thirty modules, which most folders do not need

    spec = GitIgnoreSpec.from_lines(lines)
    return spec if spec.patterns else None

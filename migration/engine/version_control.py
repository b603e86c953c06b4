"""One answer: what git knows of the files that are to be changed, for the person who reviews the change."""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from migration.engine.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_GIT_SECONDS = 10.0
_NOT_TRACKED = frozenset({"??", "!!"})


def noted(root: Path, files: Sequence[str]) -> list[Finding]:
    """Return a finding for each file with uncommitted edits, and for each that git does not track.

    It is no reason to refuse: the backup set keeps every file as it was found, and the way back restores just that.
    Without git, or outside a repository, there is nothing to say. Nothing is written.

    Args:
        root: The workspace; it may be a subfolder of a repository, or hold several.
        files: Files that are to be changed, relative to it.
    """
    by_folder = defaultdict(list)
    for file in files:
        by_folder[PurePosixPath(file).parent].append(file)
    states = {file: state for folder, some in by_folder.items() for file, state in _states(root, folder, some).items()}
    return [_finding(file, states[file]) for file in files if file in states]


def _states(root: Path, folder: PurePosixPath, files: Sequence[str]) -> dict[str, str]:
    """Return git's two letters for each of the files of one folder that are not as they were committed."""
    names = {PurePosixPath(file).name: file for file in files}
    literal = [f":(literal){name}" for name in names]
    options = ["--porcelain", "-z", "--ignored", "--untracked-files=all", "--no-renames"]
    answer = git(root / folder, "status", *options, "--", *literal)
    if answer is None or answer.returncode:
        return {}
    lines = [os.fsdecode(line) for line in answer.stdout.split(b"\0") if line]
    # The paths begin at the top of the repository; all of them are files of this folder, or an ignored one around it.
    found = {PurePosixPath(line[3:]).name: line[:2] for line in lines}
    around = any(line.startswith("!!") and line.endswith("/") for line in lines)
    return {file: "!!" if around else found[name] for name, file in names.items() if around or name in found}


def _finding(file: str, state: str) -> Finding:
    if state in _NOT_TRACKED:
        text = f"is not tracked by git: where it is absent, git apply needs --exclude={file} with code.diff."
        return Finding.of("untracked-file", file, text)
    text = "has uncommitted edits: commit them first if the diff of the run is to stand by itself."
    return Finding.of("uncommitted-edits", file, text)


def git(folder: Path, *args: str, asked: bytes = b"") -> subprocess.CompletedProcess[bytes] | None:
    """Return what git answers about the repository around ``folder``; None if there is no git, or no answer in time.

    Nothing is written, not even git's own index, and no program that the repository's configuration names is run.
    """
    # A variable such as GIT_DIR, set where pytest runs inside a hook, would make git look at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *args]
    try:
        return subprocess.run(
            command, input=asked, capture_output=True, env=environment, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None

"""Specify how much memory the files of a pattern take."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces.pattern_plans import create_phones

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "import sys; from sqlite_consolidate.pytest_plugin.commands.console import main; sys.exit(main(sys.argv[1:]))"


def peak_of_migration(root: Path) -> int:
    """Migrate a workspace in a process, and return the most memory that the process had."""
    command = [sys.executable, "-c", PROGRAM, "migrate", f"--workspace={root}", f"--reports={root}-reports"]
    output = [(os.POSIX_SPAWN_OPEN, 1, f"{root}.txt", os.O_WRONLY | os.O_CREAT, 0o600)]
    _, status, used = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=output), 0)
    assert status == 0
    return used.ru_maxrss


@pytest.mark.thorough
def test_ten_times_the_files_need_little_memory(tmp_path: Path) -> None:
    """A process with 100 files has some 80 MB, of which most is code."""
    peaks = {}
    for number in (100, 1000):
        create_phones(tmp_path / str(number), number)
        peaks[number] = peak_of_migration(tmp_path / str(number))

    assert peaks[1000] <= 1.35 * peaks[100]

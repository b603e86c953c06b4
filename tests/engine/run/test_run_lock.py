"""Specify the lock that prevents a second run."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.run.run_lock import RunLock, holder
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import sys, pathlib
from sqlite_consolidate.engine.run.run_lock import RunLock
with RunLock(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that does not exist, like its parent."""
    return tmp_path / "workspace" / "backups"


@contextmanager
def another_run(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in a second process."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.communicate()


def test_second_run_is_refused_and_names_the_first(folder: Path) -> None:
    """The problem names process and program without arguments, and has a hint."""
    with another_run(folder) as process, pytest.raises(ProblemError) as refused, RunLock(folder):
        pass

    [problem] = refused.value.problems
    assert problem.criterion == "no-other-process"
    assert problem.subject == str(folder / "run.lock")
    assert problem.what == f"another run is under way: process {process.pid} (-c)."
    assert "run again" in problem.hint


def test_lock_is_free_again_after_the_first_run(folder: Path) -> None:
    """A finished run leaves neither the lock nor the folders that it made for it."""
    with another_run(folder):
        pass

    assert not folder.parent.exists()
    with RunLock(folder):
        assert holder(folder) == os.getpid()


def test_lock_of_a_killed_run_has_no_effect(folder: Path) -> None:
    """Its file is left, and has no effect."""
    with another_run(folder) as process:
        process.kill()
        process.wait()

    assert (folder / "run.lock").exists()
    assert holder(folder) is None
    with RunLock(folder):
        assert holder(folder) == os.getpid()


def test_one_process_cannot_hold_the_lock_twice(folder: Path) -> None:
    """The kernel would allow it.

    It would release the first lock with the second one.
    """
    with RunLock(folder):
        with pytest.raises(ProblemError, match=f"process {os.getpid()} "), RunLock(folder):
            pass

        assert is_refused_elsewhere(folder)


def test_query_of_the_holder_keeps_the_lock(folder: Path) -> None:
    """A query in the process that holds the lock does not release it."""
    with RunLock(folder):
        assert holder(folder) == os.getpid()
        assert is_refused_elsewhere(folder)


def test_holder_is_named_without_changing_anything(folder: Path) -> None:
    """A rehearsal queries the lock, and leaves no trace."""
    assert holder(folder) is None
    assert not folder.parent.exists()

    with another_run(folder) as process:
        before = (folder / "run.lock").stat()
        assert holder(folder) == process.pid
        after = (folder / "run.lock").stat()

    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_folder_and_file_are_private(folder: Path) -> None:
    """No other user can block a run or read its name."""
    with RunLock(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "run.lock").stat().st_mode & 0o777 == 0o600


def test_folder_in_use_or_existing_before_is_kept(folder: Path, tmp_path: Path) -> None:
    """Only an empty folder that the lock created is removed."""
    with RunLock(folder):
        (folder / "set").mkdir()
    with RunLock(tmp_path):
        pass

    assert [path.name for path in folder.iterdir()] == ["set"]
    assert tmp_path.exists()


def test_lock_file_that_is_a_link_is_not_followed(folder: Path) -> None:
    """No other user can redirect the write to another file."""
    folder.mkdir(parents=True)
    (folder / "run.lock").symlink_to("victim")

    with pytest.raises(ProblemError, match="cannot be made"), RunLock(folder):
        pass
    with pytest.raises(ProblemError, match="cannot be read"):
        holder(folder)

    assert not (folder / "victim").exists()


def test_run_is_refused_when_the_folder_cannot_be_made(tmp_path: Path) -> None:
    """A bad path raises a problem."""
    (tmp_path / "file").touch()

    with pytest.raises(ProblemError, match="cannot be made"), RunLock(tmp_path / "file" / "backups"):
        pass

    assert holder(tmp_path / "file" / "backups") is None


def test_failing_run_gives_the_lock_back(folder: Path) -> None:
    """The error is raised, and the next run can start."""
    with pytest.raises(ZeroDivisionError), RunLock(folder):
        _ = 1 / 0

    assert holder(folder) is None
    assert not folder.exists()


def test_forked_child_does_not_give_the_lock_back(folder: Path) -> None:
    """A child process that leaves the context keeps its parent's lock."""
    with RunLock(folder) as lock:
        child = os.fork()
        if not child:
            lock.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)

        assert is_refused_elsewhere(folder)


def test_concurrent_runs_hold_the_lock_one_at_a_time(folder: Path) -> None:
    """The file may be removed and created again meanwhile.

    Two processes never hold the lock together.
    """
    code = """
import sys, os, pathlib
from sqlite_consolidate.engine.run.run_lock import RunLock
from sqlite_consolidate.problem import ProblemError
folder, mark = map(pathlib.Path, sys.argv[1:])
runs = 0
while runs < 200:
    try:
        with RunLock(folder):
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # fails if the other process is here
            mark.unlink()
            runs += 1
    except ProblemError as refused:
        assert "another run is under way" in str(refused)
"""
    command = [sys.executable, "-c", code, str(folder), str(folder.parent.parent / "in here")]

    with subprocess.Popen(command) as first, subprocess.Popen(command) as second:
        ended = (first.wait(), second.wait())

    assert ended == (0, 0)


def test_lock_on_a_removed_file_is_not_held(folder: Path) -> None:
    """The first run may remove its file just before the second one locks it.

    The second run then locks a new file.
    """
    code = """
import sys, pathlib
from sqlite_consolidate.engine.run.run_lock import RunLock
file = pathlib.Path(sys.argv[1], "run.lock")
removed = []
def remove_once(event, arguments):
    if event == "fcntl.lockf" and not removed:
        removed.append(file)
        file.unlink()
sys.addaudithook(remove_once)
with RunLock(file.parent):
    print(len(removed), file.exists())
"""

    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)

    assert done.stdout == "1 True\n"


def is_refused_elsewhere(folder: Path) -> bool:
    """Return whether another process is refused the lock."""
    done = subprocess.run(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.returncode != 0 and "another run is under way" in done.stderr

"""Start other processes that open a database, hold a lock or are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.files import has_hot_journal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

_OPEN = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
answer = "ready"
try:
    for statement in sys.argv[2:]:
        con.execute(statement).fetchall()
except sqlite3.OperationalError as error:
    answer = error
print(answer, flush=True)
con.execute(sys.stdin.read())
"""


@dataclass(frozen=True)
class Connected:
    """Hold another process that has a database open.

    Attributes:
        process: It takes a last statement through ``communicate``.
        answer: ``ready``, or SQLite's error for the statement that failed.
    """

    process: subprocess.Popen[str]
    answer: str


@contextmanager
def connected(database: Path, *statements: str) -> Iterator[Connected]:
    """Lend a child process that has run ``statements`` on a database and keeps it open."""
    command = [sys.executable, "-c", _OPEN, str(database), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield Connected(process, process.stdout.readline().strip())
        finally:
            if not process.stdin.closed:
                process.communicate()


@contextmanager
def other_process(database: Path, *statements: str) -> Iterator[int]:
    """Lend the id of a child process that has a database open after ``statements``."""
    with connected(database, *statements) as other:
        assert other.answer == "ready"
        yield other.process.pid


@contextmanager
def unrelated_process(code: str, *arguments: object, program: str | Path = sys.executable) -> Iterator[int]:
    """Run ``code`` in a process that is no child of this one, and lend its id while it waits."""
    waiting = f"import os, sys\n{code}\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
    command = [str(program), "-c", waiting, *(str(argument) for argument in arguments)]
    between = "import subprocess, sys; subprocess.Popen(sys.argv[1:], stdin=0)"  # its child becomes an orphan
    with subprocess.Popen(
        [sys.executable, "-c", between, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.wait()
        try:
            yield pid
        finally:
            parent.stdin.close()
            parent.stdout.read()  # until that process has ended


def die_in_a_transaction(database: Path) -> None:
    """Leave a hot journal, as a process does that is killed in a transaction."""
    _die_after(database, "PRAGMA cache_size=1", "BEGIN", "CREATE TABLE half AS SELECT randomblob(100000)")
    assert has_hot_journal(database)


def die_in_wal_mode(database: Path) -> None:
    """Leave a ``-wal`` with a row and a ``-shm``, as a process does that is killed."""
    _die_after(database, "PRAGMA journal_mode=WAL", "CREATE TABLE t(a)", "INSERT INTO t VALUES (1)")


def _die_after(database: Path, *statements: str) -> None:
    """Let a process execute statements, and kill it before it can close the database."""

    def _die() -> None:
        con = sqlite3.connect(database, isolation_level=None)
        for statement in statements:
            con.execute(statement)
        die()

    assert run_in_child(_die) == -signal.SIGKILL


def die() -> None:
    """Kill this process without any cleanup."""
    os.kill(os.getpid(), signal.SIGKILL)


def run_in_child(act: Callable[[], object]) -> int:
    """Call a function in a child process and return how the process ended.

    The result is 0, 1 after an exception, or -9 when the process was killed.
    """
    child = os.fork()
    if not child:
        try:
            act()
        except BaseException:  # noqa: BLE001 -- a forked child must never return into pytest
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}


def is_killed_at_change(act: Callable[[], object], number: int) -> bool:
    """Call a function in a process that is killed before its ``number``-th change of a file.

    Python's changes of names, folders, permissions and files opened for writing count, from 1.

    Returns:
        Whether the process was killed.
    """

    def counted() -> None:
        left = [number]

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
            if event in _CHANGES or writes:
                left[0] -= 1
                if not left[0]:
                    die()

        sys.addaudithook(watch)
        act()

    ended = run_in_child(counted)
    assert ended in (0, -signal.SIGKILL), "the child failed"
    return ended != 0

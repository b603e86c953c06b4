"""Run a read-only task in a second process while this process goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from sqlite_consolidate.engine.sqlite.application.connection_setup import ENVIRONMENT, current_setup
from sqlite_consolidate.engine.sqlite.errors import error_with_code, interrupted_error
from sqlite_consolidate.engine.sqlite.limits import Limits, reading_seconds
from sqlite_consolidate.problem import Problem, ProblemError

PARALLEL_MIN_BYTES = 16_000_000
"""Smallest database, in bytes, for which a second process saves more time than its start takes."""

_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
"""Longer steps of the clock are those of a computer or process that was stopped."""

_END_SECONDS = 5.0
"""Time for the kernel to end a process."""

_STDLIB_SQLITE_PROGRAM = (
    "import sys; sys.modules['pysqlite3'] = None; "
    "from sqlite_consolidate.engine.content.worker_main import main; main()"
)


class ReadWorker:
    """Run one read-only task in a second process.

    The second process watches its standard input and ends with this process, because the pipe is closed then. Used as a
    context manager, it ends the second process in every case. A run has one at a time.

    Args:
        task: A name that :mod:`sqlite_consolidate.engine.content.worker_main` knows.
        arguments: Paths and other arguments of the task.
        use_stdlib_sqlite: Use the SQLite of the interpreter, even if pysqlite3 is installed. It sorts in files, where
            pysqlite3 would need as much memory as an index has keys.
        limits: They end the wait for the result, and state its deadline. The second process has no limits.
    """

    def __init__(
        self, task: str, *arguments: Path | float, use_stdlib_sqlite: bool = False, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._files = [argument for argument in arguments if isinstance(argument, Path)]
        self._subject = Path(str(arguments[0])).name if arguments else task
        program = (
            ["-c", _STDLIB_SQLITE_PROGRAM]
            if use_stdlib_sqlite
            else ["-m", "sqlite_consolidate.engine.content.worker_main"]
        )
        command = [sys.executable, *program, task, *map(str, arguments)]
        setup = current_setup()
        environment = {**os.environ, ENVIRONMENT: setup.for_process} if setup else None
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._output = b""
        if self._process.stdout:
            os.set_blocking(self._process.stdout.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # the kernel does not end a process that waits for a disk
            self._process.wait(_END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def mark_complete(self) -> None:
        """Tell the task that the growing file which it reads is complete."""
        if self._process.stdin:
            self._process.stdin.write(b"complete\n")
            self._process.stdin.flush()

    def result(self) -> Any:
        """Wait for the end of the task and return its result, a JSON value.

        Raises:
            sqlite3.Error: The task raised it, the run is interrupted, or its deadline has passed.
            ProblemError: The second process exited without a result (``reader-ended``), or did not finish in time
                (``reader-late``).
        """
        self._wait()
        self._read_output()
        try:
            answer = json.loads(self._output)
        except ValueError:
            code = self._process.returncode
            raise ProblemError(
                Problem(
                    "reader-ended",
                    self._subject,
                    f"the reader process exited unexpectedly ({code}). It only read.",
                    "Check whether memory ran out or the operator ended the process, and run again.",
                )
            ) from None
        if "error" in answer:
            raise error_with_code(answer["error"], answer["code"])
        return answer["result"]

    def _wait(self) -> None:
        """Wait until the second process exits, at most until its deadline.

        Only time in which this process ran counts, because both processes are stopped together by Ctrl-Z.
        """
        allowed = reading_seconds(sum(map(_size, self._files)), self._limits.reader_seconds)
        waited, before = 0.0, time.monotonic()
        while self._process.poll() is None:
            self._read_output()
            if self._limits.interrupted.wait(_POLL_SECONDS) or self._limits.deadline.passed:
                raise interrupted_error()
            now = time.monotonic()
            waited, before = waited + min(now - before, _LONGEST_POLL_SECONDS), now
            if waited > allowed:
                raise ProblemError(
                    Problem(
                        "reader-late",
                        self._subject,
                        f"the reader process did not finish within {allowed:.0f} s, and was ended. It only read.",
                        "Check whether it was stopped, or whether the disk answers, and run again.",
                    )
                )

    def _read_output(self) -> None:
        """Read what the second process has written so far.

        It waits while the pipe is full.
        """
        if self._process.stdout:
            self._output += self._process.stdout.read() or b""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0

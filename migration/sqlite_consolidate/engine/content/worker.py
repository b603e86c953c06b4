"""Run a read-only task in a second process while this process goes on."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlite_consolidate.engine.sqlite.application.connection_setup import ENVIRONMENT, current_setup
from sqlite_consolidate.engine.sqlite.errors import error_with_code, interrupted_error
from sqlite_consolidate.engine.sqlite.limits import Limits, reading_seconds
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARALLEL_MIN_BYTES = 16_000_000
"""Smallest database, in bytes, for which a second process saves more time than its start takes."""

_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
"""Longer steps of the clock are those of a computer or process that was stopped."""

_CHUNK = 1 << 16

_END_SECONDS = 5.0
"""Time for the kernel to end a process."""

_STDLIB_SQLITE_PROGRAM = (
    "import sys; sys.modules['pysqlite3'] = None; "
    "from sqlite_consolidate.engine.content.worker_main import main; main()"
)


class ReadProcess:
    """Run one program that only reads, and take what it prints.

    The program watches its standard input and ends with this process, because the pipe is closed then. Used as a
    context manager, it ends the program in every case.

    Args:
        command: The program and its arguments.
        files: The files that it reads. They determine how long it may take.
        subject: What it reads, for a problem.
        limits: They end the wait for the program, and state its deadline.
        environment: Variables of the program. None gives it those of this process.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        files: Sequence[Path],
        subject: str,
        limits: Limits,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.files = list(files)
        self._limits, self.subject = limits, subject
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._unwritten = b""
        if self._process.stdin:
            os.set_blocking(self._process.stdin.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # the kernel does not end a process that waits for a disk
            self._process.wait(_END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(BrokenPipeError):  # the program has ended before it read all
                    pipe.close()

    def write(self, data: bytes) -> None:
        """Write to the standard input of the program, which stays open.

        :meth:`output` writes what the pipe does not take, so that a program that reads nothing does not block the
        caller.

        Raises:
            BrokenPipeError: The program has ended.
        """
        self._unwritten += data
        with suppress(BlockingIOError):
            self._write_some()

    def output(self) -> bytes:
        """Wait for the end of the program and return what it has printed.

        Raises:
            sqlite3.Error: The run is interrupted, or its deadline has passed.
            ProblemError: The program did not finish in time (``reader-late``).
        """
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Yield what the program prints until it ends.

        It waits at most until the deadline. What the caller does between two chunks does not count. Only time in which
        this process ran counts, because both processes are stopped together by Ctrl-Z.

        Raises:
            sqlite3.Error: The run is interrupted, or its deadline has passed.
            ProblemError: The program did not finish in time (``reader-late``).
        """
        allowed = reading_seconds(sum(map(_size, self.files)), self._limits.reader_seconds)
        waited = 0.0
        is_open = True
        while is_open:
            if self._limits.interrupted.is_set() or self._limits.deadline.passed:
                raise interrupted_error()
            before = time.monotonic()
            chunks = self._exchange()
            waited += min(time.monotonic() - before, _LONGEST_POLL_SECONDS)
            if waited > allowed:
                raise self._late(allowed)
            is_open = chunks != [b""]
            yield from chunks
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._late(allowed) from None

    def _exchange(self) -> list[bytes]:
        """Write what the pipe takes, and return what the program has printed since.

        The last chunk is empty. There is none if the program prints nothing for a while.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return []
        readable, writable, _ = select.select([stdout], [stdin] if self._unwritten else [], [], _POLL_SECONDS)
        if writable:
            try:
                self._write_some()
            except BrokenPipeError:  # the program has ended, and has perhaps printed why
                self._unwritten = b""
        return [os.read(stdout.fileno(), _CHUNK)] if readable else []

    def _write_some(self) -> None:
        if self._process.stdin:
            self._unwritten = self._unwritten[os.write(self._process.stdin.fileno(), self._unwritten[:_CHUNK]) :]

    def _late(self, allowed: float) -> ProblemError:
        return ProblemError(
            Problem(
                "reader-late",
                self.subject,
                f"the reader process did not finish within {allowed:.0f} s, and was ended. It changed no database.",
                "Check whether it was stopped, or whether the disk answers, and run again.",
            )
        )


class ReadWorker(ReadProcess):
    """Run one read-only task of this project in a second process.

    A run has one at a time, and one more from the first dump until COMMIT.

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
        program = (
            ["-c", _STDLIB_SQLITE_PROGRAM]
            if use_stdlib_sqlite
            else ["-m", "sqlite_consolidate.engine.content.worker_main"]
        )
        setup = current_setup()
        super().__init__(
            # -P, because the current folder is the workspace, whose modules are programs of the user.
            [sys.executable, "-P", *program, task, *map(str, arguments)],
            [argument for argument in arguments if isinstance(argument, Path)],
            Path(str(arguments[0])).name if arguments else task,
            limits or Limits(),
            {**os.environ, ENVIRONMENT: setup.for_process} if setup else None,
        )

    def result(self) -> Any:
        """Wait for the end of the task and return its result, a JSON value.

        Raises:
            sqlite3.Error: The task raised it, the run is interrupted, or its deadline has passed.
            ProblemError: The second process exited without a result (``reader-ended``), did not finish in time
                (``reader-late``), or could not use the setup of the plan (``bad-setup``).
        """
        return self.results()[0]

    def results(self) -> list[Any]:
        """Wait for the end of the task and return its result for each file, a JSON value.

        A problem names the file that was read when it occurred.

        Raises:
            sqlite3.Error: The task raised it, the run is interrupted, or its deadline has passed.
            ProblemError: The same as of :meth:`result`.
        """
        results: list[Any] = []
        unread = b""
        for chunk in self.chunks():
            *lines, unread = (unread + chunk).split(b"\n")
            results += map(_result, lines)
            self.subject = self.files[min(len(results), len(self.files) - 1)].name
        if self._process.returncode or len(results) < len(self.files):
            raise ProblemError(
                Problem(
                    "reader-ended",
                    self.subject,
                    f"the reader process exited unexpectedly ({self._process.returncode}). It changed no database.",
                    "Check whether memory ran out or the operator ended the process, and run again.",
                )
            )
        return results


def _result(line: bytes) -> Any:
    """Return the result that a line of the second process states, or raise its error."""
    answer = json.loads(line)
    if "problems" in answer:
        raise ProblemError(*(Problem(*texts, criterion=criterion) for *texts, criterion in answer["problems"]))
    if "error" in answer:
        raise error_with_code(answer["error"], answer["code"])
    return answer["result"]


class DumpLoads:
    """Load large dumps one after another while the run goes on.

    A second process loads them with Python's own SQLite, each into a scratch database beside it. It begins to load a
    dump while it is written. Only ``dump-reloads`` waits for it, before COMMIT.

    Args:
        limits: Limits of the run. They end the wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._worker: ReadWorker | None = None
        self._digests: dict[str, str] = {}

    def begin(self, dump: Path) -> None:
        """Let the second process load a dump that is being written."""
        if self._worker is None:
            self._worker = ReadWorker("reload", dump, use_stdlib_sqlite=True, limits=self._limits)
        else:
            self._worker.files.append(dump)
            self._tell(str(dump))

    def mark_complete(self) -> None:
        """Tell the second process that the dump which was begun last is complete."""
        self._tell("")

    def digest(self, dump: Path) -> str:
        """Wait for all loads, and return the content digest of what a dump restores.

        It is empty if the second process has not loaded the dump, or could not.

        Raises:
            sqlite3.Error: The run is interrupted, or its deadline has passed.
            ProblemError: The second process exited without a result (``reader-ended``), or did not finish in time
                (``reader-late``).
        """
        if self._worker is not None:
            self._tell(None)
            try:
                dumps = map(str, self._worker.files)
                self._digests = dict(zip(dumps, self._worker.results(), strict=True))
            finally:
                self.close()
        return self._digests.get(str(dump), "")

    def close(self) -> None:
        """End the second process, whatever it loads.

        The method is idempotent.
        """
        if self._worker is not None:
            with self._worker:
                self._worker = None

    def _tell(self, message: str | None) -> None:
        """Write a line to the second process.

        :meth:`digest` reports a process that has ended.
        """
        if self._worker is not None:
            with suppress(BrokenPipeError):
                self._worker.write(f"{json.dumps(message)}\n".encode())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0

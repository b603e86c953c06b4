"""Aside: something that only reads, done in a second process while this one goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from sqlite_consolidate.engine.sqlite.errors import error_with_code, interrupted_error
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.problem import Problem, ProblemError

PARALLEL_MIN_BYTES = 16_000_000
"""Bytes of a database from which on a second process saves more time than it takes to start."""

_POLL_SECONDS = 0.05
_STDLIB_SQLITE_PROGRAM = (
    "import sys; sys.modules['pysqlite3'] = None; "
    "from sqlite_consolidate.engine.content.worker_main import main; main()"
)


class ReadWorker:
    """A task in a second process, which ends with this one: it watches its standard input, which is closed then.

    Use it as a context: whatever happens, the process is gone afterwards. A run has one at a time.

    Args:
        task: A name that :mod:`sqlite_consolidate.engine.content.worker_main` knows.
        arguments: Paths, and what else it has to know.
        use_stdlib_sqlite: By the interpreter's own SQLite, though another may be installed: that sorts in files, where
            the other would take as much memory as an index has keys.
        limits: End the wait for the result; the second process has none of them.
    """

    def __init__(
        self, task: str, *arguments: Path | float, use_stdlib_sqlite: bool = False, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._subject = Path(str(arguments[0])).name if arguments else task
        program = (
            ["-c", _STDLIB_SQLITE_PROGRAM]
            if use_stdlib_sqlite
            else ["-m", "sqlite_consolidate.engine.content.worker_main"]
        )
        command = [sys.executable, *program, task, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def mark_complete(self) -> None:
        """Tell the task that the file which it reads while it is written is complete."""
        if self._process.stdin:
            self._process.stdin.write(b"complete\n")
            self._process.stdin.flush()

    def result(self) -> Any:
        """Wait for the end of the task, and return what it says: a few words, as JSON has them.

        Raises:
            sqlite3.Error: SQLite said so to the task, or the run is to end, or its deadline has passed.
            ProblemError: The second process did not come to its end.
        """
        while self._process.poll() is None:
            if self._limits.interrupted.wait(_POLL_SECONDS) or self._limits.deadline.passed:
                raise interrupted_error()
        output = self._process.stdout.read() if self._process.stdout else b""
        try:
            answer = json.loads(output)
        except ValueError:
            code = self._process.returncode
            raise ProblemError(
                Problem(
                    "reader-ended",
                    self._subject,
                    f"a second process, which was to read, ended by itself ({code}). It only read.",
                    "See whether memory ran out, or somebody ended it, and run again.",
                )
            ) from None
        if "error" in answer:
            raise error_with_code(answer["error"], answer["code"])
        return answer["result"]

"""Run each trial in a separate process, and end it when it takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING

from sqlite_consolidate.faults.trials.trial import TrialResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from sqlite_consolidate.faults.trials.trial import Trial

# The host gets the import path of this process.
_HOST = """
import sys
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
sys.path[:] = connection.recv()
from sqlite_consolidate.faults.trials.trial_host import serve
serve(connection)
"""
_TICK = 0.2  # seconds between two polls of a process
_MAX_OUTPUT = 2000  # characters of the output of a process that are kept


@dataclass
class TrialProcesses:
    """Run one trial after the other, each in a new process.

    A host process forks them. It is started for the first trial, and again after a trial that had to be ended.
    """

    _host: subprocess.Popen[bytes] | None = None
    _connection: Connection | None = None

    def run(self, trial: Trial, seconds: float, is_interrupted: Callable[[], bool]) -> TrialResult:
        """Run a trial and return its result.

        Args:
            trial: The trial.
            seconds: Time limit for the answer.
            is_interrupted: Returns whether the self-test is to end. The process is ended then.
        """
        connection = self._connection or self._start()
        try:
            connection.send(trial)
            result = _receive(connection, time.monotonic() + seconds, is_interrupted)
        except (EOFError, OSError):
            result = "its host process exited unexpectedly"
        if isinstance(result, TrialResult):
            connection.recv()
            return result
        if isinstance(result, int):
            return TrialResult(broken=f"its process exited unexpectedly (exit status {result}){_printed(trial)}")
        self.close()
        broken = "interrupted" if is_interrupted() else f"it took more than {seconds:.0f} s"
        return TrialResult(broken=result or broken)

    def close(self) -> None:
        """End the host and the trial that may be running."""
        if self._host is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._host.pid, signal.SIGKILL)
            self._host.wait()
            self._host = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _start(self) -> Connection:
        parent_end, child_end = Pipe()
        command = [sys.executable, "-P", "-c", _HOST, str(child_end.fileno())]
        self._connection = parent_end
        # A separate process group, because Ctrl-C has to reach this process alone. It ends the trials then.
        self._host = subprocess.Popen(
            command,
            pass_fds=[child_end.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        child_end.close()
        parent_end.send(sys.path)
        return parent_end


def _receive(connection: Connection, deadline: float, is_interrupted: Callable[[], bool]) -> TrialResult | int | str:
    """Return the result of a process, or its exit status if it ended without one.

    An empty text is returned on timeout.

    Raises:
        EOFError: The host has ended.
        OSError: The same.
    """
    while time.monotonic() < deadline and not is_interrupted():
        if connection.poll(_TICK):
            answer: TrialResult | int = connection.recv()
            return answer
    return ""


def _printed(trial: Trial) -> str:
    text = trial.output.read_text("utf-8", "replace").strip() if trial.output.is_file() else ""
    return f", and printed: {text[-_MAX_OUTPUT:]}" if text else ""

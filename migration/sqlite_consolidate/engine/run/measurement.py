"""Measure the time of a stage, and the bytes that it reads and writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_COUNTERS = Path("/proc/self/io")
"""Counters of Linux for this process, and for its child processes that have ended, see proc_pid_io(5)."""


@dataclass(frozen=True)
class Measurement:
    """Hold the counters of this process at one moment, or the difference of two moments.

    Attributes:
        seconds: Time of a monotonic clock.
        read: Bytes that system calls have read, those of the page cache included. None if the system does not count.
        written: Bytes that system calls have written, likewise.
    """

    seconds: float
    read: int | None
    written: int | None

    @classmethod
    def now(cls) -> Measurement:
        """Return the counters at this moment."""
        try:
            lines = dict(line.split(": ", 1) for line in _COUNTERS.read_text("ascii").splitlines())
            counted: tuple[int | None, int | None] = int(lines["rchar"]), int(lines["wchar"])
        except (OSError, ValueError, KeyError):  # another system, or a kernel without these counters
            counted = None, None
        return cls(time.monotonic(), *counted)

    def since(self, begin: Measurement) -> Measurement:
        """Return the difference to an earlier moment."""
        return Measurement(
            self.seconds - begin.seconds, _difference(self.read, begin.read), _difference(self.written, begin.written)
        )


def _difference(end: int | None, begin: int | None) -> int | None:
    return None if end is None or begin is None else end - begin

"""Show that a long step continues, on a terminal and in a log file."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from sqlite_consolidate.report.formatting import duration, size
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from sqlite_consolidate.engine.sqlite.limits import Progress


_BAR = 20


def progress_text(progress: Progress, seconds: float) -> str:
    """Return ``45 %, 9,000 of 20,000 rows, 3,000 rows/s, 4 s left``, or the known part of it.

    Args:
        progress: Progress of the step.
        seconds: Seconds since the step began.
    """
    done, total = progress.done, progress.total
    if not done or seconds <= 0:
        return ""
    if done == total:
        return f"all {_amount(total, progress.unit)}"  # further work on them cannot be counted
    rate = done / seconds
    words = [f"{_amount(done, progress.unit)}{f' of {_amount(total, progress.unit)}' if total else ''}"]
    words.append(f"{_amount(round(rate), progress.unit)}/s")
    if total:
        words.insert(0, f"{done / total:.0%}".replace("%", " %"))
        words.append(f"{_whole((total - done) / rate)} left")
    return ", ".join(words)


def time_left(expected: float | None, seconds: float) -> str:
    """Return how long a stage will still take if it takes as long as in the rehearsal.

    The text is empty once that time is over.
    """
    if expected is None or seconds >= expected:
        return ""
    return f"{_whole(expected - seconds)} left of the stage, by the rehearsal"


def bar(progress: Progress) -> str:
    """Return a progress bar, or an empty text if the total is unknown."""
    if not progress.total:
        return ""
    full = _BAR * progress.done // progress.total
    return f"[{'#' * full}{'.' * (_BAR - full)}] "


def _amount(count: int, unit: str) -> str:
    return size(count) if unit == "bytes" else f"{count:,} {unit}"


def _whole(seconds: float) -> str:
    return duration(seconds) if seconds > 10 else f"{seconds:.0f} s"  # noqa: PLR2004 -- from there on duration omits hundredths


TERMINAL_SECONDS, LOG_SECONDS = 2.0, 10.0
"""Seconds between two signs of a long step, on a terminal, which overwrites the line, and in a log file."""


class Heartbeat:
    """Show periodically the current step, its duration, its progress and the time left.

    The thread writes to its own descriptor, because pytest captures standard output during a test.

    Args:
        on_terminal: Whether the line is overwritten and erased at the end. Otherwise each sign is a line.
        width: Columns of the terminal.
        progress: Progress of the run. Each new step resets it.
    """

    expected: Callable[[], float | None] = staticmethod(lambda: None)
    """Returns the seconds that the stage took in the rehearsal, if any. It is called only when a sign is due."""

    def __init__(self, *, on_terminal: bool, width: int, progress: Progress) -> None:
        self._progress = progress
        self._on_terminal, self._width = on_terminal, width - 1
        self._out: TextIO | None = None
        self._words = ""
        self._since = self._last = time.monotonic()  # begin of the step; time of the last sign, or begin of the stage
        self._stage = self._since  # begin of the stage
        self._to_erase = False
        self._over = threading.Event()
        self._turn = threading.Lock()

    def begin(self) -> None:
        """Start the thread.

        Without a standard output nothing is shown.
        """
        try:
            self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            return
        threading.Thread(target=self._watch, daemon=True).start()

    def start_step(self, words: str) -> None:
        """Note that a step begins.

        The step is shown once it, or a sequence of steps, takes long.
        """
        with self._turn:
            self._words, self._since = one_line(words), time.monotonic()
            self._progress.begin()

    def clear_step(self) -> None:
        """Note that no step is performed, and erase the line on the terminal."""
        with self._turn:
            self._words, self._last = "", time.monotonic()
            self._stage = self._last
            if self._to_erase:
                self._write(f"\r{' ' * self._width}\r")
                self._to_erase = False

    def end(self) -> None:
        """Show nothing more."""
        self._over.set()
        self.clear_step()

    def _watch(self) -> None:
        pause = TERMINAL_SECONDS if self._on_terminal else LOG_SECONDS
        while not self._over.wait(0.5):
            with self._turn:
                now = time.monotonic()
                if self._words and now - self._last >= pause:
                    self._sign(self._line(now))
                    self._last = now

    def _line(self, now: float) -> str:
        seconds = now - self._since
        words = [
            f"{self._words}, {seconds:.0f} s",
            progress_text(self._progress, seconds),
            time_left(self.expected(), now - self._stage),
        ]
        return f"     {bar(self._progress) if self._on_terminal else ''}{'; '.join(word for word in words if word)}"

    def _sign(self, text: str) -> None:
        if self._on_terminal:
            self._write("\r" + text[: self._width].ljust(self._width))
            self._to_erase = True
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        if self._out is not None:
            with contextlib.suppress(OSError):  # the reader has closed the pipe, but the run continues
                self._out.write(text)
                self._out.flush()

"""Limit the time of one run, interrupt it, and count its progress."""

from __future__ import annotations

import contextlib
import math
import resource
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.errors import interrupted_error
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path
else:
    from sqlite_consolidate.sqlite_library import sqlite3


PROGRESS_ROWS = 1024
"""Rows after which progress is counted, because counting each row costs more than reading it."""


@dataclass
class Progress:
    """Hold the progress of one part of a step.

    One thread writes it and another reads it. Both only set numbers.

    Attributes:
        counted: Rows or files that were read since the part began.
        total: Rows, files or bytes of the whole part. 0 if the total is not known.
        unit: ``rows``, ``files`` or ``bytes``.
    """

    counted: int = 0
    total: int = 0
    unit: str = "rows"
    _measure: Callable[[], int] | None = None

    def begin(self, total: int = 0, unit: str = "rows", measure: Callable[[], int] | None = None) -> None:
        """Start to count another part.

        Args:
            total: Rows, files or bytes of the whole part. 0 if the total is not known.
            unit: ``rows`` and ``files`` are counted as they are read, ``bytes`` are measured.
            measure: Returns how much is done, in any thread. Without it, what was ``counted`` is done.
        """
        self._measure = measure
        self.counted, self.total, self.unit = 0, total, unit

    @property
    def done(self) -> int:
        """Return how much is done, at most the total."""
        done = self.counted
        if self._measure is not None:
            with contextlib.suppress(OSError):  # the file does not exist yet, or is complete and renamed
                done = self._measure()
        return min(done, self.total) if self.total else done


def size_reader(path: Path, less: int = 0) -> Callable[[], int]:
    """Return a function that returns the bytes of a growing file without opening it."""
    return lambda: max(0, path.stat().st_size - less)


_SECONDS_PER_BYTE = 1e-6  # a second for each MB, about thirty times what two readings from a slow disk take


_REMEDY = "Correct that, or leave this database out."


def out_of_proportion_problem(subject: str, fact: str, remedy: str = _REMEDY) -> Problem:
    """Return the problem that reading a database costs more than its size explains."""
    hint = f"Check what its schema computes in views, triggers, CHECKs, generated columns and indexes. {remedy}"
    return Problem("out-of-proportion", subject, fact, hint, criterion="sources-readable")


def reading_seconds(size: int, base: float) -> float:
    """Return the seconds that reading ``size`` bytes of databases may take.

    One second for each MB is added to ``base``.
    """
    return base + size * _SECONDS_PER_BYTE


@dataclass
class Deadline:
    """Hold the deadline of a run, if it has one.

    Every connection of the run checks it while a statement runs.

    Attributes:
        step: What is being read, for the message, such as ``integrity_check`` or ``table bomb``.
        until: The deadline, as :func:`time.monotonic` counts. Infinite without a deadline.
    """

    step: str = ""
    until: float = math.inf

    @property
    def passed(self) -> bool:
        """Return whether there is a deadline and it has passed."""
        return time.monotonic() > self.until

    def expire(self, step: str) -> None:
        """Let the deadline pass because another process did not finish in time.

        Args:
            step: What that process was reading.

        Raises:
            sqlite3.OperationalError: Always.
        """
        self.until = -math.inf
        self.step = step
        raise interrupted_error()

    def start_step(self, step: str) -> None:
        """Record what is read next and check the deadline.

        SQLite does not check it during a short statement, so a hundred thousand of them would otherwise never end.

        Raises:
            sqlite3.OperationalError: The deadline has passed. The error is that of an interrupted statement.
        """
        if self.passed:
            raise interrupted_error()
        self.step = step

    @contextlib.contextmanager
    def within(self, seconds: float, subject: str) -> Iterator[None]:
        """Limit the time of a block.

        Args:
            seconds: The time.
            subject: What is read, for the problem.

        Raises:
            ProblemError: The block took longer. It is raised as well where an interrupted statement led to another
                problem.
        """
        before = self.until
        self.until, self.step = min(before, time.monotonic() + seconds), "its schema"
        try:
            yield
        except (sqlite3.Error, ProblemError) as error:
            if self.passed:
                raise self._exceeded(seconds, subject) from error
            raise
        else:
            if self.passed:
                raise self._exceeded(seconds, subject)
        finally:
            self.until = before

    def _exceeded(self, seconds: float, subject: str) -> ProblemError:
        fact = f"was not read within its deadline of {seconds:.0f} s. Reading stopped at {self.step}."
        remedy = 'If it is correct but slow, set a longer deadline in the plan: deadline = "10m".'
        return ProblemError(out_of_proportion_problem(subject, fact, remedy))


@dataclass(frozen=True)
class Limits:
    """Hold the limits of one run and its progress. All its connections carry the same limits.

    Attributes:
        deadline: How long reading one database may take.
        progress: Progress of the current part.
        interrupted: Set by another thread or a signal handler to end long statements of this run.
        reader_seconds: Seconds that a reader process may take, plus one second for each MB that it reads.
    """

    deadline: Deadline = field(default_factory=Deadline)
    progress: Progress = field(default_factory=Progress)
    interrupted: threading.Event = field(default_factory=threading.Event)
    reader_seconds: float = 60.0

    def must_stop(self) -> bool:
        """Return whether a running statement has to end."""
        return self.interrupted.is_set() or self.deadline.passed


def lift_descriptor_limit(needed: int) -> int:
    """Raise the limit of open files, and return the limit if it is still too low.

    A process may raise its soft limit up to the hard limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or needed > hard:
        return 0 if resource.RLIM_INFINITY in (soft, hard) else hard
    if needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return 0

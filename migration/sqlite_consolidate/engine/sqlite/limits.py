"""Bound what one run reads, by time and by interruption, and count how far it has come."""

from __future__ import annotations

import contextlib
import math
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
    from sqlite_utils.utils import sqlite3


PROGRESS_ROWS = 1024
"""Rows that are read before they are counted: counting each would cost more than reading it."""


@dataclass
class Progress:
    """One part of a step: what is done of how much. Written by one thread, read by another; both only set numbers.

    Attributes:
        counted: Rows that were read since the part began.
        total: How much there is; 0 where nobody knows.
        unit: ``rows`` or ``bytes``.
    """

    counted: int = 0
    total: int = 0
    unit: str = "rows"
    _measure: Callable[[], int] | None = None

    def begin(self, total: int = 0, unit: str = "rows", measure: Callable[[], int] | None = None) -> None:
        """From now on another part is under way.

        Args:
            total: Of it; 0 where nobody knows.
            unit: ``rows`` are counted as they are read; ``bytes`` are looked up.
            measure: Says how much is done, in any thread; else it is what is ``counted``.
        """
        self._measure = measure
        self.counted, self.total, self.unit = 0, total, unit

    @property
    def done(self) -> int:
        """How much is done by now, and never more than the total."""
        seen = self.counted
        if self._measure is not None:
            with contextlib.suppress(OSError):  # the file has not been made yet, or has been finished and renamed
                seen = self._measure()
        return min(seen, self.total) if self.total else seen


def size_reader(path: Path, less: int = 0) -> Callable[[], int]:
    """Return what looks up the bytes of a file that grows, without opening it."""
    return lambda: max(0, path.stat().st_size - less)


_SECONDS_PER_BYTE = 1e-6  # a second for each MB: about thirty times as long as a slow disk and both readings take


_REMEDY = "mend that, or leave this database out"


def out_of_proportion_problem(subject: str, what: str, remedy: str = _REMEDY) -> Problem:
    """Return the problem that a database costs more than the bytes that it has explain."""
    hint = f"Look at what its schema computes: views, triggers, CHECK, generated columns, indexes; {remedy}."
    return Problem("out-of-proportion", subject, what, hint, criterion="sources-readable")


def reading_seconds(size: int, base: float) -> float:
    """Return the seconds that reading ``size`` bytes of databases may take: one for each MB, on top of ``base``."""
    return base + size * _SECONDS_PER_BYTE


@dataclass
class Deadline:
    """The one deadline of a run, if any; every connection of the run looks at it while a statement runs.

    Attributes:
        step: What is being read, for the message: ``integrity_check``, ``table bomb``.
        until: When it is over, as :func:`time.monotonic` counts; infinite where there is none.
    """

    step: str = ""
    until: float = math.inf

    @property
    def passed(self) -> bool:
        """Whether there is one, and its time is over."""
        return time.monotonic() > self.until

    def expire(self, step: str) -> None:
        """Another process, which was to read until then, was not done, and says where it was.

        Raises:
            sqlite3.OperationalError: Always.
        """
        self.until = -math.inf
        self.step = step
        raise interrupted_error()

    def start_step(self, step: str) -> None:
        """Say what is read next; a hundred thousand short statements, none of which is looked at, end here as well.

        Raises:
            sqlite3.OperationalError: The time is over, as SQLite says it of a statement that was ended.
        """
        if self.passed:
            raise interrupted_error()
        self.step = step

    @contextlib.contextmanager
    def within(self, seconds: float, subject: str) -> Iterator[None]:
        """Let what is done here take so long, and no longer.

        Args:
            seconds: The time.
            subject: What is read, for the problem that it took longer.

        Raises:
            ProblemError: It took longer; also where an interrupted statement was taken for some other problem.
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
        what = f"was not read within the {seconds:.0f} s of its deadline, and reading it was ended at {self.step}."
        remedy = 'if it is right and only slow, set a longer one in the plan: deadline = "10m"'
        return ProblemError(out_of_proportion_problem(subject, what, remedy))


@dataclass(frozen=True)
class Limits:
    """Bound one run, and count what it reads; every connection of the run carries the same limits.

    Attributes:
        deadline: How long reading one database may take.
        progress: How far the part that is under way has come.
        interrupted: Set by another thread or a signal handler, to end long statements of this run.
    """

    deadline: Deadline = field(default_factory=Deadline)
    progress: Progress = field(default_factory=Progress)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def must_stop(self) -> bool:
        """Tell whether a statement that runs now has to end."""
        return self.interrupted.is_set() or self.deadline.passed

"""Deadline: how long reading one database may take before a run, in proportion to its size, and where it was then."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.engine.sqlite_errors import interrupted
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    from sqlite_utils.utils import sqlite3

_SECONDS_A_BYTE = 1e-6  # a second for each MB: about thirty times as long as a slow disk and both readings take


_MEND = "mend that, or leave this database out"


def out_of_proportion(subject: str, what: str, remedy: str = _MEND) -> Problem:
    """Return the problem that a database costs more than the bytes that it has explain."""
    hint = f"Look at what its schema computes: views, triggers, CHECK, generated columns, indexes; {remedy}."
    return Problem("out-of-proportion", subject, what, hint, criterion="sources-readable")


def seconds_for(size: int, base: float) -> float:
    """Return the seconds that reading ``size`` bytes of databases may take: one for each MB, on top of ``base``."""
    return base + size * _SECONDS_A_BYTE


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

    def ended(self, step: str) -> None:
        """Another process, which was to read until then, was not done, and says where it was.

        Raises:
            sqlite3.OperationalError: Always.
        """
        self.until = -math.inf
        self.step = step
        raise interrupted()

    def at(self, step: str) -> None:
        """Say what is read next; a hundred thousand short statements, none of which is looked at, end here as well.

        Raises:
            sqlite3.OperationalError: The time is over, as SQLite says it of a statement that was ended.
        """
        if self.passed:
            raise interrupted()
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
                raise self._over(seconds, subject) from error
            raise
        else:
            if self.passed:
                raise self._over(seconds, subject)
        finally:
            self.until = before

    def _over(self, seconds: float, subject: str) -> ProblemError:
        what = f"was not read within the {seconds:.0f} s of its deadline, and reading it was ended at {self.step}."
        remedy = 'if it is right and only slow, set a longer one in the plan: deadline = "10m"'
        return ProblemError(out_of_proportion(subject, what, remedy))

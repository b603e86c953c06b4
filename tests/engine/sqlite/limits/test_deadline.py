"""Specify that a deadline interrupts SQLite and reports the current step."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.limits import Deadline, reading_seconds
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


def _steps(deadline: Deadline) -> None:
    while True:
        deadline.start_step("the rows of t")


def test_endless_statement_is_interrupted() -> None:
    """The connection can be used again afterwards."""
    with closing(open_memory()) as con:
        with pytest.raises(ProblemError, match="stopped at its schema"), con.limits.deadline.within(0.01, "a.db"):
            con.execute(_ENDLESS)

        assert con.execute("SELECT 1").fetchone() == (1,)


def test_many_short_statements_are_interrupted() -> None:
    """No statement runs long enough for SQLite to check the deadline.

    The message names what was being read.
    """
    deadline = Deadline()
    with pytest.raises(ProblemError, match="stopped at the rows of t"), deadline.within(0.01, "a.db"):
        _steps(deadline)


def test_swallowed_interruption_is_reported_afterwards() -> None:
    """Code that ignores errors of SQLite cannot hide that the deadline passed."""
    with closing(open_memory()) as con, pytest.raises(ProblemError), con.limits.deadline.within(0.01, "a.db"):
        with suppress(sqlite3.OperationalError):
            con.execute(_ENDLESS)


def test_error_before_the_deadline_is_unchanged() -> None:
    """A deadline that has not passed changes nothing."""
    with closing(open_memory()) as con:
        with pytest.raises(sqlite3.OperationalError, match="no such table"), con.limits.deadline.within(60, "a.db"):
            con.execute("SELECT * FROM t")


def test_nested_deadline_does_not_extend_the_outer() -> None:
    """The nearer deadline counts."""
    deadline = Deadline()
    with pytest.raises(ProblemError), deadline.within(0.01, "a.db"), deadline.within(60, "a.db"):
        _steps(deadline)


def test_large_database_gets_more_time() -> None:
    """It gets one second for each MB."""
    assert reading_seconds(500_000_000, 30) == pytest.approx(530)

"""Failure: what a stage that failed says to a reader, who wants the reason and not our source code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migration.engine.errors import EngineError
from migration.plan.printable import printable
from migration.plan.problem import Refused

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

_COMPARISON = "\nassert "  # pytest's rewriting adds the comparison below the message


def in_words(error: BaseException) -> str:
    """Return the reason of a failure that was foreseen; empty for any other, which needs its traceback.

    Foreseen are an assertion with a message of its own, what the engine refuses, what SQLite and the operating system
    report, and ``pytest.fail`` without a traceback.
    """
    if isinstance(error, AssertionError):
        return printable(str(error).rpartition(_COMPARISON)[0])
    if isinstance(error, pytest.fail.Exception):
        return "" if error.pytrace else printable(str(error.msg))
    if isinstance(error, EngineError | Refused):
        return printable(str(error))
    if isinstance(error, sqlite3.Error):
        return printable(f"SQLite reports: {error}.")
    return printable(f"The system reports: {error}.") if isinstance(error, OSError) else ""

"""Failure: what a stage that failed says to a reader, who wants the reason and not our source code."""

from __future__ import annotations

import pytest

from migration.plan.printable import printable

_COMPARISON = "\nassert "  # pytest's rewriting adds the comparison below the message


def in_words(error: BaseException) -> str:
    """Return the reason of a failure that was foreseen; empty for any other, which needs its traceback.

    Foreseen are an assertion with a message of its own, what the engine refuses, what SQLite and the operating system
    report, and ``pytest.fail`` without a traceback.
    """
    from migration.engine.pipeline import in_words as of_engine

    if isinstance(error, AssertionError):
        return printable(str(error).rpartition(_COMPARISON)[0])
    if isinstance(error, pytest.fail.Exception):
        return "" if error.pytrace else printable(str(error.msg))
    return of_engine(error)

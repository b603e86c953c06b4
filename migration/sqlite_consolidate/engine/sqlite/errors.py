"""Tell SQLite's errors apart by their codes, and state that a database is in use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
else:
    from sqlite_utils.utils import sqlite3

_PRIMARY = 0xFF  # of an extended result code (https://sqlite.org/rescode.html#pve)
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def result_code(error: BaseException) -> int | None:
    """Return the primary result code of an error; None where Python raised it and not SQLite.

    Python raises ``OperationalError`` without a code when a text is not UTF-8.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def error_with_code(text: str, code: int | None) -> sqlite3.OperationalError:
    """Return an error as SQLite raises it, for what another process or a limit has ended."""
    error = sqlite3.OperationalError(text)
    if code is not None:
        error.sqlite_errorcode = code
    return error


def interrupted_error() -> sqlite3.OperationalError:
    """Return the error of a statement that was ended."""
    return error_with_code("interrupted", sqlite3.SQLITE_INTERRUPT)


def is_in_use(error: BaseException) -> bool:
    """Tell whether another connection has the database locked."""
    return result_code(error) in _IN_USE


def is_read_only(error: BaseException) -> bool:
    """Tell whether the file, or its folder, cannot be written."""
    return result_code(error) == sqlite3.SQLITE_READONLY


def is_damaged(error: BaseException) -> bool:
    """Tell whether the file is a database with damaged pages or a damaged schema."""
    return result_code(error) == sqlite3.SQLITE_CORRUPT


def is_statement_error(error: BaseException) -> bool:
    """Tell whether SQLite refuses the statement itself, or what the schema makes of it."""
    return result_code(error) == sqlite3.SQLITE_ERROR


def missing_object_kind(error: BaseException) -> str:
    """Return what SQLite does not know: ``collation``, ``function``, ``module``, ``table``; else an empty text.

    The only place where SQLite's own words are read, because it has no code for any of them.
    """
    words = re.match(r"no such (\w+)", str(error)) if is_statement_error(error) else None
    return words.group(1) if words else ""


def in_use_problem(
    subject: str,
    what: str = "is locked by another process.",
    hint: str = "Stop the process that uses it and run again.",
    *,
    criterion: str = "",
) -> Problem:
    """Return the problem that another process uses a database."""
    return Problem("in-use", subject, what, hint, criterion=criterion)


def is_in_use_problem(problem: Problem) -> bool:
    """Tell whether a problem is that another process uses a database."""
    return problem.id == "in-use"

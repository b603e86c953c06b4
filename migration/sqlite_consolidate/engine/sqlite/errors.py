"""Distinguish errors of SQLite by their codes, and report that a database is in use."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import FULL, written_file_named
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_PRIMARY = 0xFF  # of an extended result code (https://sqlite.org/rescode.html#pve)
_MISSING = re.compile(
    r"(?:no such|unknown) (?P<kind>collation|function|module|tokenizer|table)(?: sequence)?: (?P<name>.+)", re.DOTALL
)
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@contextmanager
def file_named(path: Path) -> Iterator[None]:
    """Let an error of SQLite in this block name a file.

    An error that names another file keeps it.
    """
    try:
        yield
    except sqlite3.Error as error:
        if file_of(error) is None:
            error.filename = path  # type: ignore[attr-defined] # as in an OSError
        raise


@contextmanager
def written_database_named(path: Path) -> Iterator[None]:
    """Let the error of a full disk in this block name the database that is written.

    SQLite or this process writes it.
    """
    try:
        with written_file_named(path):
            yield
    except sqlite3.Error as error:
        if is_full(error) and file_of(error) is None:
            error.filename = path  # type: ignore[attr-defined] # as in an OSError
        raise


def file_of(error: BaseException) -> Path | None:
    """Return the file that an error is about, or None if the error does not name it."""
    name = getattr(error, "filename", None)
    return Path(name) if isinstance(name, str | Path) else None


def is_full(error: BaseException) -> bool:
    """Return whether a disk is full, or a quota is used up."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return result_code(error) == sqlite3.SQLITE_FULL


def result_code(error: BaseException) -> int | None:
    """Return the primary result code of an error.

    None if Python raised it and not SQLite. Python raises ``OperationalError`` without a code when a text is not UTF-8.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def error_with_code(text: str, code: int | None) -> sqlite3.OperationalError:
    """Return an error with a code, as SQLite raises it.

    It represents an error of another process or of a limit.
    """
    error = sqlite3.OperationalError(text)
    if code is not None:
        error.sqlite_errorcode = code
    return error


def interrupted_error() -> sqlite3.OperationalError:
    """Return the error of an interrupted statement."""
    return error_with_code("interrupted", sqlite3.SQLITE_INTERRUPT)


def is_interrupted(error: BaseException) -> bool:
    """Return whether a signal or a deadline of the run has ended the statement."""
    return result_code(error) == sqlite3.SQLITE_INTERRUPT


def is_in_use(error: BaseException) -> bool:
    """Return whether another connection has the database locked."""
    return result_code(error) in _IN_USE


def is_read_only(error: BaseException) -> bool:
    """Return whether the file or its folder cannot be written."""
    return result_code(error) == sqlite3.SQLITE_READONLY


def is_damaged(error: BaseException) -> bool:
    """Return whether the database has damaged pages or a damaged schema."""
    return result_code(error) == sqlite3.SQLITE_CORRUPT


def is_statement_error(error: BaseException) -> bool:
    """Return whether SQLite rejects the statement itself or the schema that it uses."""
    return result_code(error) == sqlite3.SQLITE_ERROR


def is_refused_value(error: BaseException) -> bool:
    """Return whether SQLite cannot evaluate an expression for a value.

    A full disk and the deadline are no fault of a value.
    """
    return is_statement_error(error) or isinstance(error, sqlite3.DataError)


def can_compile(con: sqlite3.Connection, statement: str) -> bool:
    """Return whether SQLite can compile a statement, which is not executed.

    Raises:
        sqlite3.Error: SQLite fails for another reason than the statement and the schema that it uses.
    """
    try:
        con.execute(f"EXPLAIN {statement}")
    except sqlite3.Error as error:
        if not is_statement_error(error):
            raise
        return False
    return True


def missing_object_kind(error: BaseException) -> str:
    """Return the kind of object that SQLite does not know.

    It is ``collation``, ``function``, ``module``, ``tokenizer``, ``table`` or empty. Only this module parses the text
    of an error, because SQLite has no code for these.
    """
    match = _MISSING.match(str(error)) if is_statement_error(error) else None
    return match["kind"] if match else ""


def missing_object(error: BaseException) -> str:
    """Return what this SQLite lacks by an error, such as ``the collation unicase``.

    It is empty for any other error. Only the application defines such an object.
    """
    match = _MISSING.match(str(error)) if is_statement_error(error) else None
    return f"the {match['kind']} {match['name'].removesuffix('()')}" if match and match["kind"] != "table" else ""


def in_use_problem(
    subject: str,
    fact: str = "is locked by another process.",
    hint: str = "Stop the process that uses it and run again.",
    *,
    criterion: str = "",
) -> Problem:
    """Return the problem that another process uses a database."""
    return Problem("in-use", subject, fact, hint, criterion=criterion)


def is_in_use_problem(problem: Problem) -> bool:
    """Return whether a problem is that another process uses a database."""
    return problem.id == "in-use"

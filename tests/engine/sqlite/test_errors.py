"""Specify how errors of SQLite are distinguished."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content.worker import ReadWorker
from sqlite_consolidate.engine.sqlite import errors as sqlite_errors
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_memory, open_new, open_readonly

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


def error_of(con: sqlite3.Connection, sql: str) -> sqlite3.Error:
    """Return the error of a statement."""
    with pytest.raises(sqlite3.Error) as caught:
        con.execute(sql).fetchall()
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Create a database with one table that is not open."""
    path = tmp_path / "a.db"
    with closing(open_new(path)) as con:
        con.execute("CREATE TABLE t(a)")
        con.executemany("INSERT INTO t VALUES(?)", [("x" * 900,)] * 20)
    return path


def test_lock_is_known_by_its_code(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is neither damage nor a missing permission."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.0)
    with closing(open_existing(path)) as first, closing(open_existing(path)) as second:
        first.execute("BEGIN EXCLUSIVE")
        error = error_of(second, "SELECT * FROM t")

    assert sqlite_errors.is_in_use(error)
    assert not sqlite_errors.is_damaged(error)
    assert not sqlite_errors.is_read_only(error)


def test_read_only_is_known_by_its_code(path: Path) -> None:
    """A connection that must not write says so when it is to write."""
    with closing(open_readonly(path)) as con:
        error = error_of(con, "INSERT INTO t VALUES('y')")

    assert sqlite_errors.is_read_only(error)
    assert not sqlite_errors.is_in_use(error)


def test_damage_is_known_here_and_from_another_process(path: Path) -> None:
    """An error of another process keeps its code."""
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)
    with closing(open_readonly(path)) as con:
        error = error_of(con, "SELECT * FROM t")
    with ReadWorker("lower halves", path) as worker, pytest.raises(sqlite3.Error) as raised:
        worker.result()

    assert sqlite_errors.is_damaged(error)
    assert sqlite_errors.is_damaged(raised.value)


def test_text_that_python_cannot_decode_has_no_code() -> None:
    """That tells it from every error of SQLite, whatever its words."""
    with closing(open_memory()) as con:
        undecoded = error_of(con, "SELECT CAST(x'ff' AS TEXT)")
        named_alike = error_of(con, "SELECT decode(1)")

    assert sqlite_errors.result_code(undecoded) is None
    assert sqlite_errors.result_code(named_alike) == sqlite3.SQLITE_ERROR
    assert sqlite_errors.result_code(sqlite_errors.interrupted_error()) == sqlite3.SQLITE_INTERRUPT


@pytest.mark.parametrize(
    ("sql", "kind", "missing"),
    [
        ("SELECT 1 ORDER BY 1 COLLATE elsewhere", "collation", "the collation elsewhere"),
        ("SELECT elsewhere()", "function", "the function elsewhere"),
        ("CREATE VIRTUAL TABLE v USING elsewhere", "module", "the module elsewhere"),
        ("SELECT * FROM collation", "table", ""),
        ('SELECT "no such collation" +', "", ""),
    ],
)
def test_missing_kind_is_what_sqlite_does_not_know(sql: str, kind: str, missing: str) -> None:
    """A name that reads like another kind does not count. An application defines no table."""
    with closing(open_memory()) as con:
        error = error_of(con, sql)

    assert (sqlite_errors.missing_object_kind(error), sqlite_errors.missing_object(error)) == (kind, missing)


def test_missing_kind_is_read_from_errors_in_statement_alone() -> None:
    """Another error may have the same words, for example those of a file name."""
    error = sqlite_errors.error_with_code("no such table: t", sqlite3.SQLITE_CANTOPEN)

    assert sqlite_errors.missing_object_kind(error) == ""
    assert sqlite_errors.missing_object(sqlite_errors.error_with_code("no such module: m()", None)) == ""
    call = sqlite_errors.error_with_code("no such function: ()f()", sqlite3.SQLITE_ERROR)
    assert sqlite_errors.missing_object(call) == "the function ()f"
    assert (
        sqlite_errors.missing_object_kind(sqlite_errors.error_with_code("no such table: t", sqlite3.SQLITE_ERROR))
        == "table"
    )


def test_statement_is_compiled_and_not_executed(path: Path) -> None:
    """Only an error of the statement says that it cannot be compiled."""
    with closing(open_existing(path)) as con:
        assert sqlite_errors.can_compile(con, "DELETE FROM t")
        assert not sqlite_errors.can_compile(con, "DELETE FROM u")
        assert con.execute("SELECT count(*) FROM t").fetchone() == (20,)

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        sqlite_errors.can_compile(con, "DELETE FROM t")


def test_interruption_has_words_of_sqlite(path: Path) -> None:
    """Every cause of an interruption has the same error."""
    with closing(open_existing(path)) as con:
        con.set_progress_handler(lambda: 1, 1)
        error = error_of(con, "SELECT count(*) FROM t, t, t")

    assert str(sqlite_errors.interrupted_error()) == str(error)


def test_in_use_names_its_subject_and_criterion() -> None:
    """One constructor makes every problem of a database that another process uses."""
    problem = sqlite_errors.in_use_problem("a.db", criterion="no-other-process")

    assert (problem.id, problem.subject, problem.criterion) == ("in-use", "a.db", "no-other-process")
    assert problem.what == "is locked by another process."
    assert problem.hint == "Stop the process that uses it and run again."
    assert sqlite_errors.in_use_problem("a.db").criterion == ""


def test_problem_of_used_database_is_known_by_its_id() -> None:
    """Another problem of the same database is none."""
    problem = sqlite_errors.in_use_problem("a.db")

    assert sqlite_errors.is_in_use_problem(problem)
    assert not sqlite_errors.is_in_use_problem(replace(problem, id="damaged"))

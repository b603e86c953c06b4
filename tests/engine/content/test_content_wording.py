"""Hold the sentences of the messages about the contents of databases."""

from __future__ import annotations

import math
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.content import cost
from sqlite_consolidate.engine.content.contents import digest_or_reason
from sqlite_consolidate.engine.content.cost import examine_database
from sqlite_consolidate.engine.content.inspection import inspect_database, read_problem
from sqlite_consolidate.engine.content.table_differences import (
    compare_databases,
    compare_sides,
    rows_unavailable,
    table_side,
)
from sqlite_consolidate.engine.sqlite.connections import open_new, open_readonly
from sqlite_consolidate.engine.sqlite.errors import error_with_code
from sqlite_consolidate.engine.sqlite.files import JOURNAL_MAGIC, FileProblem
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3


def _database(path: Path, *statements: str) -> Path:
    with closing(open_new(path)) as con:
        for statement in statements:
            con.execute(statement)
    return path


@pytest.mark.parametrize(
    ("error", "sentences"),
    [
        (
            PermissionError(13, "Permission denied"),
            "cannot be read (Permission denied). Give read permission and run again. [unreadable]",
        ),
        (
            error_with_code("no such collation sequence: x", sqlite3.SQLITE_ERROR),
            (
                "uses a collation that only its application defines (no such collation sequence: x)."
                ' Name a function that defines it: setup = "tools/setup.py:register" of [connection]. [own-collation]'
            ),
        ),
        (
            error_with_code("malformed", sqlite3.SQLITE_CORRUPT),
            "is corrupt (malformed). Restore it from a backup. Never merge damaged data. [damaged]",
        ),
        (
            error_with_code("disk I/O error", sqlite3.SQLITE_IOERR),
            "cannot be read (disk I/O error). Correct the plan, or repair the file. [unreadable]",
        ),
    ],
)
def test_read_problem_has_these_sentences(error: Exception, sentences: str) -> None:
    """A better sentence changes one line here."""
    assert str(read_problem("a.db", error)) == f"a.db: {sentences}"


def test_hot_journal_has_these_sentences(tmp_path: Path) -> None:
    """The hint has the command by which SQLite rolls back."""
    path = _database(tmp_path / "a.db", "CREATE TABLE t(a)")
    path.with_name("a.db-journal").write_bytes(JOURNAL_MAGIC)

    with ExitStack() as write_locks:
        result = inspect_database("a", "a.db", tmp_path, write_locks, 60)

    assert isinstance(result, FileProblem)
    assert str(result.problem) == (
        "a.db: has a hot journal. A process is inside a transaction, or died in one over several databases."
        ' Stop the process. Let SQLite roll back: sqlite3 "a.db" "SELECT 1 FROM sqlite_schema". Run again.'
        " [hot-journal]"
    )


def test_expanding_columns_have_these_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the table, its size and the limit."""
    monkeypatch.setattr(cost, "_GENERATED_BYTES", 0)
    table = "CREATE TABLE t(a, b AS (zeroblob(3000000)))"
    path = _database(tmp_path / "a.db", table, "INSERT INTO t VALUES(1)")

    assert examine_database(path, math.inf, print) == {
        "excess": "has generated columns in t that expand to 3 MB; the limit for this file is 0 MB."
    }


def test_comparison_has_these_notes(tmp_path: Path) -> None:
    """A note explains a difference that is in no row."""
    left = _database(tmp_path / "a.db", "CREATE TABLE t(a)")
    right = _database(tmp_path / "b.db", "CREATE TABLE t(a)", "CREATE TABLE u(a)")

    assert (
        compare_databases(left, left).note
        == "All rows are equal. Statements, AUTOINCREMENT marks or the header differ."
    )
    assert compare_databases(left, right).note == "Additional tables: u."
    assert compare_databases(right, left).note == "Table u is missing."
    wider = _database(tmp_path / "c.db", "CREATE TABLE t(a, b, c)")
    assert compare_databases(left, wider).note == "Not compared, because one side lacks it: b, c of t."
    with closing(open_readonly(left)) as con:
        side = table_side(con, read_schema(con).tables["t"], counts=False)
        assert compare_sides("t", [side], side).note == (
            "No row differs from the backup set in the columns that both have."
        )
    assert compare_databases(left, tmp_path / "gone.db").note == (
        "gone.db: the differing rows are not known, because the original rows are not available."
    )
    assert str(rows_unavailable("a.db", "is missing.").problems[0]) == (
        "a.db: is missing. Restore the backup set as the run left it, and check again. [rows-unavailable]"
    )


def test_absent_file_has_a_reason_instead_of_a_digest(tmp_path: Path) -> None:
    """It stands in the evidence where another file has its digest."""
    assert digest_or_reason(tmp_path / "absent.db") == "no such file"

"""The row of history: in the data's own transaction, so that it is there exactly when the data is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.problem import ProblemError
from tests.support.history_rows import row_of, runs_of
from tests.support.workspaces.two_sources import execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

ROW = history.Row(
    run="20250131_120000",
    plan="small",
    plan_sha256="ab",
    committed="2025-01-31T12:00:01+00:00",
    backup_set="backups/small-20250131_120000",
    version="1.0",
    sources={"logs/tasks.db": "cd"},
    tables={"tasks": (3, "ef"), 'odd "täble"': (0, "")},
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty database."""
    open_new(tmp_path / "workspace.db").close()
    return tmp_path / "workspace.db"


def write(target: Path, *rows: history.Row, ending: str = "COMMIT") -> None:
    """Write rows in one transaction."""
    with closing(open_existing(target)) as con:
        con.execute("BEGIN")
        for row in rows:
            history.write(con, row)
        con.execute(ending)


def problems(target: Path) -> list[str]:
    """Return the ids of what preflight finds wrong with the target's history."""
    with closing(open_existing(target)) as con:
        return [problem.id for problem in history.problems(con, target.name)]


def test_a_row_that_was_committed_is_read_again(target: Path) -> None:
    """Every field is there; counts and digests of tables as pairs."""
    write(target, ROW)

    assert row_of(target, ROW.run) == ROW


def test_a_row_goes_with_its_transaction(target: Path) -> None:
    """Taken back, not even the table is left."""
    write(target, ROW, ending="ROLLBACK")

    assert runs_of(target) == []
    assert execute(target, "SELECT name FROM sqlite_schema") == []


def test_rows_come_in_the_order_of_their_commits(target: Path) -> None:
    """A clock that was set back between two runs does not make the later one the older one."""
    write(target, ROW)
    write(target, replace(ROW, run="20240101_000000"))

    assert runs_of(target) == ["20250131_120000", "20240101_000000"]


def test_one_run_is_committed_once(target: Path) -> None:
    """A second row of the same run is refused by the database itself."""
    write(target, ROW)

    with pytest.raises(sqlite3.IntegrityError):
        write(target, ROW)

    assert runs_of(target) == [ROW.run]


def test_a_target_that_is_not_there_has_no_history(tmp_path: Path) -> None:
    """Asking does not create it."""
    assert not history.is_committed(tmp_path / "workspace.db", ROW.run)
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_nothing_beside_the_target(target: Path) -> None:
    """A target in WAL mode has no sidecar afterwards that it did not have before."""
    write(target, ROW)
    execute(target, "PRAGMA journal_mode=WAL")
    before = target.read_bytes()

    assert history.is_committed(target, ROW.run)

    assert [path.name for path in target.parent.iterdir()] == ["workspace.db"]
    assert target.read_bytes() == before


def test_history_of_a_later_release_is_read_and_written(target: Path) -> None:
    """A further column is no reason to refuse as long as a row can leave it out."""
    write(target, ROW)
    execute(target, f"ALTER TABLE {history.TABLE} ADD COLUMN signature TEXT")

    write(target, replace(ROW, run="20260101_000000"))

    assert problems(target) == []
    assert row_of(target, ROW.run) == ROW
    assert runs_of(target) == [ROW.run, "20260101_000000"]


DAMAGE = {
    "sources no JSON": "sources = '1'",
    "tables no pairs": "tables = '{\"tasks\": 3}'",
    "plan a number": "plan = x'00'",
    "text not UTF-8": "plan = CAST(x'ff' AS TEXT), sources = CAST(x'ff' AS TEXT)",
}


@pytest.mark.parametrize("assignment", DAMAGE.values(), ids=DAMAGE)
def test_damaged_row_hides_no_other_row(target: Path, assignment: str) -> None:
    """Preflight names it, and a roll-back of another run does not read it."""
    write(target, ROW, replace(ROW, run="20260101_000000"))
    execute(target, f"UPDATE {history.TABLE} SET {assignment} WHERE run = '{ROW.run}'")

    assert problems(target) == ["history-unreadable"]
    assert row_of(target, "20260101_000000") == replace(ROW, run="20260101_000000")
    with pytest.raises(ProblemError) as error:
        row_of(target, ROW.run)
    assert error.value.ids == ("history-unreadable",)


OTHERS = {
    "another shape": f"CREATE TABLE {history.TABLE}(a, b)",
    "no key": f"CREATE TABLE {history.TABLE}({', '.join(history.COLUMNS)})",
    "a further column that must have a value": history.CREATE.replace(
        "version TEXT", "more TEXT NOT NULL, version TEXT"
    ),
    "another case": history.CREATE.replace(history.TABLE, history.TABLE.upper()),
    "a view": f"CREATE VIEW {history.TABLE} AS SELECT 1",
    "an index": f"CREATE INDEX {history.TABLE} ON t(a)",
}


@pytest.mark.parametrize("statement", OTHERS.values(), ids=OTHERS)
def test_table_of_another_owner_is_no_history(target: Path, statement: str) -> None:
    """Its name is taken; reading it finds no run."""
    execute(target, "CREATE TABLE t(a)")
    execute(target, statement)

    assert problems(target) == ["history-taken"]
    assert not history.is_committed(target, ROW.run)

"""Test that the row of history is in the target exactly when the data is."""

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
    """Provide an empty database."""
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
    """Return the ids of the problems of the target's history."""
    with closing(open_existing(target)) as con:
        return [problem.id for problem in history.problems(con, target.name)]


def test_committed_row_is_read_unchanged(target: Path) -> None:
    """Every field is equal, with pairs of rows and digest."""
    write(target, ROW)

    assert row_of(target, ROW.run) == ROW


def test_rollback_removes_row_and_table(target: Path) -> None:
    """The transaction had created the table."""
    write(target, ROW, ending="ROLLBACK")

    assert runs_of(target) == []
    assert execute(target, "SELECT name FROM sqlite_schema") == []


def test_rows_have_the_order_of_their_commits(target: Path) -> None:
    """The clock was set back between the two runs."""
    write(target, ROW)
    write(target, replace(ROW, run="20240101_000000"))

    assert runs_of(target) == ["20250131_120000", "20240101_000000"]


def test_run_is_committed_only_once(target: Path) -> None:
    """SQLite refuses a second row of the same run."""
    write(target, ROW)

    with pytest.raises(sqlite3.IntegrityError):
        write(target, ROW)

    assert runs_of(target) == [ROW.run]


def test_missing_target_has_no_history(tmp_path: Path) -> None:
    """Reading does not create it."""
    assert not history.is_committed(tmp_path / "workspace.db", ROW.run)
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_no_sidecar_file(target: Path) -> None:
    """The target is in WAL mode."""
    write(target, ROW)
    execute(target, "PRAGMA journal_mode=WAL")
    before = target.read_bytes()

    assert history.is_committed(target, ROW.run)

    assert [path.name for path in target.parent.iterdir()] == ["workspace.db"]
    assert target.read_bytes() == before


def test_history_of_a_later_release_is_read_and_written(target: Path) -> None:
    """An INSERT may omit the further column."""
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
    "brackets without end": f"sources = '{'[' * 5000}'",
    "text not UTF-8": "plan = CAST(x'ff' AS TEXT), sources = CAST(x'ff' AS TEXT)",
}


@pytest.mark.parametrize("assignment", DAMAGE.values(), ids=DAMAGE)
def test_damaged_row_hides_no_other_row(target: Path, assignment: str) -> None:
    """The preflight names it, and a rollback of another run does not read it."""
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
    """The preflight refuses it, and it has no runs."""
    execute(target, "CREATE TABLE t(a)")
    execute(target, statement)

    assert problems(target) == ["history-taken"]
    assert not history.is_committed(target, ROW.run)


ON_IT = {
    "a trigger": f"CREATE TRIGGER own BEFORE INSERT ON {history.TABLE.upper()} BEGIN SELECT RAISE(ABORT, 'no'); END",
    "a unique index": f"CREATE UNIQUE INDEX own ON {history.TABLE}(plan)",
}


@pytest.mark.parametrize("statement", ON_IT.values(), ids=ON_IT)
def test_object_on_the_history_is_refused(target: Path, statement: str) -> None:
    """It could refuse the row of the run, or write elsewhere.

    An index that is not unique can do neither.
    """
    write(target, ROW)
    execute(target, f"CREATE INDEX fast ON {history.TABLE}(plan)")
    assert problems(target) == []

    execute(target, statement)

    assert problems(target) == ["history-changed"]


def test_last_run_of_a_plan_reads_no_other_row(target: Path) -> None:
    """The damaged row is of another plan."""
    write(target, ROW, replace(ROW, run="20260101_000000", plan="other"))
    execute(target, f"UPDATE {history.TABLE} SET sources = '1' WHERE plan = 'other'")

    assert history.last_of_plan(target, "small") == ROW
    assert history.last_of_plan(target, "none") is None


def test_row_is_read_in_spite_of_a_damaged_index(target: Path) -> None:
    """A rollback needs it most where the target is damaged."""
    with closing(open_existing(target)) as con:
        history.write(con, ROW, {"tasks": 3})
        (root,) = con.execute("SELECT rootpage FROM sqlite_schema WHERE type = 'index'").fetchone()
        (page_size,) = con.execute("PRAGMA page_size").fetchone()
    pages = bytearray(target.read_bytes())
    pages[root * page_size - 1] ^= 1

    target.write_bytes(pages)

    with closing(open_existing(target)) as con:
        assert con.execute(f"SELECT run FROM {history.TABLE} WHERE run = ?", (ROW.run,)).fetchone() is None
        assert history.row_of(con, ROW.run) == ROW
        assert history.keys_of_run(con, ROW.run) == {"tasks": 3}


def test_stamp_of_text_that_is_not_utf8_is_read(target: Path) -> None:
    """The row of the other run can still be found."""
    write(target, ROW, replace(ROW, run="20260101_000000"))
    execute(target, f"UPDATE {history.TABLE} SET run = CAST(x'ff' AS TEXT) WHERE run = '{ROW.run}'")

    assert history.is_committed(target, "20260101_000000")


def test_new_keys_have_a_column_of_their_own(target: Path) -> None:
    """A run without new keys needs none, and an earlier release ignores it."""
    keys = {"offsets": {"b": {"site.id": 5}}}
    write(target, ROW)
    with closing(open_existing(target)) as con:
        assert history.keys_of_run(con, ROW.run) == {}
        history.write(con, replace(ROW, run="20250201_120000"), keys)
        history.write(con, replace(ROW, run="20250202_120000"))

        assert [history.keys_of_run(con, run) for run in history.runs(con)] == [{}, keys, {}]
    assert problems(target) == []


@pytest.mark.parametrize("stored", ["'['", "5", "x'ff'", "'[]'", f"'{'[' * 5000}'"], ids=lambda text: text[:5])
def test_new_keys_that_cannot_be_read_are_a_problem(target: Path, stored: str) -> None:
    """They were changed after the run wrote them."""
    with closing(open_existing(target)) as con:
        history.write(con, ROW, {"offsets": {}})
        con.execute(f"UPDATE {history.TABLE} SET {history.KEYS} = {stored}")

        with pytest.raises(ProblemError) as caught:
            history.keys_of_run(con, ROW.run)

    assert [problem.id for problem in caught.value.problems] == ["history-unreadable"]

"""The row of history: in the data's own transaction, so that it is there exactly when the data is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import history
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from tests.support.small_workspace import execute

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


def test_a_row_that_was_committed_is_read_again(target: Path) -> None:
    """Every field is there; counts and digests of tables as pairs."""
    write(target, ROW)

    [found] = history.read_file(target)

    assert replace(found, tables={}) == replace(ROW, tables={})
    assert {name: tuple(pair) for name, pair in found.tables.items()} == ROW.tables


def test_a_row_goes_with_its_transaction(target: Path) -> None:
    """Taken back, not even the table is left."""
    write(target, ROW, ending="ROLLBACK")

    assert history.read_file(target) == []
    assert execute(target, "SELECT name FROM sqlite_schema") == []


def test_rows_come_in_the_order_of_their_commits(target: Path) -> None:
    """A clock that was set back between two runs does not make the later one the older one."""
    write(target, ROW)
    write(target, replace(ROW, run="20240101_000000"))

    assert [row.run for row in history.read_file(target)] == ["20250131_120000", "20240101_000000"]


def test_one_run_is_committed_once(target: Path) -> None:
    """A second row of the same run is refused by the database itself."""
    write(target, ROW)

    with pytest.raises(sqlite3.IntegrityError):
        write(target, ROW)

    assert len(history.read_file(target)) == 1


def test_a_target_that_is_not_there_has_no_history(tmp_path: Path) -> None:
    """Asking does not create it."""
    assert history.read_file(tmp_path / "workspace.db") == []
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_nothing_beside_the_target(target: Path) -> None:
    """A target in WAL mode has no sidecar afterwards that it did not have before."""
    write(target, ROW)
    execute(target, "PRAGMA journal_mode=WAL")
    before = target.read_bytes()

    history.read_file(target)

    assert [path.name for path in target.parent.iterdir()] == ["workspace.db"]
    assert target.read_bytes() == before

"""Test that a rollback never applies a foreign ``-wal`` or journal to a database."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from sqlite_consolidate.engine.run.stages import BACKUP, REFERENCES, VERIFY
from tests.support.processes import die, run_in_child
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    SET,
    a_run,
    build_two_sources,
    consolidate,
    consolidated,
    database,
    execute,
    state,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.support.workspaces.two_sources import State
else:
    from sqlite_utils.utils import sqlite3


@pytest.mark.parametrize("name", ["workspace.db", "logs/tasks.db"], ids=["target", "old name"])
def test_stale_wal_under_old_name_moves_to_the_set(root: Path, before: State, tmp_path: Path, name: str) -> None:
    """SQLite would read its rows into the restored database."""
    backup = {"workspace.db": "target", "logs/tasks.db": "tasks"}[name]
    stale = stale_wal(root / SET / f"databases/{backup}.db", tmp_path)
    (root / name).unlink(missing_ok=True)
    wal = root / f"{name}-wal"
    wal.write_bytes(stale)
    (root / f"{name}-journal").write_bytes(b"stale")

    roll_back(root, root / SET)

    assert state(root) == before
    assert (root / SET / "set-aside" / wal.name).read_bytes() == stale
    assert not (root / f"{name}-journal").exists()


def stale_wal(database: Path, scratch: Path) -> bytes:
    """Return a -wal with which SQLite would read other rows from this database."""
    copy = scratch / "stale.db"
    copy.write_bytes(database.read_bytes())
    wal = scratch / "stale.db-wal"
    with closing(sqlite3.connect(copy, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("CREATE TABLE bad(x)")
        data = wal.read_bytes()
    played = scratch / "played.db"
    played.write_bytes(database.read_bytes())
    played.with_name("played.db-wal").write_bytes(data)
    assert execute(played, "SELECT 1 FROM sqlite_schema WHERE name = 'bad'") == [(1,)]  # SQLite applies the -wal
    return data


def test_stale_wal_beside_an_archive_moves_to_the_set(root: Path, before: State, tmp_path: Path) -> None:
    """The archive itself is unchanged."""
    stale = stale_wal(root / ARCHIVED, tmp_path)
    (root / f"{ARCHIVED}-wal").write_bytes(stale)

    roll_back(root, root / SET)

    assert state(root) == before
    assert [path.read_bytes() for path in (root / SET / "set-aside").iterdir()] == [stale]


def test_hot_journal_of_an_application_is_rolled_back(root: Path, before: State) -> None:
    """The application died in the middle of a transaction."""
    execute(root / "workspace.db", "PRAGMA journal_mode=DELETE")

    def die_in_a_transaction() -> None:
        con = sqlite3.connect(root / "workspace.db", isolation_level=None)
        con.execute("PRAGMA cache_size=1")
        con.execute("BEGIN")
        con.execute("CREATE TABLE half AS SELECT randomblob(100000)")
        die()

    assert run_in_child(die_in_a_transaction) == -signal.SIGKILL
    assert (root / "workspace.db-journal").stat().st_size > 512

    assert changed_since(root, root / SET) == []
    roll_back(root, root / SET)

    assert state(root) == before
    assert not (root / "workspace.db-journal").exists()


def test_source_returns_to_wal_mode_when_half_left(tmp_path: Path) -> None:
    """The header of the file states rollback mode, and SQLite could not delete the ``-wal``."""
    root = build_two_sources(tmp_path / "workspace")
    before = state(root)
    consolidate(a_run(root), until=REFERENCES)
    with (root / "logs/notes.db").open("r+b") as file:
        file.seek(18)
        file.write(b"\1\1")

    roll_back(root, root / SET)

    assert state(root) == before


def test_sidecar_of_created_target_moves_to_the_set(tmp_path: Path) -> None:
    """The target itself is missing."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    before = state(root)
    consolidated(root)
    (root / "workspace.db").unlink()
    (root / "workspace.db-journal").write_bytes(b"stale")

    roll_back(root, root / SET)

    assert state(root) == before
    assert (root / SET / "set-aside/workspace.db-journal").read_bytes() == b"stale"


def test_sidecar_of_target_not_created_stays(tmp_path: Path) -> None:
    """The run ended before it created the target."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    consolidate(a_run(root), until=BACKUP)
    (root / "workspace.db-journal").write_bytes(b"foreign")

    roll_back(root, root / SET)

    assert (root / "workspace.db-journal").read_bytes() == b"foreign"


@pytest.mark.parametrize("is_created", [True, False])
def test_empty_target_is_removed_if_the_run_created_it(tmp_path: Path, *, is_created: bool) -> None:
    """A run that was killed before its first table leaves an empty file."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    consolidate(a_run(root), until=BACKUP)
    (root / "workspace.db").touch()
    if is_created:
        Ledger(root / SET).note("creating-target", file="workspace.db")

    roll_back(root, root / SET)

    assert (root / "workspace.db").exists() is not is_created


def test_journal_of_untouched_source_stays(tmp_path: Path) -> None:
    """The run ended before it archived the source."""
    root = build_two_sources(tmp_path / "workspace")
    consolidate(a_run(root), until=REFERENCES)
    (root / "logs/tasks.db-journal").write_bytes(b"foreign")

    roll_back(root, root / SET)

    assert (root / "logs/tasks.db-journal").read_bytes() == b"foreign"


def test_empty_journal_of_target_is_deleted(tmp_path: Path) -> None:
    """The target never was in WAL mode."""
    root = build_two_sources(tmp_path / "workspace")
    execute(root / "workspace.db", "PRAGMA journal_mode=DELETE")
    before = state(root)
    consolidate(a_run(root), until=BACKUP)
    (root / "workspace.db-journal").write_bytes(b"")

    roll_back(root, root / SET)

    assert state(root) == before
    assert not (root / "workspace.db-journal").exists()


def test_foreign_database_in_place_of_target_stays(tmp_path: Path) -> None:
    """The run had committed nothing, so the rows are not its own."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    consolidate(a_run(root), until=VERIFY)
    (root / "workspace.db").unlink(missing_ok=True)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    roll_back(root, root / SET)

    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema") == [("mine",)]

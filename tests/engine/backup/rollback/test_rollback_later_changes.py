"""Test that a rollback keeps what was written since, and during, the consolidation."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.atomic_files import move
from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback import restore
from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    SET,
    SET_NAME,
    build_two_sources,
    consolidated,
    database,
    execute,
    state,
)

if TYPE_CHECKING:
    from tests.support.workspaces.two_sources import State


def test_rows_written_since_are_listed_and_kept(root: Path, before: State) -> None:
    """The changes are listed by table before the rollback and kept in the set afterwards."""
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")
    execute(root / "workspace.db", "CREATE TABLE extra(x)")
    execute(root / "workspace.db", "DROP TABLE notes")

    changed = changed_since(root, root / SET)
    done = roll_back(root, root / SET)

    numbers = [re.findall(r"(\d+) rows?", sentence) for sentence in changed]
    assert [sentence.partition(":")[0] for sentence in changed] == ["extra", "notes", "tasks"]
    assert numbers == [["0"], ["5"], ["3", "4"]]
    assert state(root) == before
    kept = root / SET / "databases/workspace-before-rollback.db"
    assert f"kept workspace.db as it was in {(root / SET).name}/databases" in done.steps
    assert execute(kept, "SELECT title FROM tasks WHERE id = 4") == [("new",)]


def test_one_changed_value_is_a_change(root: Path) -> None:
    """The number of rows is the same."""
    assert changed_since(root, root / SET) == []

    execute(root / "workspace.db", "UPDATE tasks SET title = 'x' WHERE id = 1")

    assert [sentence.partition(":")[0] for sentence in changed_since(root, root / SET)] == ["tasks"]


def test_kept_copy_of_earlier_attempt_is_not_overwritten(root: Path) -> None:
    """A target that changed between two attempts is kept twice."""
    kept = root / SET / "databases/workspace-before-rollback.db"
    kept.write_text("the first attempt's")
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")

    roll_back(root, root / SET)

    assert kept.read_text() == "the first attempt's"
    assert execute(kept.with_name(kept.name + ".2"), "SELECT count(*) FROM tasks") == [(4,)]


def test_replaced_target_is_reported_and_kept(root: Path, before: State) -> None:
    """A file without the run's row of history is not the committed target."""
    for suffix in ("", "-wal", "-shm"):
        (root / f"workspace.db{suffix}").unlink(missing_ok=True)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    changed = changed_since(root, root / SET)
    roll_back(root, root / SET)

    [sentence] = changed
    assert "row of history" in sentence
    assert state(root).databases["workspace.db"] == before.databases["workspace.db"]
    assert (
        execute(
            root / SET / "databases/workspace-before-rollback.db", f"SELECT 1 FROM sqlite_schema WHERE name = '{TABLE}'"
        )
        == []
    )


def test_destroyed_target_moves_to_the_set(root: Path, before: State) -> None:
    """The file is not a database any more, and the backup replaces it."""
    (root / "workspace.db").write_bytes(b"x" * 9000)
    (root / "workspace.db-shm").write_bytes(b"stale")

    [changed] = changed_since(root, root / SET)
    done = roll_back(root, root / SET)

    assert f"set workspace.db aside in {SET_NAME}" in done.steps
    assert "file is not a database" in changed
    assert state(root) == before
    assert (root / SET / "set-aside/workspace.db").read_bytes() == b"x" * 9000
    kept = [event["kept"] for event in Ledger(root / SET).all("keeping")]
    assert kept == ["set-aside/workspace.db", "set-aside/workspace.db-shm"]


def test_changed_archive_is_restored_as_inexact(root: Path) -> None:
    """Its new rows are kept, and the observation does not hold."""
    execute(root / ARCHIVED, "INSERT INTO tasks(title) VALUES('late')")

    done = roll_back(root, root / SET)

    assert [observation.subject for observation in done.observations if not observation.holds] == ["logs/tasks.db"]
    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(4,)]


@pytest.mark.parametrize("target", [True, False])
def test_rows_written_between_check_and_restore_are_kept(
    tmp_path: Path, target: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contents are compared again under the exclusive lock."""
    root = build_two_sources(tmp_path / "w", target=target)
    consolidated(root)
    monkeypatch.setattr(
        restore, "require_exclusive_access", lambda path: execute(path, "INSERT INTO tasks(title) VALUES('late')")
    )

    done = roll_back(root, root / SET)

    assert done.holds
    assert f"kept workspace.db as it was in {(root / SET).name}/databases" in done.steps
    kept = root / SET / "databases/workspace-before-rollback.db"
    assert execute(kept, "SELECT count(*) FROM tasks WHERE title = 'late'") == [(1,)]


@pytest.mark.parametrize("file", ["workspace.db", "logs/tasks.db"])
def test_rows_written_right_after_restore_are_no_difference(
    root: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest was read before another process could open the database."""
    monkeypatch.setattr(
        "sqlite_consolidate.engine.backup.rollback.rollback.remove_unfinished_copies",
        lambda _: execute(root / file, "CREATE TABLE late(x)"),
    )

    assert roll_back(root, root / SET).holds

    assert execute(root / file, "SELECT name FROM sqlite_schema WHERE name = 'late'") == [("late",)]


def test_rows_written_after_failed_rollback_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target was restored already, so the next attempt does not restore it again."""
    with monkeypatch.context() as broken:
        broken.setattr(
            "sqlite_consolidate.engine.backup.rollback.rollback.remove_unfinished_copies", Path.rmdir
        )  # refused by the system
        with pytest.raises(OSError, match="not empty"):
            roll_back(root, root / SET)
    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    roll_back(root, root / SET)

    assert execute(root / "workspace.db", "SELECT name FROM projects WHERE id = 3") == [("new",)]


@pytest.mark.parametrize(("times", "comes_back"), [(1, True), (99, True), (100, False)])
def test_rename_retries_while_process_recreates_file(
    root: Path, before: State, monkeypatch: pytest.MonkeyPatch, times: int, *, comes_back: bool
) -> None:
    """SQLite creates an empty file each time, and the rollback deletes it up to 99 times."""
    opened = iter(range(times))

    def opened_just_before(archive: Path, old: Path) -> None:
        if next(opened, None) is not None:
            old.touch()
        move(archive, old)

    monkeypatch.setattr("sqlite_consolidate.engine.backup.rollback.archive_steps.move", opened_just_before)

    with contextlib.nullcontext() if comes_back else pytest.raises(FileExistsError):
        roll_back(root, root / SET)

    assert (state(root) == before) is comes_back


def test_file_created_under_old_name_is_not_overwritten(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was created after the check, and the archive keeps its name."""

    def made_just_before(archive: Path, old: Path) -> None:
        old.write_text("another file")
        move(archive, old)

    monkeypatch.setattr("sqlite_consolidate.engine.backup.rollback.archive_steps.move", made_just_before)

    with pytest.raises(FileExistsError):
        roll_back(root, root / SET)

    assert (root / "logs/tasks.db").read_text() == "another file"
    assert (root / ARCHIVED).exists()

"""Test that an inventory names what it could not read, and goes on."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.ledger import NAME as LEDGER
from sqlite_consolidate.engine.sqlite import connections
from sqlite_consolidate.inventory.discovery import discover
from sqlite_consolidate.inventory.inspection import inspect_file
from sqlite_consolidate.inventory.inventory import Inventory, take_inventory
from sqlite_consolidate.inventory.session import InventorySession, inventory_data, no_plan_reason
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import other_process
from tests.support.unprivileged import common_folder, run_unprivileged
from tests.support.workspaces.whole_run import execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS = "CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES ({0}, {0})"


@pytest.fixture
def shared() -> Iterator[Path]:
    """Lend a folder with two databases to a user without privileges."""
    with common_folder() as folder:
        for number, name in enumerate(("main", "second")):
            execute(folder / f"{name}.db", _ROWS.format(number))
        yield folder


def take(root: Path) -> Inventory:
    """Take the inventory of a folder."""
    return replace(take_inventory(root, lambda _words: None), joins=None)  # another process cannot take its cache


def findings(inventory: Inventory) -> set[tuple[str, str]]:
    """Return id and subject of each finding."""
    return {(finding.id, finding.subject) for finding in inventory.findings}


def test_unreadable_files_and_folders_are_findings(shared: Path) -> None:
    """Each has its id, and the other databases are read."""
    for file in ("closed.db", "locked/inside.db", "code.py"):
        (shared / file).parent.mkdir(exist_ok=True)
        shutil.copy(shared / "main.db", shared / file)
    for name in ("closed.db", "locked", "code.py"):
        (shared / name).chmod(0)

    inventory = run_unprivileged(lambda: take(shared), shared)

    assert findings(inventory) == {
        ("database-unread", "closed.db"),
        ("not-searched", "locked"),
        ("not-scanned", "code.py"),
        ("not-scanned", "locked"),
    }
    assert [entry.file for entry in inventory.live] == ["main.db", "second.db"]


@pytest.mark.parametrize("has_rows_in_wal", [False, True])
def test_wal_database_in_a_read_only_folder(shared: Path, *, has_rows_in_wal: bool) -> None:
    """It is read if the file has all its rows, and the finding states the reason if not."""
    (shared / "sub").mkdir()
    path = shared / "sub" / "events.db"
    execute(path, f"PRAGMA journal_mode=WAL; {_ROWS.format(7)}")
    if has_rows_in_wal:
        (shared / "sub" / "events.db-wal").write_bytes(b"x" * 4096)
    (shared / "sub").chmod(0o555)

    inventory = run_unprivileged(lambda: take(shared), shared)

    assert ("database-unread", "sub/events.db") in findings(inventory) or not has_rows_in_wal
    assert [entry.file for entry in inventory.live if entry.database.rows] == [
        "main.db",
        "second.db",
        *([] if has_rows_in_wal else ["sub/events.db"]),
    ]


def test_plan_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    """The inventory is complete before that, and names target and source."""
    for number, name in enumerate(("main", "second")):
        execute(tmp_path / f"{name}.db", _ROWS.format(number))
    session = InventorySession(tmp_path, tmp_path / "absent" / "consolidation.toml", lambda _words: None)
    session.inspect_workspace()

    with pytest.raises(ProblemError) as raised:
        session.write_plan()

    data = inventory_data(session)
    assert [problem.id for problem in raised.value.problems] == ["read-only"]
    assert (data["plan"], data["no_plan"]) == ("", "")
    assert [database["part"] for database in data["databases"]] == ["target", "source"]


def test_links_are_findings_unless_they_stay_inside(tmp_path: Path) -> None:
    """A link in a loop ends no search."""
    root = tmp_path / "root"
    for path in (root / "data" / "in.db", tmp_path / "outside" / "out.db"):
        path.parent.mkdir(parents=True)
        execute(path, _ROWS.format(1))
    (root / "again").symlink_to("data")
    (root / "data" / "up").symlink_to("..")
    (root / "elsewhere").symlink_to("../outside")
    (root / "loop.db").symlink_to("loop.db")

    inventory = take(root)

    assert findings(inventory) == {("not-searched", "elsewhere"), ("database-unread", "loop.db")}
    assert [entry.file for entry in inventory.live] == ["data/in.db"]


def test_folder_at_the_root_may_be_hidden(tmp_path: Path) -> None:
    """Its name begins with a dot."""
    (tmp_path / ".state").mkdir()
    execute(tmp_path / ".state" / "app.db", _ROWS.format(1))

    assert [candidate.file for candidate in discover(tmp_path).candidates] == [".state/app.db"]


def test_file_that_vanishes_is_unreadable(tmp_path: Path) -> None:
    """It was found by its header before it was removed."""
    execute(tmp_path / "gone.db", _ROWS.format(1))
    [candidate] = discover(tmp_path).candidates
    (tmp_path / "gone.db").unlink()

    database = inspect_file(tmp_path, candidate)

    assert (database.kind, bool(database.unread_reason)) == ("unreadable", True)


def test_name_that_is_not_utf8_is_a_finding(tmp_path: Path) -> None:
    """No plan can name it, and the search for mentions goes on."""
    execute(tmp_path / "main.db", _ROWS.format(1))
    shutil.copy(tmp_path / "main.db", tmp_path / os.fsdecode(b"\xff.db"))

    inventory = take(tmp_path)

    assert [id for id, _ in findings(inventory)] == ["database-unread"]


def test_proposal_is_written_although_a_source_is_locked_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan states that it was not rehearsed."""
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.1)
    for number, name in enumerate(("main", "second")):
        execute(tmp_path / f"{name}.db", _ROWS.format(number))
    session = InventorySession(tmp_path, tmp_path / "consolidation.toml", lambda _words: None)
    session.inspect_workspace()

    with other_process(tmp_path / "second.db", "BEGIN EXCLUSIVE"):
        written = session.write_plan()

    assert written == tmp_path / "consolidation.toml"
    assert session.refined is not None
    assert session.refined.unrehearsed_reason
    assert session.decisions >= 1


def test_reason_for_no_plan_names_what_would_help(tmp_path: Path) -> None:
    """Backups are no sources, and neither is a file that cannot be read."""
    (tmp_path / "backups").mkdir()
    execute(tmp_path / "backups" / "other.db", _ROWS.format(2))
    execute(tmp_path / "main.db", _ROWS.format(1))
    (tmp_path / "link.db").symlink_to("nowhere.db")

    reason = no_plan_reason(take(tmp_path))

    assert all(file in reason for file in ("main.db", "backups/other.db", "link.db"))


def test_archive_is_not_to_be_renamed(tmp_path: Path) -> None:
    """A rollback needs its name, and the backup set of its consolidation is no workspace."""
    archive, backup_set = "old.db.archived_20250131_120000", tmp_path / "backups" / "plan-20250131_120000"
    backup_set.mkdir(parents=True)
    for number, path in enumerate((tmp_path / "main.db", tmp_path / archive, backup_set / "old.db")):
        execute(path, _ROWS.format(number))
    (backup_set / LEDGER).touch()
    (backup_set.parent / ".gitignore").write_text("*\n")

    inventory = take(tmp_path)
    reason = no_plan_reason(inventory)

    assert inventory.discovery.skipped_folders == ()
    assert archive in reason
    assert "consolidated" in reason
    assert "Rename" not in reason
    assert backup_set.name not in reason

"""Hold the wording of the messages of backups and rollbacks in one place.

The other tests of this folder compare ids, subjects and files.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import archive
from sqlite_consolidate.engine.backup.backup_set import backup_sets, discard_unsealed, recover
from sqlite_consolidate.engine.backup.copies import copy_database, create_backup_set
from sqlite_consolidate.engine.backup.history import TABLE
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from sqlite_consolidate.engine.backup.rollback.steps import ArchiveChange
from sqlite_consolidate.engine.backup.rollback.target_objects import object_changes
from sqlite_consolidate.engine.backup.snapshot import snapshot
from sqlite_consolidate.engine.checks.preflight import inspect_databases
from sqlite_consolidate.engine.sqlite.locks.write_lock import WriteLock
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import other_process
from tests.support.thorough import thorough
from tests.support.workspaces.killed_runs import run_until_killed
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    CREATE_NOTES,
    SET,
    database,
    execute,
    plan_of,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

WORDING = {
    "created-again": (
        "logs/notes.db: has been created again beside its archive "
        "notes.db.archived_20250131_120000. Both files are unchanged. Move logs/notes.db away "
        "(its rows are in no backup), then roll back again. [created-again]"
    ),
    "archive-opened": (
        "tasks.db.archived_20250131_120000: has been opened since it was archived; "
        "tasks.db.archived_20250131_120000-journal is beside it. It was not touched. Close it "
        "wherever it is open, let sqlite3 open and close it once, then roll back again. "
        "[archive-opened]"
    ),
    "archive-changed": (
        "tasks.db.archived_20250131_120000: was changed since the migration (3 rows missing). Nothing was "
        "rolled back. To roll back anyway, pass --discard-changes. The backup set then keeps the changed archive. "
        "[archive-changed]"
    ),
    "code-changed": (
        "app/notes.py: is neither as it was before the migration nor as the migration wrote it. "
        "It was not touched. Compare it with small-20250131_120000/code/001-notes.py, correct it "
        "by hand, then roll back again. [code-changed]"
    ),
    "copy-changed": (
        "small-20250131_120000/databases/target.db: is not as it was sealed. Nothing was "
        "restored from it. Restore this file of the backup set from another copy, then roll back "
        "again. [copy-damaged]"
    ),
    "copy-missing": (
        "small-20250131_120000/databases/target.db: is missing. Nothing was restored from it. "
        "Restore this file of the backup set from another copy, then roll back again. "
        "[copy-damaged]"
    ),
    "consolidated-since": (
        "workspace.db: is also the target of the later run 20250131_130000. Roll that run back "
        "first. If there was no such run, delete its row of _consolidation_history. [consolidated-since]"
    ),
    "target-locked": (
        "workspace.db: is locked by another process. Stop the process that uses it and run again. [in-use]"
    ),
    "recovery-inexact": "logs/tasks.db: not as before run small-20250131_120000: ",
    "no-manifest": (
        "small-20250131_120000/manifest.json: is missing; the copies in that set may be the only "
        "ones. Restore the file, or move the whole set out of the backups folder. [no-manifest]"
    ),
    "bad-manifest": (
        "small-20250131_120000/manifest.json: is not a manifest of format 1, because it has "
        "another format. Restore the file, or move the whole set out of the backups folder. "
        "[bad-manifest]"
    ),
    "bad-manifest-value": (
        "small-20250131_120000/manifest.json: is not a manifest of format 1, because 2 values cannot "
        "be read, the first at run. Restore the file, or move the whole set out of the "
        "backups folder. [bad-manifest]"
    ),
    "manifest-outside": (
        "small-20250131_120000/manifest.json: names ../victim.db, which is outside the backup set or "
        "the workspace. Restore the manifest from another copy, or move the "
        "whole set out of the backups folder. [manifest-outside]"
    ),
    "bad-ledger": (
        "small-20250131_120000/ledger.jsonl: line 1 is not an event of a run. "
        "Restore the file from another copy, or move the whole set out of the backups folder. "
        "[bad-ledger]"
    ),
    "sealed": (
        "small-20250131_120000: is sealed and stays, because it is a backup. Remove it by hand if you must. [sealed]"
    ),
    "name-twice": (
        "logs/notes.db: two databases are named 'notes': one backup would overwrite the other. "
        "Give the source logs/notes.db another name in the plan. [name-twice]"
    ),
    "copy-differs": (
        "logs/notes.db: the contents of its backup and of the database differ. Check the disk, "
        "and run again. [copy-differs]"
    ),
    "archive-name-taken": (
        "tasks.db.archived_20250131_120000: exists already. It was not changed, and "
        "logs/tasks.db was not renamed. Find out which program created it, and run again. "
        "[archive-name-taken]"
    ),
    "snapshot-locked": "tasks.db: is locked by another process. Stop the process that uses it and run again. [in-use]",
}

SENTENCES = {
    "table-dropped": [
        "extra: missing at the migration, 0 rows now",
        "notes: 5 rows (d2f2bb4b) at the migration, missing now",
    ],
    "target-replaced": ["the run's row of history is not in it: the file was replaced"],
    "target-destroyed": ["the file cannot be read any more (file is not a database)"],
    "history-changed": ["the run's row of history was changed and cannot be read"],
    "killed-before-sealed": [
        (
            "small-20250131_120000: an earlier run was interrupted before it changed anything; its "
            "backup set was deleted."
        )
    ],
    "killed-before-archiving": [
        (
            "small-20250131_120000: an earlier run was interrupted and has been rolled back: "
            "restored app/tasks.py; restored app/notes.py; restored workspace.db from the backup set."
        )
    ],
    "killed-before-finished": [
        (
            "small-20250131_120000: an earlier run was interrupted and has been rolled back: renamed "
            "logs/tasks.db.archived_20250131_120000 back to logs/tasks.db; renamed "
            "logs/notes.db.archived_20250131_120000 back to logs/notes.db; restored app/tasks.py; "
            "restored app/notes.py; restored workspace.db from the backup set."
        )
    ],
}


def create_source_again(root: Path) -> None:
    """Create a source beside its archive."""
    database(root / "logs/notes.db", CREATE_NOTES)


def write_to_archive(root: Path) -> None:
    """Change an archive and leave a journal."""
    execute(root / ARCHIVED, "DELETE FROM tasks")
    (root / f"{ARCHIVED}-journal").write_bytes(b"")


def change_archive(root: Path) -> None:
    """Change an archive, which has no journal."""
    execute(root / ARCHIVED, "DELETE FROM tasks")


def edit_code(root: Path) -> None:
    """Edit a code file."""
    (root / "app/notes.py").write_text("edited")


def edit_backup(root: Path) -> None:
    """Change the backup of the target."""
    (root / SET / "databases/target.db").write_bytes(b"other bytes")


def delete_backup(root: Path) -> None:
    """Delete the backup of the target."""
    (root / SET / "databases/target.db").unlink()


def consolidate_again(root: Path) -> None:
    """Add the row of a later run to the history."""
    later = f"SELECT '20250131_130000', plan, '', '', '', '', '{{}}', '{{}}' FROM {TABLE}"
    execute(root / "workspace.db", f"INSERT INTO {TABLE} {later}")


REFUSALS = {
    "created-again": create_source_again,
    "archive-opened": write_to_archive,
    "archive-changed": change_archive,
    "code-changed": edit_code,
    "copy-changed": edit_backup,
    "copy-missing": delete_backup,
    "consolidated-since": consolidate_again,
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_of_a_rollback_are_worded(consolidated_copy: Path, name: str) -> None:
    """One file of the workspace has changed since the consolidation."""
    REFUSALS[name](consolidated_copy)

    with pytest.raises(ProblemError) as caught:
        roll_back(consolidated_copy, consolidated_copy / SET, change=ArchiveChange.REFUSED)

    assert str(caught.value) == WORDING[name]


def test_rollback_of_locked_target_is_worded(consolidated_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the exclusive lock."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.2)
    statements = ("PRAGMA journal_mode=DELETE", "BEGIN EXCLUSIVE")
    with other_process(consolidated_copy / "workspace.db", *statements), pytest.raises(ProblemError) as caught:
        roll_back(consolidated_copy, consolidated_copy / SET)

    assert str(caught.value) == WORDING["target-locked"]


def drop_table(root: Path) -> None:
    """Drop one table of the target and create another one."""
    execute(root / "workspace.db", "DROP TABLE notes")
    execute(root / "workspace.db", "CREATE TABLE extra(x)")


def replace_target(root: Path) -> None:
    """Replace the target by another database."""
    for suffix in ("", "-wal", "-shm"):
        (root / f"workspace.db{suffix}").unlink(missing_ok=True)
    database(root / "workspace.db", "CREATE TABLE mine(x)")


def destroy_target(root: Path) -> None:
    """Overwrite the target with bytes that are no database."""
    (root / "workspace.db").write_bytes(b"x" * 9000)


def damage_history(root: Path) -> None:
    """Change the run's row of history."""
    execute(root / "workspace.db", f"UPDATE {TABLE} SET tables = '1'")


CHANGES = {
    "table-dropped": drop_table,
    "target-replaced": replace_target,
    "target-destroyed": destroy_target,
    "history-changed": damage_history,
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_since_commit_are_worded(consolidated_copy: Path, name: str) -> None:
    """A rollback would discard them."""
    CHANGES[name](consolidated_copy)

    assert changed_since(consolidated_copy, consolidated_copy / SET) == SENTENCES[name]


def test_object_changes_are_worded() -> None:
    """Both values of an AUTOINCREMENT mark are known. Of a statement only the digest is known."""
    mark, gone = "AUTOINCREMENT mark of t", "AUTOINCREMENT mark of u"
    before = {"view v": "a", "index i": "a", mark: "10", gone: "10"}

    assert object_changes(before, {"view v": "b", "trigger r": "a", mark: "9"}) == {
        mark: "was 10 at the migration and is 9 now",
        gone: "was 10 at the migration and is gone now",
        "index i": "was dropped since the migration",
        "trigger r": "was created since the migration",
        "view v": "was changed since the migration",
    }


@pytest.mark.parametrize("event", [*thorough("sealed", "archiving"), "finished"])
def test_findings_of_a_recovery_are_worded(root: Path, event: str) -> None:
    """The run was killed before it had noted this event."""
    run_until_killed(root, event, 1)
    if event == "sealed":
        (root / SET / "manifest.json").unlink()

    assert [finding.sentence for finding in recover(root, plan_of(root))] == SENTENCES[f"killed-before-{event}"]


def test_finding_of_inexact_recovery_is_worded(root: Path) -> None:
    """An application has written to a source after the crash."""
    run_until_killed(root, "archiving", 1)
    execute(root / "logs/tasks.db", "DELETE FROM tasks")

    [_, finding] = recover(root, plan_of(root))

    assert finding.id == "recovery-inexact"
    assert finding.sentence.startswith(WORDING["recovery-inexact"])


def lose_manifest(folder: Path) -> None:
    """Delete the manifest of a sealed set."""
    (folder / "manifest.json").unlink()


def break_manifest(folder: Path) -> None:
    """Write a manifest of another format."""
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"format": 1', '"format": 2'))


def edit_manifest(folder: Path, **values: object) -> None:
    """Write other values into the manifest of a sealed set."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values))


def break_ledger(folder: Path) -> None:
    """Write a line that is no event."""
    (folder / "ledger.jsonl").write_text("[]\n")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("no-manifest", lose_manifest),
        ("bad-manifest", break_manifest),
        ("bad-manifest-value", partial(edit_manifest, target_existed="yes", run=3)),
        ("manifest-outside", partial(edit_manifest, target="../victim.db")),
        ("bad-ledger", break_ledger),
    ],
)
def test_problems_of_manifests_are_worded(consolidated_copy: Path, name: str, spoil: Callable[[Path], None]) -> None:
    """The copies in the set may be the only ones."""
    spoil(consolidated_copy / SET)

    with pytest.raises(ProblemError) as caught:
        backup_sets(consolidated_copy, plan_of(consolidated_copy))

    assert str(caught.value) == WORDING[name]


def test_problem_of_sealed_set_is_worded(consolidated_copy: Path) -> None:
    """A run never deletes it."""
    with pytest.raises(ProblemError) as caught:
        discard_unsealed(consolidated_copy / SET)

    assert str(caught.value) == WORDING["sealed"]


def test_problems_of_copies_are_worded(root: Path, tmp_path: Path) -> None:
    """The first copy has the name already, and the second one has other contents."""
    create_backup_set(tmp_path / "backups/set")
    folder = tmp_path / "backups/set"
    with ExitStack() as write_locks:
        notes = inspect_databases(plan_of(root), root, write_locks).sources["notes"]
        copy = copy_database(notes, folder)
        with pytest.raises(ProblemError) as taken:
            copy_database(notes, folder)
        (folder / copy.copy).unlink()
        with closing(sqlite3.connect(":memory:")) as other:
            assert isinstance(notes.write_lock, WriteLock)
            notes.write_lock.reader.close()
            notes.write_lock.reader = other
            with pytest.raises(ProblemError) as differs:
                copy_database(notes, folder)

    assert str(taken.value) == WORDING["name-twice"]
    assert str(differs.value) == WORDING["copy-differs"]


def test_problem_of_taken_archive_name_is_worded(root: Path, tmp_path: Path) -> None:
    """A file has the archived name."""
    archived = root / ARCHIVED
    archived.write_text("earlier archive")
    lock = WriteLock(root / "logs/tasks.db")

    with pytest.raises(ProblemError) as caught:
        archive.archive_all([(lock, archived, "logs/tasks.db")], Ledger(tmp_path))
    lock.release()

    assert str(caught.value) == WORDING["archive-name-taken"]


def test_problem_of_locked_snapshot_is_worded(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the exclusive lock."""
    monkeypatch.setattr("sqlite_consolidate.engine.sqlite.connections.BUSY_SECONDS", 0.1)
    statements = ("BEGIN EXCLUSIVE",)
    with other_process(root / "logs/tasks.db", *statements), pytest.raises(ProblemError) as caught:
        snapshot(root / "logs/tasks.db", tmp_path / "copy.db")

    assert str(caught.value) == WORDING["snapshot-locked"]

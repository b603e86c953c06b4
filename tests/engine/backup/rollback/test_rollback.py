"""Test that the rollback of a consolidation restores everything and loses nothing."""

from __future__ import annotations

import resource
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback.rollback import changed_since, roll_back
from sqlite_consolidate.engine.content.contents import read_contents
from sqlite_consolidate.engine.content.digest import TableDigest, digest_database, digest_file
from sqlite_consolidate.engine.run.stages import BACKUP, VERIFY
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection
from sqlite_consolidate.engine.sqlite.schema.autoincrement import read_autoincrement_marks
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.problem import ProblemError
from tests.support.database_files import bytes_below
from tests.support.workspaces.two_sources import (
    ARCHIVED,
    SET,
    SET_NAME,
    STAMP,
    a_run,
    build_two_sources,
    consolidate,
    consolidated,
    execute,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import DatabaseCopy
    from sqlite_consolidate.engine.run.stages import Stage
    from tests.support.workspaces.two_sources import State


def test_rollback_restores_the_whole_workspace(root: Path, before: State) -> None:
    """Contents, WAL mode, code, names and modes are as before, and each step is recorded."""
    done = roll_back(root, root / SET)

    assert state(root) == before
    assert done.holds
    assert done.steps == [
        f"renamed {ARCHIVED} back to logs/tasks.db",
        f"renamed logs/notes.db.archived_{STAMP} back to logs/notes.db",
        "restored app/tasks.py",
        "restored app/notes.py",
        "restored workspace.db from the backup set",
    ]
    assert {observation.subject for observation in done.observations} > {
        "workspace.db",
        "logs/tasks.db",
        "app/tasks.py",
        ARCHIVED,
    }
    [noted] = Ledger(root / SET).all("put-back")
    assert (noted["steps"], noted["exact"]) == (done.steps, True)


def test_rollback_leaves_no_temporary_files(root: Path, before: State) -> None:
    """There are no sidecar files of archives and no copies beside the databases."""
    roll_back(root, root / SET)

    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and SET not in str(path)}
    assert files == before.databases.keys() | before.files.keys()


def test_rollback_changes_no_file_of_the_set(root: Path) -> None:
    """Only the ledger grows."""
    held = bytes_below(root / SET)

    roll_back(root, root / SET)

    after = bytes_below(root / SET)
    assert after.pop("ledger.jsonl").startswith(held.pop("ledger.jsonl"))
    assert after == held


def test_second_rollback_has_no_steps(root: Path, before: State) -> None:
    """It verifies the result again."""
    roll_back(root, root / SET)

    again = roll_back(root, root / SET)

    assert again.steps == []
    assert again.holds
    assert state(root) == before
    assert len(Ledger(root / SET).all("put-back")) == 1


def test_rolled_back_run_has_no_changes(tmp_path: Path) -> None:
    """The target belongs to a later run."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    consolidated(root)
    roll_back(root, root / SET)
    consolidated(root, "20250131_130000")

    assert changed_since(root, root / SET) == []


@pytest.mark.parametrize("until", [BACKUP, VERIFY], ids=lambda stage: stage.id)
def test_run_without_commit_has_no_changes(tmp_path: Path, until: Stage) -> None:
    """Rows of other processes in the target were never the run's."""
    root = build_two_sources(tmp_path / "workspace")
    consolidate(a_run(root), until=until)
    assert changed_since(root, root / SET) == []

    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    assert changed_since(root, root / SET) == []


def test_target_created_by_the_run_is_removed(tmp_path: Path) -> None:
    """The target did not exist before."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    before = state(root)
    consolidated(root)

    done = roll_back(root, root / SET)

    assert done.steps[-1] == "removed workspace.db, which the run had created"
    assert not (root / SET / "databases/workspace-before-rollback.db").exists()
    assert done.holds
    assert state(root) == before


def test_target_that_is_already_restored_is_skipped(root: Path, before: State) -> None:
    """Only its mode is restored."""
    for suffix in ("", "-wal", "-shm"):
        (root / f"workspace.db{suffix}").unlink(missing_ok=True)
    (root / "workspace.db").write_bytes((root / SET / "databases/target.db").read_bytes())

    changed = changed_since(root, root / SET)
    done = roll_back(root, root / SET)

    assert changed == []
    assert "restored workspace.db from the backup set" not in done.steps
    assert state(root) == before


def test_missing_target_is_restored(root: Path, before: State) -> None:
    """Its contents, mode and journal mode are as before."""
    (root / "workspace.db").unlink()

    assert changed_since(root, root / SET) == []
    roll_back(root, root / SET)

    assert state(root) == before


def test_missing_archive_is_restored_from_its_backup(root: Path, before: State) -> None:
    """The operator deleted the archives. A leftover journal moves to the backup set."""
    (root / ARCHIVED).unlink()
    (root / "logs/tasks.db-journal").write_bytes(b"stale")
    (root / f"logs/notes.db.archived_{STAMP}").unlink()

    done = roll_back(root, root / SET)

    assert done.steps[:3] == [
        f"set tasks.db-journal aside in {SET_NAME}",
        "restored logs/tasks.db from the backup set",
        "restored logs/notes.db from the backup set",
    ]
    assert done.holds
    assert state(root) == before


@pytest.mark.parametrize("is_begun", [True, False])
def test_unchanged_code_file_is_skipped(root: Path, before: State, *, is_begun: bool) -> None:
    """An interrupted rewrite has left a temporary file, which is deleted."""
    (root / "app/tasks.py").write_bytes(before.files["app/tasks.py"][0])
    if is_begun:
        (root / "app/.tasks.py.part").write_text("half")

    done = roll_back(root, root / SET)

    assert ("restored app/tasks.py" in done.steps) is is_begun
    assert state(root) == before


def test_further_code_files_are_counted(tmp_path: Path) -> None:
    """Three of the six are named."""
    root = build_two_sources(tmp_path / "workspace")
    with (root / "consolidation.toml").open("a") as plan:
        for number in range(4):
            (root / f"app/more{number}.py").write_text('PATH = "tasks.db"\n')
            entry = f"[[reference]]\nfile = 'app/more{number}.py'\nfind = '\"tasks.db\"'\nreplace = '\"workspace.db\"'"
            plan.write(f"\n{entry}\n")
    consolidated(root)

    steps = roll_back(root, root / SET).steps

    assert "restored 3 further files" in steps
    assert len([step for step in steps if step.startswith("restored app/")]) == 3


def test_rollback_can_be_retried_after_full_disk(root: Path, before: State) -> None:
    """The first attempt fails in the middle."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises((ProblemError, OSError)):
            roll_back(root, root / SET)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert Ledger(root / SET).has("putting-back")
    assert state(root) != before

    done = roll_back(root, root / SET)

    assert done.holds
    assert state(root) == before


def test_rollback_restores_permission_bits(root: Path, before: State) -> None:
    """They were changed after the consolidation."""
    for name in ("workspace.db", ARCHIVED, "app/tasks.py"):
        (root / name).chmod(0o666)

    roll_back(root, root / SET)

    assert state(root) == before


def test_unsealed_set_has_no_steps(tmp_path: Path) -> None:
    """A run changes nothing before it seals its set."""
    root = build_two_sources(tmp_path / "workspace")
    before = bytes_below(root)
    (root / SET).mkdir(parents=True)

    assert roll_back(root, root / SET).steps == []
    assert changed_since(root, root / SET) == []

    assert bytes_below(root) == before


def test_empty_file_under_old_name_is_removed(root: Path, before: State) -> None:
    """SQLite creates it when a process opens the free name."""
    (root / "logs/tasks.db").touch()

    done = roll_back(root, root / SET)

    assert done.holds
    assert state(root) == before
    assert done.steps[0] == "removed the empty file that was created under the name logs/tasks.db since"


def with_other_rows(folder: Path, copy: DatabaseCopy) -> DatabaseCopy:
    """Return the entry of a database for other rows, with their digest."""
    tables = {table: TableDigest(digest.rows, digest.total ^ 1) for table, digest in copy.tables.items()}
    with open_for_inspection(folder / copy.copy) as con:
        digest = digest_database(read_schema(con), tables, read_autoincrement_marks(con))
    return replace(copy, tables=tables, digest=digest)


def test_restored_target_with_other_contents_is_an_error(root: Path) -> None:
    """The manifest agrees with itself and with the ledger, and the copy has other rows."""
    path, ledger = root / SET / manifest.NAME, Ledger(root / SET).path
    sealed, digest_before = manifest.read(root / SET), digest_file(path)
    assert sealed is not None
    path.unlink()
    databases = tuple(with_other_rows(root / SET, copy) for copy in sealed.databases)
    manifest.write(root / SET, replace(sealed, databases=databases))
    ledger.write_text(ledger.read_text().replace(digest_before, digest_file(path)))
    digest = read_contents(root / SET / "databases/target.db").digest

    with pytest.raises(ProblemError) as caught:
        roll_back(root, root / SET)

    (problem,) = caught.value.problems
    assert (problem.id, problem.subject) == ("copy-differs", "workspace.db")
    assert digest in problem.what
    assert problem.hint.startswith("Check")
    assert str(root / SET / "databases/target.db") in problem.what
    assert not Ledger(root / SET).has("target-restored")

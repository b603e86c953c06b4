"""Test which backup sets count, which are deleted and which stay."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.backup_set import (
    already_consolidated,
    backup_sets,
    discard_unsealed,
    last_finished,
    recover,
    remembered,
)
from sqlite_consolidate.engine.backup.rollback import rollback
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import is_killed_at_change
from tests.support.thorough import thorough
from tests.support.workspaces.killed_runs import run_until_killed
from tests.support.workspaces.two_sources import SET, STAMP, consolidated, crashed, execute, plan_of, state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_finished_run_is_not_undone(consolidated_copy: Path) -> None:
    """Applications may have written to the target since."""
    root = consolidated_copy
    execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('new')")
    after = state(root)

    assert recover(root, plan_of(root)) == []

    assert state(root) == after


def test_sealed_set_without_manifest_is_never_deleted(root: Path) -> None:
    """Its copies may be the only ones, so the recovery is refused."""
    run_until_killed(root, "rewriting", 1)
    (root / SET / "manifest.json").unlink()
    before = sorted((root / SET).rglob("*"))

    with pytest.raises(ProblemError, match=r"manifest.json: .*\[no-manifest\]$"):
        recover(root, plan_of(root))

    assert sorted((root / SET).rglob("*")) == before


def test_sealed_set_is_not_discarded(consolidated_copy: Path) -> None:
    """A sealed set is a backup."""
    folder = consolidated_copy / SET

    with pytest.raises(ProblemError, match=r"\[sealed\]$"):
        discard_unsealed(folder)

    assert (folder / "databases/tasks.db").exists()


def test_part_of_a_record_is_removed_by_recovery(consolidated_copy: Path) -> None:
    """A run that was killed while it wrote its record once more leaves no file."""
    part = consolidated_copy / SET / f".{manifest.RECORD}.part"
    part.write_bytes(b"{")
    before = state(consolidated_copy)

    assert recover(consolidated_copy, plan_of(consolidated_copy)) == []

    assert not part.exists()
    assert state(consolidated_copy) == before


@pytest.mark.thorough
def test_killed_discard_is_finished_by_recovery(root: Path, tmp_path: Path) -> None:
    """No files without a ledger stay."""
    run_until_killed(root, "sealed", 1)
    (root / SET / "manifest.json").unlink()
    number, killed = 0, True
    while killed:
        number += 1
        copy = tmp_path / f"at-{number}"
        shutil.copytree(root, copy, copy_function=shutil.copy2)
        killed = is_killed_at_change(partial(discard_unsealed, copy / SET), number)

        recover(copy, plan_of(copy))

        assert list((copy / "backups").glob("[!.]*")) == [], number
    assert number > 4


def test_files_that_vanish_do_not_stop_a_discard(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process deletes each file and folder right before the run does."""
    run_until_killed(root, "sealed", 1)
    (root / SET / "manifest.json").unlink()
    for name in ("unlink", "rmdir"):
        monkeypatch.setattr(os, name, twice(getattr(os, name)))

    discard_unsealed(root / SET)

    assert not (root / SET).exists()


def twice(delete: Callable[..., None]) -> Callable[..., None]:
    """Return a function that deletes a path, and then tries it again."""

    def delete_twice(*args: object, **keywords: object) -> None:
        delete(*args, **keywords)
        delete(*args, **keywords)

    return delete_twice


@pytest.mark.parametrize("content", ["mine", ""], ids=["a file", "a folder"])
def test_foreign_folders_beside_sets_are_not_deleted(root: Path, content: str) -> None:
    """They have another name, or hold files that no run creates."""
    backups = root / "backups"
    names = ("small-copy", f"small-{STAMP}", f"other-{STAMP}", f"small-{STAMP}-old")
    for name in names:
        (backups / name).mkdir(parents=True)
        if content:
            (backups / name / "mine").write_text(content)
        else:
            (backups / name / "mine").mkdir()

    assert recover(root, plan_of(root)) == []

    assert all((backups / name / "mine").exists() for name in names)


def test_sets_of_another_plan_do_not_count(consolidated_copy: Path) -> None:
    """The name of the other plan is a prefix of this one."""
    root, folder = consolidated_copy, consolidated_copy / SET
    other = plan_of(root).model_copy(update={"name": "smal"})

    assert backup_sets(root, other) == []
    assert [backup_set.folder for backup_set in backup_sets(root, plan_of(root))] == [folder]


def test_last_finished_skips_rolled_back_consolidations(root: Path) -> None:
    """An older consolidation does not replace the one that was rolled back."""
    plan = plan_of(root)
    assert last_finished(root, plan) is None

    first = consolidated(root)
    finished = last_finished(root, plan)
    assert finished is not None
    assert finished.folder == first

    rollback.roll_back(root, first)
    assert last_finished(root, plan) is None

    second = consolidated(root, "20250131_130000")
    finished = last_finished(root, plan)
    assert finished is not None
    assert finished.folder == second


def spoil_nothing(_root: Path) -> None:
    """Leave the consolidation unchanged."""


def remove_an_archive(root: Path) -> None:
    """Delete an archive."""
    (root / f"logs/tasks.db.archived_{STAMP}").unlink()


def create_an_old_database(root: Path) -> None:
    """Create a source again, as its application would."""
    crashed(root / "logs/notes.db")


def replace_the_target(root: Path) -> None:
    """Copy the backup over the target."""
    (root / "workspace.db").write_bytes((root / SET / "databases/target.db").read_bytes())


@pytest.mark.parametrize(
    ("spoil", "stands"),
    [
        (spoil_nothing, True),
        (remove_an_archive, True),
        *thorough((create_an_old_database, False), (replace_the_target, False)),
    ],
)
def test_already_consolidated_requires_archives_and_data(
    root: Path, spoil: Callable[[Path], None], stands: bool
) -> None:
    """No source must have its old name, and the data must be in the target."""
    assert already_consolidated(root, plan_of(root)) is None
    consolidated(root)

    spoil(root)

    assert (already_consolidated(root, plan_of(root)) is not None) == stands


def test_deleted_backup_set_is_remembered_by_the_target(consolidated_copy: Path) -> None:
    """The row of history has the digest of each source, by which an archive is compared."""
    root, plan = consolidated_copy, plan_of(consolidated_copy)
    finished = last_finished(root, plan)
    assert finished is not None
    assert finished.sealed is not None
    assert remembered(root, plan) is None

    shutil.rmtree(root / SET)

    deleted = remembered(root, plan)
    assert deleted is not None
    assert deleted.sealed is not None
    assert (deleted.folder, deleted.sealed.archive) == (root / SET, finished.sealed.archive)
    for file in finished.sealed.archive:
        copies = [sealed.database(file) for sealed in (finished.sealed, deleted.sealed)]
        assert len({copy.digest for copy in copies if copy}) == 1
    assert already_consolidated(root, plan) == deleted
    assert last_finished(root, plan) is None


@pytest.mark.parametrize("content", [b"no database" * 100, b""], ids=["unreadable", "empty"])
def test_target_without_history_remembers_no_set(consolidated_copy: Path, content: bytes) -> None:
    """The preflight reports a target that cannot be read."""
    shutil.rmtree(consolidated_copy / SET)
    (consolidated_copy / "workspace.db").write_bytes(content)
    for sidecar in consolidated_copy.glob("workspace.db-*"):
        sidecar.unlink()

    assert remembered(consolidated_copy, plan_of(consolidated_copy)) is None


def test_source_that_exists_again_is_a_new_one(consolidated_copy: Path) -> None:
    """A run may move it, and a check states that it was created again."""
    shutil.rmtree(consolidated_copy / SET)
    plan = plan_of(consolidated_copy)

    (consolidated_copy / plan.sources[0].file).touch()

    assert already_consolidated(consolidated_copy, plan) is None
    assert remembered(consolidated_copy, plan) is not None

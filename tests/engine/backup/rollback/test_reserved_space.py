"""Specify that the space of a rollback is reserved before COMMIT."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.copies import has_copies
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.reserved_space import reserve_space, reserved_bytes
from sqlite_consolidate.engine.backup.rollback.rollback import roll_back
from sqlite_consolidate.engine.backup.rollback.steps import ArchiveChange
from sqlite_consolidate.engine.checks.disk_space import disk_space_needed
from sqlite_consolidate.engine.run.stages import COMMIT
from sqlite_consolidate.problem import ProblemError
from tests.support.crash.disks import backups_on_another_disk, limit_free_space
from tests.support.workspaces.two_sources import (
    SET,
    SET_NAME,
    a_run,
    build_two_sources,
    consolidate,
    consolidated,
    execute,
    plan_of,
    reach,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="space is reserved with posix_fallocate")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Provide a workspace that is not consolidated yet."""
    return build_two_sources(tmp_path / "workspace")


def test_space_of_a_rollback_is_allocated_before_commit(root: Path) -> None:
    """Another process cannot take it afterwards."""
    needed = disk_space_needed(plan_of(root), root)
    run = a_run(root)
    reach(run, COMMIT)

    reserved = (run.folder / "reserved").stat()
    run.end()

    assert reserved.st_size == needed.rollback > 0
    assert reserved.st_blocks * 512 >= needed.rollback


def test_space_is_reserved_on_the_disk_of_the_target(root: Path) -> None:
    """The journal is written beside it, wherever the backups are."""
    needed = disk_space_needed(plan_of(root), root)
    with backups_on_another_disk(root):
        before = state(root)
        run = a_run(root)
        reach(run, COMMIT)

        assert not (run.folder / "reserved").exists()
        assert reserved_bytes(run.folder, root / "workspace.db") == needed.rollback
        assert (root / f".{SET_NAME}-reserved/reserved").stat().st_size == needed.rollback
        assert has_copies(root / f".{SET_NAME}-reserved", [".gitignore"])
        run.end()
        assert state(root) == before


@pytest.mark.parametrize("disk", ["target", "backups"])
def test_rollback_counts_what_each_disk_has(root: Path, monkeypatch: pytest.MonkeyPatch, disk: str) -> None:
    """The backups get a copy of the target, and its journal is beside it."""
    size = (root / "workspace.db").stat().st_size
    with backups_on_another_disk(root):
        consolidated(root)
        execute(root / "workspace.db", "INSERT INTO tasks(title) VALUES('later')")
        place = root if disk == "target" else root / SET
        limit_free_space(monkeypatch, place, size - 1)

        with pytest.raises(ProblemError) as caught:
            roll_back(root, root / SET, change=ArchiveChange.REFUSED)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [("no-space", place.name)]


def test_accepted_run_gives_the_space_back(root: Path) -> None:
    """The backup set keeps no file of it."""
    run = consolidate(a_run(root))
    run.end()

    assert not (run.folder / "reserved").exists()


def test_rollback_gives_the_space_back_before_its_first_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger has the first write of a rollback."""
    run = consolidate(a_run(root))
    run.end()
    reserve_space(run.folder, root / "workspace.db", 4096)
    note = Ledger.note
    noted = []

    def note_and_look(ledger: Ledger, event: str, **facts: object) -> None:
        noted.append((event, (run.folder / "reserved").exists()))
        note(ledger, event, **facts)

    monkeypatch.setattr(Ledger, "note", note_and_look)
    roll_back(root, run.folder)

    assert noted[0] == ("putting-back", False)


def test_run_without_a_target_reserves_nothing(tmp_path: Path) -> None:
    """Its rollback only removes the target."""
    root = build_two_sources(tmp_path / "empty", target=False)

    assert disk_space_needed(plan_of(root), root).rollback == 0


@pytest.mark.parametrize("other_disk", [False, True])
def test_file_system_without_allocation_reserves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, other_disk: bool
) -> None:
    """A run goes on there, and no file or folder is left."""

    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    before = sorted(path.name for path in root.iterdir())
    with backups_on_another_disk(root) if other_disk else nullcontext(root / "logs") as folder:
        reserve_space(folder, root / "workspace.db", 4096)

        assert reserved_bytes(folder, root / "workspace.db") == 0
        assert not (folder / "reserved").exists()
    assert sorted(path.name for path in root.iterdir() if path.name != "backups") == before


def test_disk_without_the_space_is_an_error(tmp_path: Path) -> None:
    """No file is left."""
    with pytest.raises(OSError, match=r"File too large|No space left"):
        reserve_space(tmp_path, tmp_path / "target.db", 1 << 62)

    assert list(tmp_path.iterdir()) == []

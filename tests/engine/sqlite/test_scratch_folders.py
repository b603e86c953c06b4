"""Specify which folders for temporary files are deleted, and when."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.sqlite.scratch_folders import remove_abandoned_folders, scratch_folder
from tests.support.processes import die, run_in_child

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the folder for temporary files of this process and its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _die_in_a_folder() -> None:
    with scratch_folder("rows") as folder:
        (folder / "rows.db").write_bytes(b"rows")
        (folder / "closed").mkdir(mode=0o500)
        die()


def _use_a_folder() -> None:
    with scratch_folder("rows") as folder:
        for number in range(20):
            (folder / f"folder {number}").mkdir()


def test_folder_is_private_and_deleted(temporary: Path) -> None:
    """It is empty at first, and nothing stays of what is written to it."""
    with scratch_folder("rows") as folder:
        modes = [path.stat().st_mode & 0o777 for path in (folder, folder.parent)]
        names = list(folder.iterdir())
        (folder / "rows.db").write_bytes(b"rows")

    assert modes == [0o700, 0o700]
    assert names == []
    assert list(temporary.iterdir()) == []


def test_folder_of_a_killed_process_is_deleted(temporary: Path) -> None:
    """The kernel has released its lock."""
    assert run_in_child(_die_in_a_folder) == -signal.SIGKILL
    assert len(list(temporary.rglob("rows.db"))) == 1

    remove_abandoned_folders()

    assert list(temporary.iterdir()) == []


def test_interrupted_deletion_is_ended_by_the_next(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed after it has taken the folder away, and before it deletes it."""
    assert run_in_child(_die_in_a_folder) == -signal.SIGKILL
    with monkeypatch.context() as killing:
        killing.setattr(tempfile.TemporaryDirectory, "__exit__", lambda *_: die())
        assert run_in_child(remove_abandoned_folders) == -signal.SIGKILL
    assert len(list(temporary.rglob("rows.db"))) == 1

    remove_abandoned_folders()

    assert list(temporary.iterdir()) == []


def test_lock_outlives_the_files(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed while it deletes its own folder."""
    with monkeypatch.context() as killing:
        killing.setattr(os, "rmdir", lambda *_, **__: die())
        assert run_in_child(_use_a_folder) == -signal.SIGKILL
    assert len(list(temporary.rglob("lock"))) == 1

    remove_abandoned_folders()

    assert list(temporary.iterdir()) == []


def test_folder_in_use_stays() -> None:
    """Neither its own process nor another one deletes it."""
    with scratch_folder("rows") as folder:
        remove_abandoned_folders()
        assert run_in_child(remove_abandoned_folders) == 0

        assert folder.is_dir()


def test_folder_of_another_program_stays(temporary: Path) -> None:
    """It has no lock file, or others beside it, or is a link."""
    unlocked, locked, linked = (temporary / name for name in ("consolidate-notes", "consolidate-lists", "notes"))
    for folder, files in ((unlocked, ["rows.db"]), (locked, ["lock", "rows.db"]), (linked, ["lock"])):
        folder.mkdir()
        for file in files:
            (folder / file).touch()
    (temporary / "consolidate-link").symlink_to(linked)
    before = sorted(temporary.rglob("*"))

    remove_abandoned_folders()

    assert sorted(temporary.rglob("*")) == before

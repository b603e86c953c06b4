"""Specify which files the copy of a workspace has."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.copied_files import Kind
from sqlite_consolidate.engine.backup.workspace_copy import check_room, copy_workspace, list_workspace
from sqlite_consolidate.plan.parts.run import Rehearsal
from tests.support.database_files import make_database
from tests.support.workspaces.copied import names, plan, rows

if TYPE_CHECKING:
    from pathlib import Path


def test_files_that_are_left_out_are_one_finding(live: Path, scratch: Path) -> None:
    """The reason stands before the names. A file that the plan names is copied all the same."""
    for folder in ("backups/p-1", ".git", "src/__pycache__", "src/package/__pycache__", "media/films", "reports/run"):
        (live / folder).mkdir(parents=True)
        (live / folder / "file").write_text("x")
    make_database(live / "media/c.db")
    (live / "logs/old.db.archived_20260101_000000").write_text("x")
    os.mkfifo(live / "src/pipe")
    chosen = plan("a.db", "media/c.db").model_copy(update={"rehearsal": Rehearsal(exclude=("media/*",))})

    files = list_workspace(chosen, live, reports=live / "reports")
    copy = copy_workspace(chosen, live, scratch, files=files)

    assert {reason.name: left for reason, left in files.left_out.items()} == {
        "BACKUPS": ["backups"],
        "ARCHIVE": ["logs/old.db.archived_20260101_000000"],
        "VERSION_CONTROL": [".git"],
        "CACHE": ["src/__pycache__", "src/package/__pycache__"],
        "REPORTS": ["reports"],
        "EXCLUDED": ["media/films"],
        "SPECIAL": ["src/pipe"],
    }
    left = [name for group in files.left_out.values() for name in group]
    assert not [name for name in left if os.path.lexists(scratch / name)]
    assert rows(scratch / "media/c.db") == 1
    [finding] = copy.findings()
    assert (finding.id, finding.level, finding.count) == ("left-out-of-copy", "note", 8)


@pytest.mark.parametrize("marker", ["pyvenv.cfg", "conda-meta", "node_modules"])
def test_environment_is_used_from_where_it_is(live: Path, scratch: Path, marker: str) -> None:
    """A script of the workspace that calls it by a relative path finds it."""
    folder = "node_modules" if marker == "node_modules" else "env"
    (live / folder / "bin").mkdir(parents=True)
    (live / folder / "bin/tool").write_text("TOOL\n")
    (live / folder / marker).mkdir()

    copy = copy_workspace(plan(), live, scratch)

    assert (scratch / folder).readlink() == live / folder
    assert (scratch / folder / "bin/tool").read_text() == "TOOL\n"
    assert [entry.name for entry in copy.files.of_kind(Kind.ENVIRONMENT)] == [folder]
    assert copy.links_out == ()


def test_file_of_plan_in_an_environment_is_a_copy(live: Path, scratch: Path) -> None:
    """A link to the environment would let the rehearsal write to the live file."""
    (live / "env/var").mkdir(parents=True)
    (live / "env/pyvenv.cfg").touch()
    make_database(live / "env/var/c.db")

    copy_workspace(plan("a.db", "env/var/c.db"), live, scratch)

    assert not (scratch / "env").is_symlink()
    assert not (scratch / "env/var/c.db").samefile(live / "env/var/c.db")


def test_copy_without_room_is_a_problem(live: Path, tmp_path: Path) -> None:
    """The size is known before a byte is written."""
    (live / "other/huge.bin").write_bytes(bytes(3_000_000))
    files, excluding = (
        list_workspace(plan().model_copy(update={"rehearsal": Rehearsal(exclude=exclude)}), live)
        for exclude in ((), ("other/huge.bin",))
    )
    copies = shutil.disk_usage(tmp_path).total // 3_000_000 + 1

    [problem] = check_room(files, tmp_path, copies=copies)
    assert (problem.id, problem.criterion) == ("no-room-for-copies", "space")
    assert excluding.size + 3_000_000 == files.size
    assert check_room(excluding, tmp_path) == []


def test_sparse_file_stays_sparse_in_the_copy(live: Path, scratch: Path) -> None:
    """It needs no more space than it has blocks, and has the same bytes."""
    with (live / "other/sparse.bin").open("wb") as file:
        for start in (5_000_000, 900_000_000):
            file.seek(start)
            file.write(b"x" * 5000)
        file.truncate(shutil.disk_usage(scratch).total * 2)
    before = list_workspace(plan(), live).entries["other/sparse.bin"].size
    assert before < 1_000_000

    copy_workspace(plan(), live, scratch)

    original, copy = (root / "other/sparse.bin" for root in (live, scratch))
    assert copy.stat().st_size == original.stat().st_size
    assert copy.stat().st_blocks <= original.stat().st_blocks
    for start in (0, 5_000_000, 900_000_000):
        texts = []
        for path in (original, copy):
            with path.open("rb") as file:
                file.seek(start)
                texts.append(file.read(10_000))
        assert texts[0] == texts[1]


def test_pattern_that_excludes_nothing_is_a_finding(live: Path, scratch: Path) -> None:
    """A misspelt pattern would otherwise copy what it is meant to leave out."""
    chosen = plan().model_copy(update={"rehearsal": Rehearsal(exclude=("other/*", "medai/*"))})

    findings = copy_workspace(chosen, live, scratch).findings()

    assert [(finding.id, finding.subject) for finding in findings if finding.id == "exclusion-idle"] == [
        ("exclusion-idle", "[rehearsal] exclude medai/*")
    ]


def test_without_programs_only_the_files_of_plan_are_copied(live: Path, scratch: Path) -> None:
    """These are databases, code, trees, logs and the plan. A run reads no other file."""
    extra_files = (live / "consolidation.toml", live.parent / "outside.toml")
    copy_workspace(plan().model_copy(update={"smoke": []}), live, scratch, extra_files=extra_files)

    assert names(scratch) == [
        "a.db",
        "consolidation.toml",
        "logs",
        "logs/app.log",
        "logs/b.db",
        "module.py",
        "settings.ini",
        "src",
        "src/package",
        "src/package/code.py",
        "src/run.sh",
        "target.db",
    ]


@pytest.mark.parametrize("folder", [".git", "__pycache__", ".tox"])
def test_generated_folders_are_not_copied(live: Path, scratch: Path, folder: str) -> None:
    """These are history and caches."""
    (live / "src" / folder).mkdir()
    (live / "src" / folder / "file.py").touch()

    copy_workspace(plan(), live, scratch)

    assert not (scratch / "src" / folder).exists()
    assert (scratch / "src/package/code.py").exists()


def test_special_files_are_not_read(live: Path, scratch: Path) -> None:
    """Reading a pipe would never end."""
    os.mkfifo(live / "src/pipe")

    copy_workspace(plan(), live, scratch)

    assert not (scratch / "src/pipe").exists()

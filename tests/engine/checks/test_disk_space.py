"""Specify that a run computes the disk space it needs before it writes."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.disk_space import check_disk_space, disk_space_needed, disks_of, state_disk_space
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import PREFLIGHT
from sqlite_consolidate.engine.sqlite.files import size_with_sidecars
from tests.support.crash.disks import backups_on_another_disk, limit_free_space
from tests.support.observations import numbers_in
from tests.support.unprivileged import common_folder, run_unprivileged
from tests.support.workspaces.two_sources import a_run, build_two_sources, consolidate, plan_of

if TYPE_CHECKING:
    from pathlib import Path


def test_kept_bytes_are_at_most_the_computed_need(root: Path) -> None:
    """Backups, dumps and growth of a run need at most 5 % more than was computed."""
    wanted = disk_space_needed(plan_of(root), root)
    before = (root / "workspace.db").stat().st_size
    largest = max(size_with_sidecars(root / file) for file in ("workspace.db", "logs/tasks.db", "logs/notes.db"))

    run = consolidate(a_run(root))

    databases = sum(path.stat().st_size for path in (run.folder / "databases").iterdir())
    growth = (root / "workspace.db").stat().st_size - before
    assert databases + growth <= wanted.kept * 1.05
    assert wanted.scratch == largest


def test_a_plan_without_dumps_needs_less(root: Path) -> None:
    """The sum names its parts."""
    plan = plan_of(root).model_copy(update={"dump": False})

    wanted = disk_space_needed(plan, root)

    assert wanted.dumps == 0
    assert "dumps 0.0 MB" in str(wanted)


def test_a_disk_that_is_too_small_is_a_problem(root: Path) -> None:
    """A target of half the free space fits neither with its dump nor beside the scratch file."""
    free = shutil.disk_usage(root).free

    fits = check_disk_space(plan_of(root), root, root)
    os.truncate(root / "workspace.db", free // 2 + 1)  # a hole in a file takes no space on the disk
    problems = check_disk_space(plan_of(root), root, root)

    assert fits == []
    assert {(problem.criterion, problem.id) for problem in problems} == {("space", "no-space")}
    assert len(numbers_in(problems[0].what)) > 2, "the sum and its parts"


def test_a_database_that_is_only_in_the_workspace_counts(root: Path, tmp_path: Path) -> None:
    """A rehearsal without a copy of it says how much the run will need all the same."""
    (tmp_path / "copy").mkdir()
    free = shutil.disk_usage(root).free
    os.truncate(root / "logs/tasks.db", free // 2 + 1)

    problems = check_disk_space(plan_of(root), tmp_path / "copy", root)

    assert {problem.id for problem in problems} == {"no-space"}


def test_backups_are_measured_on_their_own_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace has enough space, and they need more than is left in their folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(root))
    with backups_on_another_disk(root) as backups:
        limit_free_space(monkeypatch, backups, 1000)

        problems = check_disk_space(plan_of(root), root, root)

    assert [(problem.id, problem.subject) for problem in problems] == [("no-space", "backups")]


@pytest.mark.parametrize("missing", [0, 1])
def test_rollback_needs_space_on_the_disk_of_the_target(
    root: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    """SQLite writes the journal of a rollback beside the target, wherever the backups are."""
    needed = disk_space_needed(plan_of(root), root)
    with backups_on_another_disk(root) as backups:
        monkeypatch.setattr(tempfile, "tempdir", str(backups))
        limit_free_space(monkeypatch, root, needed.growth + needed.rollback - missing)

        problems = check_disk_space(plan_of(root), root, root)

    assert [(problem.id, problem.subject) for problem in problems] == [("no-space", "workspace.db")] * missing


def test_evidence_states_what_is_free_on_each_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backups are on another disk than the target, which has more or less space."""
    with backups_on_another_disk(root) as backups:
        monkeypatch.setattr(tempfile, "tempdir", str(backups))
        limit_free_space(monkeypatch, backups, 30_000_000_000)
        needed = disk_space_needed(plan_of(root), root)

        disks = disks_of(plan_of(root), root, needed)
        words = state_disk_space(plan_of(root), root, root)

    kept = needed.backups + needed.dumps + needed.scratch
    assert [(disk.name, disk.wanted) for disk in disks] == [
        ("backups", kept),
        ("workspace.db", needed.growth + needed.rollback),
    ]
    assert disks[0].free == 30_000_000_000
    assert words.count("are free") == len(disks)
    assert "30000.0 MB are free" in words


def test_read_only_folder_of_code_is_a_problem() -> None:
    """A run would only fail to rewrite its files after COMMIT."""
    with common_folder() as folder:
        root = build_two_sources(folder / "workspace")
        plan = plan_of(root)
        (root / "app").chmod(0o555)
        problems = run_unprivileged(lambda: check_disk_space(plan, root, root), folder)

    assert [(problem.id, problem.subject) for problem in problems] == [("read-only", "app")]


def test_rehearsal_names_what_its_user_may_not_write() -> None:
    """A migration by this user would be refused, although its copy can be written."""
    with common_folder() as folder:
        read_only_of_rehearsal(build_two_sources(folder / "imports"))  # an unprivileged user may not import
        root = build_two_sources(folder / "workspace")
        (root / "backups").mkdir(0o555)
        (root / "logs/tasks.db").chmod(0o444)
        root.chmod(0o555)
        read_only = run_unprivileged(lambda: read_only_of_rehearsal(root), folder)

    assert read_only == ["workspace", "backups", "logs/tasks.db"]


def read_only_of_rehearsal(root: Path) -> list[str]:
    """Return what the preflight of a rehearsal says that its user may not write to."""
    run = a_run(root, mode=Mode.REHEARSAL)
    try:
        run.perform(PREFLIGHT)
        return [finding.subject for finding in run.inspected.findings if finding.id == "read-only-here"]
    finally:
        run.close()

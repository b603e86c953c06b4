"""Specify that a run goes on while another process loads its dumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from sqlite_consolidate.engine.backup import copies
from sqlite_consolidate.engine.content.worker import DumpLoads
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.stages import BACKUP, TRANSFER, VERIFY
from sqlite_consolidate.engine.run.verdict import exit_code
from sqlite_consolidate.engine.verbs import write_backup_set
from sqlite_consolidate.observation import Outcome
from tests.support.workspaces.two_sources import a_run, build_two_sources, consolidate, execute, reach

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.backup.manifest import Manifest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a workspace whose last source is the largest database.

    Another process loads each dump.
    """
    monkeypatch.setattr(copies, "PARALLEL_MIN_BYTES", 0)
    root = build_two_sources(tmp_path / "workspace")
    execute(root / "logs/notes.db", "INSERT INTO notes VALUES ('large', zeroblob(300000))")
    execute(root / "workspace.db", "CREATE TABLE spare AS SELECT zeroblob(100000) AS data")
    return root


@pytest.fixture
def backed_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Manifest]:
    """Write the backup set, and record the dumps in the order in which their loads begin."""
    begun: list[str] = []
    begin = DumpLoads.begin

    def begin_and_record(self: DumpLoads, dump: Path) -> None:
        begun.append(dump.stem)
        begin(self, dump)

    monkeypatch.setattr(DumpLoads, "begin", begin_and_record)
    run = consolidate(a_run(root), until=BACKUP)
    run.end()
    return begun, run.sealed


def test_largest_database_is_dumped_first(backed_up: tuple[list[str], Manifest]) -> None:
    """The load of its dump takes longest. The manifest has the order of the plan."""
    begun, sealed = backed_up

    assert begun == ["notes", "target", "tasks"]
    assert [copy.name for copy in sealed.databases] == ["target", "tasks", "notes"]
    assert [copy.dump for copy in sealed.databases] == [f"databases/{copy.name}.sql" for copy in sealed.databases]


def loading(before: set[psutil.Process]) -> set[psutil.Process]:
    """Return the processes that this process has started since."""
    return set(psutil.Process().children()) - before


def test_one_process_loads_all_dumps_until_commit(root: Path) -> None:
    """The check before COMMIT waits for it, and it has ended then."""
    before = set(psutil.Process().children())
    run = a_run(root)
    reach(run, TRANSFER)
    assert len(loading(before)) == 1

    run.perform(VERIFY)
    result = run.check("dump-reloads")

    assert (result.outcome, len(result.evidence)) == (Outcome.PASSED, 3)
    assert loading(before) == set()
    assert not list(run.folder.rglob("*.reloaded"))
    run.end()


def test_load_ends_with_run_that_is_rolled_back(root: Path) -> None:
    """Neither a process nor a scratch database is left."""
    before = set(psutil.Process().children())
    run = a_run(root)
    reach(run, TRANSFER)

    run.end()

    assert loading(before) == set()
    assert not list(run.folder.rglob("*.reloaded"))
    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete


def test_dump_is_refused_when_its_load_was_killed(root: Path) -> None:
    """The criterion of the dump is not examined, nothing is committed, and all is rolled back."""
    before = set(psutil.Process().children())
    run = a_run(root)
    reach(run, TRANSFER)
    (child,) = loading(before)
    child.kill()

    run.perform(VERIFY)
    unmet = [id for id in run.log.demanded(VERIFY) if not run.check(id).outcome.holds]
    run.end()

    assert unmet == ["dump-reloads"]
    assert "reader-ended" in run.log.results["dump-reloads"].text
    assert exit_code(run.log, has_acted=True) is ExitCode.FAILED


@pytest.mark.parametrize("in_second_process", [True, False])
def test_folder_named_like_a_scratch_file_is_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch, *, in_second_process: bool
) -> None:
    """The problem names the folder, and all is rolled back."""
    if not in_second_process:
        monkeypatch.setattr(copies, "PARALLEL_MIN_BYTES", 1 << 30)
    run = a_run(root)
    folder = run.folder / "databases/tasks.sql.reloaded"
    monkeypatch.setattr(write_backup_set, "create_backup_set", lambda path: create_with(path, folder))
    reach(run, TRANSFER)

    run.perform(VERIFY)
    result = run.check("dump-reloads")
    run.end()

    assert (result.outcome, "tasks.sql.reloaded" in result.text) == (Outcome.NOT_EXAMINED, True)
    assert "[scratch-taken]" in result.text
    assert run.log.rolled_back is not None
    assert run.log.rolled_back.complete
    assert folder.is_dir()


def create_with(backup_set: Path, folder: Path) -> None:
    """Create a backup set with another folder in it."""
    copies.create_backup_set(backup_set)
    folder.mkdir(0o700)

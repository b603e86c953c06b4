"""Test that a killed run is undone and rows of other processes are kept."""

from __future__ import annotations

import shutil
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.backup_set import interrupted_sets, last_finished, recover
from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.backup.rollback import rollback
from sqlite_consolidate.engine.run.results import Context
from sqlite_consolidate.engine.run.stages import BACKUP, SCHEMA, TRANSFER, VERIFY
from tests.support.processes import die, is_killed_at_change, run_in_child
from tests.support.thorough import sampled, thorough
from tests.support.workspaces.killed_runs import die_after, run_until_killed
from tests.support.workspaces.two_sources import (
    SET,
    STAMP,
    a_run,
    build_two_sources,
    consolidated,
    database,
    execute,
    plan_of,
    reach,
    state,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from sqlite_consolidate.engine.run.stages import Stage
else:
    from sqlite_utils.utils import sqlite3

AFTER_SEAL = [
    ("before it is noted that the set is sealed", "sealed", 1),
    ("before the COMMIT", "committing", 1),
    ("after the COMMIT, before it is noted", "committed", 1),
    ("before the first file is rewritten", "rewriting", 1),
    ("between two rewritten files", "rewriting", 2),
    ("before the first renaming", "archiving", 1),
    ("after the first renaming, before it is noted", "archived", 1),
    ("between two renamings", "archiving", 2),
    ("after the archive, before the record is noted", "recorded", 1),
    ("after the last stage, before the end", "finished", 1),
]


def die_in_the_transfer(root: Path) -> None:
    """Consolidate in a process that is killed after the first source.

    Half of the pages are in the target's file then.
    """
    database(root / "logs/big.db", "CREATE TABLE big(x)")
    execute(root / "logs/big.db", "INSERT INTO big VALUES(randomblob(600000))")
    plan = root / "consolidation.toml"
    source = '\n[[source]]\nname = "big"\nfile = "logs/big.db"\npriority = -1\n  [[source.table]]\n  name = "big"\n'
    plan.write_text(plan.read_text() + source)

    def on_progress(words: str) -> None:
        if words.startswith("copying logs/tasks.db"):
            die()

    def run() -> None:
        mortal = a_run(root, context=Context(on_progress=on_progress))
        reach(mortal, SCHEMA)
        mortal.target.connection.execute("PRAGMA cache_size=5")
        mortal.perform(TRANSFER)

    assert run_in_child(run) == -signal.SIGKILL
    assert (root / "workspace.db-journal").stat().st_size > 512  # this is a hot journal


@pytest.mark.parametrize("target", sampled([True, False], 0), ids=["target", "no target"])
@pytest.mark.parametrize(
    ("event", "times"),
    sampled([point[1:] for point in AFTER_SEAL], 2, 7),
    ids=[point[0] for point in AFTER_SEAL],
)
def test_killed_run_is_undone(tmp_path: Path, target: bool, event: str, times: int) -> None:
    """Contents, code, names and modes are as before, at every point after the backup."""
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root)
    run_until_killed(root, event, times)
    assert len(interrupted_sets(root, plan_of(root))) == 1

    [finding] = recover(root, plan_of(root))

    assert state(root) == before
    assert (finding.id, finding.level, finding.subject) == ("run-cut-short", "attention", f"small-{STAMP}")
    assert (root / SET / "manifest.json").exists()
    assert interrupted_sets(root, plan_of(root)) == []
    assert recover(root, plan_of(root)) == []


@pytest.mark.parametrize("stage", [TRANSFER, *thorough(SCHEMA, VERIFY)], ids=lambda stage: stage.id)
@pytest.mark.parametrize("target", sampled([True, False], 0), ids=["target", "no target"])
def test_run_killed_in_its_transaction_is_undone(tmp_path: Path, stage: Stage, target: bool) -> None:
    """Nothing was committed."""
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root)
    die_after(root, stage)

    recover(root, plan_of(root))

    assert state(root) == before


@pytest.mark.parametrize("target", sampled([True, False], 0), ids=["target", "no target"])
def test_hot_journal_of_killed_run_is_rolled_back(tmp_path: Path, target: bool) -> None:
    """Pages were in the target's file before COMMIT."""
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root).databases
    die_in_the_transfer(root)

    recover(root, plan_of(root))

    after = state(root)
    assert {name: after.databases[name] for name in before} == before
    assert sorted(after.databases.keys() - before.keys()) == ["logs/big.db"]
    assert [name for name in after.files if "workspace.db" in name] == []


@pytest.mark.parametrize("event", ["archiving", *thorough("finished")])
def test_hot_journal_of_source_is_rolled_back(root: Path, event: str) -> None:
    """Leaving WAL mode is a transaction as well."""
    before = state(root)
    run_until_killed(root, event, 1)
    [tasks] = (root / "logs").glob("tasks.db*")
    tasks.rename(root / "logs/tasks.db")

    def die_in_a_transaction() -> None:
        con = sqlite3.connect(root / "logs/tasks.db", isolation_level=None)
        con.execute("PRAGMA cache_size=1")
        con.execute("BEGIN")
        con.execute("CREATE TABLE half AS SELECT randomblob(100000)")
        die()

    assert run_in_child(die_in_a_transaction) == -signal.SIGKILL
    assert (root / "logs/tasks.db-journal").stat().st_size > 512

    recover(root, plan_of(root))

    assert state(root) == before


def test_recovery_is_tried_again_beside_a_hot_journal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails can keep SQLite from rolling it back, so that nothing is restored yet."""
    before = state(root)
    run_until_killed(root, "committing", 1)
    with monkeypatch.context() as failing:
        failing.setattr(rollback, "has_hot_journal", lambda path: path == root / "workspace.db")
        rollback.roll_back(root, root / SET)
    assert [each.folder for each in interrupted_sets(root, plan_of(root))] == [root / SET]

    recover(root, plan_of(root))

    assert interrupted_sets(root, plan_of(root)) == []
    assert state(root) == before


@pytest.mark.parametrize("name", ["workspace.db", *thorough("logs/notes.db")])
def test_journal_without_synced_header_is_deleted(root: Path, name: str) -> None:
    """SQLite ignores it and does not delete it."""
    before = state(root)
    run_until_killed(root, "archiving", 1)
    (root / f"{name}-journal").write_bytes(b"\0" * 4096)

    recover(root, plan_of(root))

    assert state(root) == before


def test_run_killed_before_sealing_leaves_no_set(root: Path) -> None:
    """The run had changed nothing, and the finding names its set."""
    before = state(root)

    def on_progress(words: str) -> None:
        if words.startswith("dumping logs/notes.db"):
            die()

    def run() -> None:
        reach(a_run(root, context=Context(on_progress=on_progress)), BACKUP)

    assert run_in_child(run) == -signal.SIGKILL

    findings = recover(root, plan_of(root))

    assert [(finding.id, finding.subject) for finding in findings] == [("run-cut-short", f"small-{STAMP}")]
    assert state(root) == before
    assert list((root / "backups").glob("[!.]*")) == []


@pytest.mark.parametrize("step", [25, *thorough(7)])
def test_run_killed_before_any_file_change_is_undone(root: Path, tmp_path: Path, step: int) -> None:
    """The run is killed before each of these changes of a file or a name."""
    before = state(root)
    number, killed, points = 1, True, 0
    while killed:
        copy = tmp_path / f"at-{number}"
        shutil.copytree(root, copy, copy_function=shutil.copy2)
        killed = is_killed_at_change(partial(consolidated, copy), number)
        finished = last_finished(copy, plan_of(copy))

        recover(copy, plan_of(copy))

        if finished is None:
            assert state(copy) == before, number
            assert no_remains(copy), number
        number, points = number + step, points + 1
    assert finished is not None
    assert points > 5


@pytest.mark.parametrize("file", [".gitignore", "..gitignore.x1y2"])
def test_set_without_an_event_is_deleted(root: Path, file: str) -> None:
    """The run was killed while it wrote, or after it had written, the first file of the set."""
    folder = root / "backups" / f"{plan_of(root).name}-20260101_000000"
    folder.mkdir(parents=True)
    (folder / file).write_text("*")

    recover(root, plan_of(root))

    assert not folder.exists()


def no_remains(root: Path) -> bool:
    """Return whether every backup set is sealed."""
    return all((folder / "manifest.json").exists() for folder in (root / "backups").glob("[!.]*"))


@pytest.mark.parametrize("event", ["rewriting", *thorough("finished")])
@pytest.mark.parametrize("step", [3, *thorough(1)])
def test_killed_recovery_can_be_retried(tmp_path: Path, event: str, step: int) -> None:
    """It is killed before each of these changes of a file or a name."""
    root = build_two_sources(tmp_path / "workspace")
    before = state(root)
    run_until_killed(root, event, 1)
    number, killed = 0, True
    while killed:
        number += step
        copy = tmp_path / f"at-{number}"
        shutil.copytree(root, copy, copy_function=shutil.copy2)
        killed = is_killed_at_change(partial(recover, copy, plan_of(copy)), number)

        recover(copy, plan_of(copy))

        assert state(copy) == before, number
        assert interrupted_sets(copy, plan_of(copy)) == []
    assert number > 4


@pytest.mark.parametrize("step", [3, *thorough(1)])
def test_killed_rollback_is_finished_by_recovery(tmp_path: Path, step: int) -> None:
    """A run never starts on a workspace that is half rolled back."""
    root = build_two_sources(tmp_path / "workspace")
    before = state(root)
    folder = consolidated(root)
    begun, number, killed = 0, 0, True
    while killed:
        number += step
        copy = tmp_path / f"at-{number}"
        shutil.copytree(root, copy, copy_function=shutil.copy2)
        consolidated_state = state(copy)
        killed = is_killed_at_change(partial(rollback.roll_back, copy, copy / SET), number)
        started = Ledger(copy / SET).has("putting-back")

        findings = recover(copy, plan_of(copy))

        assert state(copy) == (before if started else consolidated_state), number
        begun += bool(findings)
        assert {finding.id for finding in findings} <= {"run-cut-short"}
    assert begun > 4 // step
    assert folder.exists()


def test_rows_written_after_a_crash_are_kept(root: Path) -> None:
    """They are in a source and in the target, and each has a finding."""
    die_after(root, TRANSFER)
    execute(root / "logs/tasks.db", "INSERT INTO tasks(title) VALUES('new')")
    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    findings = recover(root, plan_of(root))

    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(4,)]
    assert execute(root / "workspace.db", "SELECT count(*) FROM projects") == [(3,)]
    assert sum(finding.id == "recovery-inexact" for finding in findings) == 2
    assert recover(root, plan_of(root)) == []


def test_rows_in_committed_target_are_kept_in_backup_set(root: Path) -> None:
    """The target is restored, and its later contents are in the backup set."""
    before = state(root)
    run_until_killed(root, "rewriting", 1)
    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    [finding] = recover(root, plan_of(root))

    assert state(root) == before
    assert finding.id == "run-cut-short"
    assert "kept workspace.db " in finding.text
    kept = root / SET / "databases/workspace-before-rollback.db"
    assert execute(kept, "SELECT name FROM projects WHERE id = 3") == [("new",)]


def test_foreign_target_created_after_a_crash_stays(tmp_path: Path) -> None:
    """The run did not create it."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    die_after(root, BACKUP)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    recover(root, plan_of(root))

    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema") == [("mine",)]


def test_created_target_with_foreign_tables_stays(tmp_path: Path) -> None:
    """The run had created an empty file."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    die_after(root, SCHEMA)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    recover(root, plan_of(root))

    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema") == [("mine",)]

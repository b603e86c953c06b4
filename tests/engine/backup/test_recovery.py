"""A run that was killed is undone, and what others wrote meanwhile is kept."""

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
    """Consolidate in a process that is killed after the first source, with half of its pages in the target's file."""
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
    assert (root / "workspace.db-journal").stat().st_size > 512  # the case is what it says: a hot journal


@pytest.mark.parametrize("target", [True, False], ids=["target", "no target"])
@pytest.mark.parametrize(("event", "times"), [one[1:] for one in AFTER_SEAL], ids=[one[0] for one in AFTER_SEAL])
def test_a_killed_run_is_undone(tmp_path: Path, target: bool, event: str, times: int) -> None:
    """Wherever it died after the backup, contents, code, names and modes are those of before, and it is said."""
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root)
    run_until_killed(root, event, times)
    assert len(interrupted_sets(root, plan_of(root))) == 1

    said = recover(root, plan_of(root))

    assert state(root) == before
    assert len(said) == 1, said
    assert (said[0].id, said[0].level, said[0].subject) == ("run-cut-short", "attention", f"small-{STAMP}")
    assert (root / SET / "manifest.json").exists()
    assert interrupted_sets(root, plan_of(root)) == []
    assert recover(root, plan_of(root)) == []


@pytest.mark.parametrize("stage", [SCHEMA, TRANSFER, VERIFY], ids=lambda stage: stage.id)
@pytest.mark.parametrize("target", [True, False], ids=["target", "no target"])
def test_a_run_killed_inside_its_transaction_is_undone(tmp_path: Path, stage: Stage, target: bool) -> None:
    """Nothing was committed: the target is as it was, or not there."""
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root)
    die_after(root, stage)

    recover(root, plan_of(root))

    assert state(root) == before


@pytest.mark.parametrize("target", [True, False], ids=["target", "no target"])
def test_a_hot_journal_of_a_killed_run_is_played_back(tmp_path: Path, target: bool) -> None:
    """Pages that had reached the target's file before COMMIT are taken out again."""
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root).databases
    die_in_the_transfer(root)

    recover(root, plan_of(root))

    after = state(root)
    assert {name: after.databases[name] for name in before} == before
    assert sorted(after.databases.keys() - before.keys()) == ["logs/big.db"]
    assert [name for name in after.files if "workspace.db" in name] == []


@pytest.mark.parametrize("event", ["archiving", "finished"])
def test_a_hot_journal_of_a_source_is_played_back(root: Path, event: str) -> None:
    """Leaving WAL mode is a transaction, too: killed in it, a source is as before without anybody's help."""
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


@pytest.mark.parametrize("name", ["workspace.db", "logs/notes.db"])
def test_a_journal_that_was_only_begun_goes(root: Path, name: str) -> None:
    """Killed before its journal was synced, a transaction leaves one that SQLite passes over: no stray file stays."""
    before = state(root)
    run_until_killed(root, "archiving", 1)
    (root / f"{name}-journal").write_bytes(b"\0" * 4096)

    recover(root, plan_of(root))

    assert state(root) == before


def test_a_run_killed_before_its_set_was_sealed_leaves_nothing(root: Path) -> None:
    """Nothing had been changed; a set that is no backup goes, in words."""
    before = state(root)

    def on_progress(words: str) -> None:
        if words.startswith("dumping logs/notes.db"):
            die()

    def run() -> None:
        reach(a_run(root, context=Context(on_progress=on_progress)), BACKUP)

    assert run_in_child(run) == -signal.SIGKILL

    said = recover(root, plan_of(root))

    assert [(finding.id, finding.subject) for finding in said] == [("run-cut-short", f"small-{STAMP}")]
    assert state(root) == before
    assert list((root / "backups").iterdir()) == []


def test_killed_before_any_file_is_changed_by_python_a_run_is_undone(root: Path, tmp_path: Path) -> None:
    """Killed before every seventh change it makes to a file or a name, the whole run is undone without remains."""
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
        number, points = number + 7, points + 1
    assert finished is not None
    assert points > 5


def no_remains(root: Path) -> bool:
    """Tell whether every set is whole: sealed, or not there."""
    return all((folder / "manifest.json").exists() for folder in (root / "backups").glob("*"))


@pytest.mark.parametrize("event", ["rewriting", "finished"])
def test_a_recovery_that_is_killed_is_done_again(tmp_path: Path, event: str) -> None:
    """Killed before each change it makes to a file or a name, and run again, it still brings back everything."""
    root = build_two_sources(tmp_path / "workspace")
    before = state(root)
    run_until_killed(root, event, 1)
    number, killed = 0, True
    while killed:
        number += 1
        copy = tmp_path / f"at-{number}"
        shutil.copytree(root, copy, copy_function=shutil.copy2)
        killed = is_killed_at_change(partial(recover, copy, plan_of(copy)), number)

        recover(copy, plan_of(copy))

        assert state(copy) == before, number
        assert interrupted_sets(copy, plan_of(copy)) == []
    assert number > 4


def test_a_rollback_that_was_killed_is_finished(tmp_path: Path) -> None:
    """A consolidation that is half undone is never built upon: the next run undoes the other half first."""
    root = build_two_sources(tmp_path / "workspace")
    before = state(root)
    folder = consolidated(root)
    begun, number, killed = 0, 0, True
    while killed:
        number += 1
        copy = tmp_path / f"at-{number}"
        shutil.copytree(root, copy, copy_function=shutil.copy2)
        standing = state(copy)
        killed = is_killed_at_change(partial(rollback.roll_back, copy, copy / SET), number)
        started = Ledger(copy / SET).has("putting-back")

        said = recover(copy, plan_of(copy))

        assert state(copy) == (before if started else standing), number
        begun += bool(said)
        assert {finding.id for finding in said} <= {"run-cut-short"}
    assert begun > 4
    assert folder.exists()


def test_what_applications_wrote_after_a_crash_is_kept(root: Path) -> None:
    """Rows that came into sources and target between the crash and the recovery stay, and are spoken of."""
    die_after(root, TRANSFER)
    execute(root / "logs/tasks.db", "INSERT INTO tasks(title) VALUES('new')")
    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    said = recover(root, plan_of(root))

    assert execute(root / "logs/tasks.db", "SELECT count(*) FROM tasks") == [(4,)]
    assert execute(root / "workspace.db", "SELECT count(*) FROM projects") == [(3,)]
    assert sum(finding.id == "recovery-inexact" for finding in said) == 2
    assert recover(root, plan_of(root)) == []


def test_rows_written_into_a_committed_target_after_a_crash_are_kept_aside(root: Path) -> None:
    """The target goes back to what it was; what it held meanwhile is in the backup set, and that is said."""
    before = state(root)
    run_until_killed(root, "rewriting", 1)
    execute(root / "workspace.db", "INSERT INTO projects VALUES(3, 'new')")

    [said] = recover(root, plan_of(root))

    assert state(root) == before
    assert "kept workspace.db as it was" in said.text
    kept = root / SET / "databases/workspace-before-rollback.db"
    assert execute(kept, "SELECT name FROM projects WHERE id = 3") == [("new",)]


def test_a_target_made_by_somebody_else_after_a_crash_stays(tmp_path: Path) -> None:
    """A database that came under the target's name without the run is not the run's to remove."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    die_after(root, BACKUP)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    recover(root, plan_of(root))

    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema") == [("mine",)]


def test_a_created_target_that_an_application_has_filled_stays(tmp_path: Path) -> None:
    """The run had made an empty file; the tables in it are not the run's."""
    root = build_two_sources(tmp_path / "workspace", target=False)
    die_after(root, SCHEMA)
    database(root / "workspace.db", "CREATE TABLE mine(x)")

    recover(root, plan_of(root))

    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema") == [("mine",)]

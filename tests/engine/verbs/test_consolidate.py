"""Specify a whole run without pytest, and its rollback after each stage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.stages import BACKUP, COMMIT, PREFLIGHT, REFERENCES, SMOKE, stages_of
from sqlite_consolidate.engine.run.verdict import headline, verdict
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.problem import ProblemError
from tests.support.history_rows import row_of, runs_of
from tests.support.thorough import sampled
from tests.support.workspaces.two_sources import (
    CREATE_NOTES,
    STAMP,
    a_run,
    accept,
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

    from sqlite_consolidate.engine.run.stages import Stage


def test_run_moves_all_sources_into_the_target(root: Path) -> None:
    """The target has its own rows and those of all sources, and the history row.

    The code is rewritten, and the sources are archived.
    """
    consolidated(root)

    target = root / "workspace.db"
    assert execute(target, "SELECT * FROM projects") == [(1, "ours"), (2, None)]
    assert execute(target, "SELECT id, title FROM tasks") == [(1, "one"), (2, "two"), (3, "three")]
    assert execute(target, "SELECT id FROM notes ORDER BY id") == [("a",), ("b",), ("c",), ("d",), ("e",)]
    assert (root / "app/tasks.py").read_bytes() == b'PATH = "workspace.db"\r\n'
    assert sorted(path.name for path in (root / "logs").iterdir()) == [
        f"notes.db.archived_{STAMP}",
        f"tasks.db.archived_{STAMP}",
    ]
    assert runs_of(target) == [STAMP]
    row = row_of(target, STAMP)
    assert row is not None
    assert (row.run, row.backup_set) == (STAMP, f"backups/small-{STAMP}")
    assert row.sources.keys() == {"logs/tasks.db", "logs/notes.db"}


def test_run_keeps_modes_and_journal_mode(root: Path) -> None:
    """The target has its journal mode and permissions again.

    Rewritten code and archives keep their permissions as well.
    """
    before = state(root)

    consolidated(root)

    after = state(root)
    assert after.databases["workspace.db"][1:] == before.databases["workspace.db"][1:] == (0o640, "wal")
    assert after.files["app/tasks.py"][1] == before.files["app/tasks.py"][1] == 0o755
    assert after.databases[f"logs/tasks.db.archived_{STAMP}"][1] == 0o600


def test_missing_target_is_created(tmp_path: Path) -> None:
    """Only users who could read all of its sources can read it."""
    root = build_two_sources(tmp_path / "workspace", target=False)

    consolidated(root)

    assert execute(root / "workspace.db", "SELECT count(*) FROM tasks") == [(3,)]
    assert (root / "workspace.db").stat().st_mode & 0o777 == 0o600


def test_ledger_notes_each_step_of_a_run(root: Path) -> None:
    """Each step that changes the workspace is noted before it is taken.

    The end is noted once there is a verdict.
    """
    folder = consolidated(root)

    assert [event["event"] for event in Ledger(folder).events()] == [
        *("started", "sealed", "committing", "committed", "rewriting", "rewriting"),
        *("archiving", "archived", "archiving", "archived", "recorded", "finished"),
    ]


@pytest.mark.parametrize("until", sampled(stages_of(Mode.MIGRATE), 3, 5, 9), ids=lambda stage: stage.id)
@pytest.mark.parametrize("target", sampled([True, False], 0), ids=["target", "no target"])
def test_run_is_rolled_back_completely_after_each_stage(tmp_path: Path, until: Stage, target: bool) -> None:
    """Contents, code, names, permissions and journal modes are restored.

    The backup set is kept.
    """
    root = build_two_sources(tmp_path / "workspace", target=target)
    before = state(root)
    run = a_run(root)
    reach(run, until)

    done = run.put_back()
    run.close()

    assert done.holds, done.observations
    assert state(root) == before
    assert run.folder.exists() == (until != PREFLIGHT)


def test_rollback_does_not_hold_when_a_source_was_replaced(root: Path) -> None:
    """The run still holds the old file, which is not the one under its name."""
    run = a_run(root)
    reach(run, REFERENCES)
    (root / "logs/tasks.db").unlink()
    execute(root / "logs/tasks.db", "CREATE TABLE tasks(id)")

    done = run.put_back()

    run.close()
    assert not done.holds
    assert [observation.subject for observation in done.observations if not observation.holds] == ["logs/tasks.db"]


def test_second_run_after_a_rollback_makes_another_set(root: Path) -> None:
    """The second run succeeds, and the first backup set is unchanged."""
    first = a_run(root)
    reach(first, SMOKE)
    first.end()
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}

    second = consolidate(a_run(root, "20250131_130000"))

    assert verdict(second.log) == "accepted"
    assert second.folder != first.folder
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before


def test_second_run_after_a_migration_finds_no_sources(root: Path) -> None:
    """No row is doubled.

    The sources no longer exist, and that is a problem.
    """
    consolidated(root)

    run = a_run(root, "20250131_130000")
    run.perform(PREFLIGHT)
    result = run.check("sources-readable")
    run.end()

    missing = [entry.subject for entry in result.evidence if entry.outcome is Outcome.FAILED]
    assert sorted(missing) == ["logs/notes.db", "logs/tasks.db"]


def test_backup_set_is_removed_when_an_error_precedes_sealing(root: Path) -> None:
    """An incomplete backup is no backup, so its folder is removed."""
    run = a_run(root)
    accept(run, PREFLIGHT)
    (root / "app/tasks.py").unlink()

    with pytest.raises(FileNotFoundError):
        run.perform(BACKUP)
    run.end()

    assert not run.folder.exists()


def test_code_that_changed_during_the_run_is_not_rewritten(root: Path) -> None:
    """An edit after the preflight stops the run, is named, and survives the rollback."""
    run = a_run(root)
    reach(run, COMMIT)
    (root / "app/notes.py").write_text("edited")

    with pytest.raises(ProblemError) as caught:
        run.perform(REFERENCES)
    run.end()

    assert caught.value.ids[0] == "code-changed"
    assert (root / "app/notes.py").read_text() == "edited"
    assert (root / "app/tasks.py").read_bytes() == b'PATH = "tasks.db"\r\n'
    assert execute(root / "workspace.db", "SELECT name FROM sqlite_schema WHERE type = 'table'") == [("projects",)]


def test_smaller_source_than_planned_is_not_committed(root: Path) -> None:
    """The preflight refuses a plan that states another count than the source has."""
    file = root / "consolidation.toml"
    file.write_text(file.read_text().replace('name = "notes"\n\n', 'name = "notes"\n  rows = 6\n\n'))
    assert plan_of(root).sources[1].tables[0].rows == 6

    run = a_run(root)
    run.perform(PREFLIGHT)
    outcomes = {id: run.check(id).outcome for id in run.log.demanded(PREFLIGHT)}
    run.end()

    assert [id for id, outcome in outcomes.items() if not outcome.holds] == ["rows-as-stated"]
    assert outcomes["rows-as-stated"] is Outcome.FAILED


def test_rows_decided_by_a_conflict_policy_are_a_finding(root: Path) -> None:
    """A target row with the key of a source row stays, and the backup set lists the key."""
    execute(root / "workspace.db", CREATE_NOTES)
    execute(root / "workspace.db", "INSERT INTO notes VALUES('a', 'ours')")
    policy = 'name = "notes"\n  on_conflict = "prefer-target"\n\n'
    file = root / "consolidation.toml"
    file.write_text(file.read_text().replace('name = "notes"\n\n', policy))

    run = consolidate(a_run(root))

    assert verdict(run.log) == "accepted"
    assert execute(root / "workspace.db", "SELECT body FROM notes WHERE id = 'a'") == [("ours",)]
    assert len(run.target.conflicts) == 1
    [finding] = [finding for finding in run.log.findings if finding.id == "rows-not-moved"]
    assert (finding.level, finding.subject, finding.count) == ("attention", "logs/notes.db:notes", 1)
    assert [(table.skipped, table.identical) for table in run.target.copied_tables if table.skipped] == [(1, 0)]


@pytest.mark.parametrize("absent", [["tasks"], ["tasks", "notes"]], ids=["one of two", "both"])
def test_optional_source_that_is_absent_brings_no_table(root: Path, absent: list[str]) -> None:
    """The plan allows an absent source.

    The other sources are moved, and the run is accepted.
    """
    file = root / "consolidation.toml"
    for name in absent:
        file.write_text(file.read_text().replace(f'"logs/{name}.db"\n', f'"logs/{name}.db"\noptional = true\n'))
        for path in (root / "logs").glob(f"{name}.db*"):
            path.unlink()

    run = consolidate(a_run(root))

    assert verdict(run.log) == "accepted"
    tables = {name for (name,) in execute(root / "workspace.db", "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert not tables & set(absent)
    about_tables = ("tables-created", "rows-counted", "rows-exact", "no-duplicates", "values-fit", "keys-free")
    about_sources = ("nothing-left-behind", "archived", "archive-restorable", "no-late-writes")
    expected = Outcome.NOT_REQUIRED if len(absent) == len(plan_of(root).sources) else Outcome.PASSED
    assert {run.log.outcome(id) for id in (*about_tables, *about_sources)} == {expected}
    run.log.finish(datetime.now(UTC))
    assert headline(run.log, ExitCode.ACCEPTED).endswith(run.log.headline_suffix)
    assert bool(run.log.headline_suffix) == (expected == Outcome.NOT_REQUIRED)


@pytest.mark.parametrize("mode", [Mode.REHEARSAL, Mode.MIGRATE])
def test_marks_of_open_decisions_are_a_finding(root: Path, mode: Mode) -> None:
    """It names the lines of the plan, and a text that only looks like a mark is none."""
    plan = root / "consolidation.toml"
    text = plan.read_text("utf-8")
    plan.write_text(f'# decide: which file?\n{text}\n  # decide: which row?\n[change]\nid = "# decide: "\n', "utf-8")
    run = a_run(root, mode=mode)

    run.perform(PREFLIGHT)
    findings = [finding for finding in run.inspected.findings if finding.id == "decision-open"]
    run.close()

    assert [(finding.subject, finding.count, finding.level) for finding in findings] == [(plan.name, 2, "attention")]
    assert f"lines 1 and {text.count(chr(10)) + 3})" in findings[0].text
    assert run.inspected.problems == []
